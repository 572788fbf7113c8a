"""Batches for the audio encoder: log-mels of clips, padded, and what is known of each as tensors.

Which clips make a batch is drawn elsewhere (`data.batches`); sound is read here and nowhere else in this training.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.data.records import Clip
from stepwave.facts.errors import AudioError, AudioTooShortError, DataError
from stepwave.facts.rates import ENCODER_RATE, PIECE_SAMPLES, encoder_frames
from stepwave.models.audio_heads import UNKNOWN, AudioTargets
from stepwave.signal.masking import Masking, masked
from stepwave.signal.mel import log_mel
from stepwave.signal.resample import Samples
from stepwave.training.encoder.items import AGES, EncoderItem


@dataclass(frozen=True)
class EncoderBatch:
    """Log-mels `[b, bands, T]`, how many frames of each are valid `[b]`, and what is known of them."""

    mel: Tensor
    lengths: Tensor
    targets: AudioTargets
    clips: tuple[str, ...]
    """Their ids."""


class EncoderCollator:
    """Makes batches; what can't be read is left out and noted."""

    def __init__(self, events: Sequence[str], bands: int, read: Callable[[Clip], Samples]) -> None:
        """`events` are the sounds to tell apart, in the order of their targets; `read` gives samples at 16 kHz."""
        self.bands, self.read = bands, read
        self.places = {name: place for place, name in enumerate(events)}
        self.unreadable: dict[str, str] = {}
        """Clips that were left out, by id, and why."""

    def __call__(
        self, items: Sequence[EncoderItem], masking: Masking | None = None, chooser: random.Random | None = None
    ) -> EncoderBatch:
        """Read clips, of each at most one 25 s piece; with `masking`, `chooser` draws what is blanked.

        Raises DataError where none of them can be read.
        """
        kept: list[EncoderItem] = []
        mels: list[Tensor] = []
        for item in items:
            try:
                mel = self._mel(item.clip)
            except AudioError as problem:
                self.unreadable[item.clip.id] = str(problem)
                continue
            kept.append(item)
            mels.append(mel if masking is None or chooser is None else masked(mel, masking, chooser))
        if not kept:
            first = items[0].clip.id
            raise DataError(
                f"none of the {len(items)} clips of a batch can be read (of {first}: {self.unreadable[first]}); make "
                "them again, or leave them out of the manifest"
            )
        lengths = torch.tensor([mel.shape[1] - 2 for mel in mels])
        # An odd number of frames, so that every clip keeps the states that it keeps alone (`attended_states`).
        longest = max(mel.shape[1] for mel in mels) | 1
        padded = torch.stack([F.pad(mel, (0, longest - mel.shape[1])) for mel in mels])
        return EncoderBatch(padded, lengths, self._targets(kept, longest), tuple(item.clip.id for item in kept))

    def _mel(self, clip: Clip) -> Tensor:
        mel = log_mel(torch.from_numpy(self.read(clip)[:PIECE_SAMPLES]), self.bands)
        if encoder_frames(mel.shape[1] - 2) < 1:
            raise AudioTooShortError(f"clip {clip.id} is shorter than one frame of the encoder; leave it out")
        return mel

    def _targets(self, items: Sequence[EncoderItem], longest: int) -> AudioTargets:
        rows, frames = len(items), encoder_frames(longest)
        ages = torch.zeros(rows, len(AGES), dtype=torch.bool)
        events = torch.zeros(rows, len(self.places), dtype=torch.bool)
        moments = torch.zeros(rows, frames, len(self.places), dtype=torch.bool)
        for row, item in enumerate(items):
            ages[row, sorted(item.ages)] = True
            # A held-out clip may have sounds that none to learn from has.
            events[row, sorted(self.places[name] for name in item.events or () if name in self.places)] = True
            for name, start, end in item.spans or ():
                if name in self.places:
                    moments[row, int(start * ENCODER_RATE) : round(end * ENCODER_RATE), self.places[name]] = True
        return AudioTargets(
            words=torch.tensor([label for item in items for label in item.words], dtype=torch.long),
            word_counts=torch.tensor([len(item.words) for item in items]),
            ages=ages,
            genders=torch.tensor([UNKNOWN if item.gender is None else item.gender for item in items]),
            events=events,
            events_known=torch.tensor([item.events is not None for item in items]),
            event_frames=moments,
            event_frames_known=torch.tensor([item.spans is not None for item in items]),
        )
