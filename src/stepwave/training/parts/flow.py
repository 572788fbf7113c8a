"""Trains flow matching: speech tokens and a speaker vector to mel. The loss itself belongs to the module."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from stepwave.data.clips import SpokenClip, voice_vectors
from stepwave.data.mels import MelCache
from stepwave.data.multi_store import Tensors
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import SPEECH_MEL_PER_TOKEN
from stepwave.models.flow import FlowMatching
from stepwave.training.experiment import Experiment, Losses


@dataclass(frozen=True)
class FlowBatch:
    """Codes `[b, n]`, mel `[b, 2n, 80]`, speaker vectors `[b, s]`, valid codes `[b]`."""

    codes: Tensor
    mel: Tensor
    speaker: Tensor
    lengths: Tensor


class FlowTraining(Experiment):
    """The experiment: crops of clips with known codes and voices."""

    def __init__(
        self,
        flow: FlowMatching,
        clips: Sequence[SpokenClip],
        checks: Sequence[SpokenClip],
        store: Tensors,
        batch: int = 8,
        crop: int = 125,
        encoder_weight: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Takes the clips whose codes and speaker vectors are in `store`; one that comes twice is drawn twice as often.

        `crop` is the longest stretch in codes (25 a second); mels are computed once and held in half precision.
        `encoder_weight` is what the encoder's distance from the mel counts beside the velocity's.
        Raises ConfigError where no clip has both.
        """
        self.encoder_weight = encoder_weight
        self.flow, self.seed, self.rows, self.crop = flow, seed, batch, crop
        self.store = store
        self.voices = voice_vectors([*clips, *checks], store)
        self.clips, self.checks = self._known(clips), self._known(checks)
        if not self.clips:
            raise ConfigError(
                f"of {len(clips)} clips none has codes and a speaker vector; run `stepwave prepare nano --step tokens` "
                "first"
            )
        self.mels = MelCache()

    def module(self) -> nn.Module:
        """See `Experiment.module`."""
        return self.flow

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """All of the flow."""
        return {"flow": list(self.flow.parameters())}

    def batch(self, step: int) -> FlowBatch:
        """Random crops of random clips."""
        chooser = np.random.default_rng((self.seed, step))
        chosen = chooser.integers(len(self.clips), size=self.rows)
        return self._collate([self.clips[index] for index in chosen], chooser)

    def _known(self, clips: Sequence[SpokenClip]) -> list[SpokenClip]:
        return [one for one in clips if f"{one.id}.codes" in self.store and one.voice in self.voices]

    def _collate(self, clips: list[SpokenClip], chooser: np.random.Generator | None) -> FlowBatch:
        codes, mels, speakers = [], [], []
        for clip in clips:
            code, mel = self.store[f"{clip.id}.codes"].long(), self.mels[clip.clip]
            count = min(len(code), len(mel) // SPEECH_MEL_PER_TOKEN)
            start = 0 if chooser is None or count <= self.crop else int(chooser.integers(count - self.crop + 1))
            stop = min(count, start + self.crop)
            codes.append(code[start:stop])
            mels.append(mel[SPEECH_MEL_PER_TOKEN * start : SPEECH_MEL_PER_TOKEN * stop].float())
            speakers.append(self.voices[clip.voice])
        return FlowBatch(
            pad_sequence(codes, batch_first=True),
            pad_sequence(mels, batch_first=True),
            torch.stack(speakers),
            torch.tensor([len(code) for code in codes]),
        )

    def losses(self, batch: FlowBatch) -> Iterator[Losses]:
        """The velocity's squared error and the encoder's."""
        velocity, encoder = self._losses(batch)
        yield Losses.of(
            "flow", {"loss": velocity + self.encoder_weight * encoder, "velocity": velocity, "encoder": encoder}
        )

    def _losses(self, batch: FlowBatch) -> tuple[Tensor, Tensor]:
        device = next(self.flow.parameters()).device
        return self.flow.losses(
            batch.codes.to(device), batch.mel.to(device), batch.speaker.to(device), batch.lengths.to(device)
        )

    def size(self, batch: FlowBatch) -> int:
        """Valid mel frames."""
        return int(batch.lengths.sum()) * SPEECH_MEL_PER_TOKEN

    def validate(self) -> dict[str, float]:
        """Mean losses on held-out clips, with always the same noise (the caller fixes the seed)."""
        losses = [self._losses(self._collate([clip], None)) for clip in self.checks]
        return {
            name: sum(float(pair[place]) for pair in losses) / max(len(losses), 1)
            for place, name in enumerate(("velocity", "encoder"))
        }
