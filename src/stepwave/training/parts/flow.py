"""Trains flow matching: speech tokens and a speaker vector to mel. The loss itself belongs to the module.

Where clips exist in other voices as well (see `prepare.revoice`), codes are taken from one voice and everything else
from another, so that codes do not tell whose voice to make; without, flow matching reads the voice off its codes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

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

OWN_VOICE: Final = 0.5
"""How often a clip is made in its own voice: those made of it sound slightly made."""
OWN_CODES: Final = 0.33
"""How often codes are those of the voice that is made, at least."""
CONVERTED: Final = 8
"""Held-out clips that a validation says in other voices."""


@dataclass(frozen=True)
class FlowBatch:
    """Codes `[b, n]`, those of the mel's own voice `[b, n]`, mel `[b, 2n, 80]`, vectors `[b, s]`, valid codes `[b]`."""

    codes: Tensor
    own_codes: Tensor
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

        `CLIP+1` and so on in `store` are the same clips in other voices, where there are any.

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
        return self._collate([self._drawn(self.clips[index], chooser) for index in chosen], chooser)

    def _drawn(self, clip: SpokenClip, chooser: np.random.Generator) -> "_Reading":
        """The clip in one of its voices, half the time its own; with codes of any, a third of the time the same."""
        others = list(_other_voices(clip.id, self.store))
        if not others:
            return _Reading(clip, clip.id, clip.id)
        made = clip.id if chooser.random() < OWN_VOICE else others[int(chooser.integers(len(others)))]
        every = [clip.id, *others]
        coded = made if chooser.random() < OWN_CODES else every[int(chooser.integers(len(every)))]
        return _Reading(clip, made, coded)

    def _known(self, clips: Sequence[SpokenClip]) -> list[SpokenClip]:
        return [one for one in clips if f"{one.id}.codes" in self.store and one.voice in self.voices]

    def _collate(self, readings: "list[_Reading]", chooser: np.random.Generator | None) -> FlowBatch:
        codes, own, mels, speakers = [], [], [], []
        for each in readings:
            mel = self._mel(each)
            coded, of_voice = (self.store[f"{name}.codes"].long() for name in (each.coded, each.voice))
            count = min(len(coded), len(of_voice), len(mel) // SPEECH_MEL_PER_TOKEN)
            start = 0 if chooser is None or count <= self.crop else int(chooser.integers(count - self.crop + 1))
            stop = min(count, start + self.crop)
            codes.append(coded[start:stop])
            own.append(of_voice[start:stop])
            mels.append(mel[SPEECH_MEL_PER_TOKEN * start : SPEECH_MEL_PER_TOKEN * stop].float())
            speakers.append(self._speaker(each))
        return FlowBatch(
            pad_sequence(codes, batch_first=True),
            pad_sequence(own, batch_first=True),
            pad_sequence(mels, batch_first=True),
            torch.stack(speakers),
            torch.tensor([len(code) for code in codes]),
        )

    def _mel(self, reading: "_Reading") -> Tensor:
        own = reading.voice == reading.clip.id
        return self.mels[reading.clip.clip] if own else self.store[f"{reading.voice}.mel"]

    def _speaker(self, reading: "_Reading") -> Tensor:
        name = f"{reading.voice}.speaker"
        return self.store[name].float() if name in self.store else self.voices[reading.clip.voice]

    def losses(self, batch: FlowBatch) -> Iterator[Losses]:
        """The velocity's squared error and the encoder's."""
        velocity, encoder = self._losses(batch)
        yield Losses.of(
            "flow", {"loss": velocity + self.encoder_weight * encoder, "velocity": velocity, "encoder": encoder}
        )

    def _losses(self, batch: FlowBatch, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        device = self._device
        return self.flow.losses(
            batch.codes.to(device),
            batch.mel.to(device),
            batch.speaker.to(device),
            batch.lengths.to(device),
            generator,
            prompt_codes=batch.own_codes.to(device),
        )

    def size(self, batch: FlowBatch) -> int:
        """Valid mel frames."""
        return int(batch.lengths.sum()) * SPEECH_MEL_PER_TOKEN

    def validate(self) -> dict[str, float]:
        """Mean losses on held-out clips, with always the same noise; and how well voices are taken on.

        For that some clips are said in the voice of the next one, by its speaker vector alone. How far their mean mel
        is from that voice's (`voice, told`) and from that which the codes were taken from (`voice, of codes`) shows
        whom flow matching listens to. Losses hardly do: except where all is noise, the mel itself tells who speaks.
        """
        batches = [self._collate([_Reading(clip, clip.id, clip.id)], None) for clip in self.checks]
        generator = torch.Generator(self._device).manual_seed(self.seed)
        losses = torch.tensor([self._losses(batch, generator) for batch in batches])
        velocity, encoder = losses.mean(0).tolist() if len(losses) else (0.0, 0.0)
        return {"velocity": velocity, "encoder": encoder, **self._voices_taken_on(batches[:CONVERTED])}

    def _voices_taken_on(self, batches: Sequence[FlowBatch]) -> dict[str, float]:
        if len(batches) < 2:
            return {}
        told, of_codes = 0.0, 0.0
        for one, other in zip(batches, (*batches[1:], *batches[:1]), strict=True):
            made = self.flow.generate(one.codes.to(self._device), None, None, other.speaker.to(self._device)).cpu()
            colour = made[0].mean(1)
            told += float((colour - other.mel[0].mean(0)).square().mean().sqrt()) / len(batches)
            of_codes += float((colour - one.mel[0].mean(0)).square().mean().sqrt()) / len(batches)
        return {"voice, told": told, "voice, of codes": of_codes}

    @property
    def _device(self) -> torch.device:
        return next(self.flow.parameters()).device


@dataclass(frozen=True)
class _Reading:
    """A clip, the name of the voice it is to be made in, and the name of the voice its codes are taken from."""

    clip: SpokenClip
    voice: str
    coded: str


def _other_voices(clip: str, store: Tensors) -> Iterator[str]:
    """Names under which a clip is stored in other voices."""
    number = 1
    while f"{clip}+{number}.mel" in store:
        yield f"{clip}+{number}"
        number += 1
