"""`revoice`: every clip of a manifest in other voices, in step with itself, so that flow matching learns to imitate.

A speech tokenizer leaves something of the speaker in its codes. A flow that learns from codes and mel of the same sound
therefore finds the voice in the codes, and at inference, where codes are always the assistant's, it speaks like the
assistant whatever speaker vector it is told. Here the same sound is made in several voices, frame by frame alike: codes
of one and mel of another leave the speaker vector and the prompt as the only places to learn the voice from (as
information perturbation does, Choi et al. 2021, "Neural Analysis and Synthesis").

    CLIP+1.codes     int16 [n], 25 a second
    CLIP+1.speaker   float16, the speaker vector of the new voice
    CLIP+1.mel       float16 [2n or one more, 80], natural-log mel, 50 a second; +2 and so on
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray

from stepwave.data.manifests import read_clip, read_manifest
from stepwave.data.records import Clip, Record
from stepwave.facts.errors import AudioError, ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE, OUTPUT_SAMPLE_RATE
from stepwave.prepare.model_parts import Parts, open_parts
from stepwave.prepare.pipeline.steps import Kept, Outcome, Step, Worker, dropped, one_by_one, unseen
from stepwave.prepare.voices.reshaping import AnalysedVoice, Reshaping
from stepwave.signal.mel import speech_mel
from stepwave.signal.resample import resample

LOWEST_PITCH, HIGHEST_PITCH = 75.0, 320.0
"""Median pitches of the voices that are made, in Hz."""
FURTHEST: Final = 2.0
"""Largest factor on a voice's pitch: an octave, beyond which WORLD's voices sound made."""
FORMANTS_WITH_PITCH: Final = 0.35
"""High voices come from small heads: by which power of the pitch's factor the formants move."""
FRESH: Final = "clips to revoice"
"""In a row's details while it is worked at."""


@dataclass(frozen=True)
class Revoice(Step):
    """Settings of the step."""

    name: ClassVar[str] = "revoice"
    part_size: ClassVar[int] = 32

    manifest: Path
    model: str = "nano"
    """Name or folder of the model whose speech tokenizer and speaker embedding are used."""
    voices: int = 3
    """In how many other voices each clip is made."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.voices < 1:
            raise ConfigError(f"got {self.voices} voices for each clip; wanted at least 1")

    def rows(self) -> Iterable[Record]:
        """The records, each with the clips that no record before it had."""
        seen: set[str] = set()
        for record in read_manifest(self.manifest):
            fresh = unseen((clip.id for clip in record.clips), seen)
            yield replace(record, details={**record.details, FRESH: fresh})

    def open(self) -> Worker:
        """Opens the model's parts."""
        # Parts of the manifest are the unit of parallel work; more threads in each would be in each other's way.
        torch.set_num_threads(1)
        parts = open_parts(self.model, "cpu", ("codes", "speaker"))

        def work(record: Record) -> Iterator[Outcome]:
            arrays: dict[str, NDArray[Any]] = {}
            try:
                for clip in record.clips:
                    if clip.id in record.details[FRESH]:
                        arrays |= self._revoiced(clip, parts)
            except AudioError as problem:
                yield dropped(record, problem)
                return
            details = {name: value for name, value in record.details.items() if name != FRESH}
            yield Kept(replace(record, details=details), arrays=arrays)

        return one_by_one(work)

    def _revoiced(self, clip: Clip, parts: Parts) -> dict[str, NDArray[Any]]:
        samples, _ = read_clip(clip, OUTPUT_SAMPLE_RATE)
        voice = AnalysedVoice.of(samples)
        found: dict[str, NDArray[Any]] = {}
        for number in range(1, self.voices + 1):
            name = f"{clip.id}+{number}"
            chooser = np.random.default_rng((self.seed, zlib.crc32(name.encode())))
            made = voice.reshaped(drawn(voice.pitch, chooser))
            (computed,) = parts([resample(made, OUTPUT_SAMPLE_RATE, INPUT_SAMPLE_RATE)], ("codes", "speaker"))
            computed["mel"] = speech_mel(torch.from_numpy(made)).T.half().numpy()
            found |= {f"{name}.{what}": array for what, array in computed.items()}
        return found


def drawn(pitch: float | None, chooser: np.random.Generator) -> Reshaping:
    """Another voice for one of a median `pitch` in Hz (None: it only whispers, and keeps doing so)."""
    wanted = np.exp(chooser.uniform(np.log(LOWEST_PITCH), np.log(HIGHEST_PITCH)))
    factor = float(np.clip(wanted / (pitch or wanted), 1 / FURTHEST, FURTHEST))
    formants = float(np.clip(factor**FORMANTS_WITH_PITCH * np.exp(chooser.normal(0, 0.07)), 0.75, 1.35))
    return Reshaping(factor, formants, melody=float(chooser.uniform(0.7, 1.4)))
