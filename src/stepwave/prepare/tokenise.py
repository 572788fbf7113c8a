"""`tokenise`: what training reads in place of sound, of every clip of a manifest: tokens, vectors, frames, pitch.

    CLIP.codes       int16 [n], 25 a second
    CLIP.speaker     float16 [256] (nano) or [192] (mini)
    CLIP.frames      float16 [E, width], the frozen encoder's 25 Hz output
    CLIP.f0          float32 [t], Hz at 50 a second, 0 where unvoiced: what the vocoder learns from
    CLIP~1.frames    the same clip as if heard elsewhere (see `augment`), where a human turn says it; ~2 and so on

They lie in `parts/part-*.safetensors`, which `data.store.TensorStore` reads as one mapping; the manifest stays what it
was, with the number of speech tokens in each clip's attributes. A clip that several records share is computed once.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, TypeAlias, get_args

import numpy as np

from stepwave.data.manifests import read_clip, read_manifest
from stepwave.data.records import Clip, Record
from stepwave.facts.errors import AudioError, ConfigError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.prepare.augment import Augmenter
from stepwave.prepare.model_parts import Arrays, What, open_parts
from stepwave.prepare.pipeline.steps import Kept, Outcome, Step, Worker, dropped, unseen
from stepwave.prepare.pitch import TRACKER, fundamental_frequency
from stepwave.signal.resample import Samples

Asked: TypeAlias = Literal["codes", "speaker", "frames", "pitch"]
FRESH: Final = "clips to compute"
"""In a row's details while it is worked at."""
HEARD: Final = "clips to hear elsewhere"
"""In a row's details while it is worked at."""


@dataclass(frozen=True)
class Tokenise(Step):
    """Settings of the step."""

    name: ClassVar[str] = "tokenise"
    part_size: ClassVar[int] = 32

    manifest: Path
    model: str = "nano"
    """Name or folder of the model whose parts are used."""
    what: tuple[Asked, ...] = ("codes", "speaker")
    """What is computed. Frames are large, 26 MB an hour at nano's width, and nano's alone; pitch needs no model."""
    device: str = "cpu"
    batch: int = 1
    """Clips of similar length that go through encoder and tokenizer together; more than 1 pays on a GPU."""
    augment: int = 0
    """Readings of each clip of a human turn in other places, at other paces: their frames are stored too."""
    noises: Path | None = None
    """Manifest of sounds heard behind those readings; coloured noise alone where there is none."""
    seed: int = 0
    """Those readings are drawn from it."""

    def __post_init__(self) -> None:
        unknown = [each for each in self.what if each not in get_args(Asked)]
        if unknown or not (self.what or self.augment) or self.batch < 1 or self.augment < 0:
            raise ConfigError(
                f"{', '.join(self.what) or 'nothing'} and {self.augment} readings in batches of {self.batch}; "
                f"wanted some of {', '.join(get_args(Asked))}, 0 readings or more, in batches of 1 or more"
            )
        if self.noises is not None and not self.augment:
            raise ConfigError(
                f"noises from {self.noises} but no reading to be heard in them; ask for augment 1 or more"
            )

    def identity(self) -> dict[str, Any]:
        """See `Step.identity`; pitch of another tracker is another output."""
        return super().identity() | ({"pitch by": TRACKER} if "pitch" in self.what else {})

    def rows(self) -> Iterable[Record]:
        """The records, each with the clips that no record before it had."""
        seen: set[str] = set()
        heard: set[str] = set()
        for record in read_manifest(self.manifest):
            fresh = unseen((clip.id for clip in record.clips), seen) if self.what else []
            asked = (turn.clip.id for turn in record.turns if turn.role == "human" and turn.clip)
            elsewhere = unseen(asked, heard) if self.augment else []
            yield replace(record, details={**record.details, FRESH: fresh, HEARD: elsewhere})

    def open(self) -> Worker:
        """Opens the model's parts, where any are needed."""
        return _Tokeniser(self)


class _Tokeniser:
    def __init__(self, step: Tokenise) -> None:
        import torch

        if step.device == "cpu":
            # Parts are the unit of parallel work; more threads in each would only be in each other's way.
            torch.set_num_threads(1)
        self.step = step
        self.what: tuple[What, ...] = tuple(each for each in step.what if each != "pitch")
        needed: tuple[What, ...] = (*self.what, "frames") if step.augment else self.what
        self.parts = open_parts(step.model, step.device, needed) if needed else None
        sounds = read_manifest(step.noises) if step.noises else ()
        self.augment = Augmenter([clip for record in sounds if record.split == "train" for clip in record.clips])

    def __call__(self, rows: Sequence[Record]) -> Iterator[Outcome]:
        clean: list[tuple[str, Samples]] = []
        elsewhere: list[tuple[str, Samples]] = []
        found: dict[str, Arrays] = {}
        problems: dict[str, AudioError] = {}
        for row in rows:
            for clip in row.clips:
                try:
                    if clip.id in row.details[FRESH]:
                        clean += self._sound(clip, found)
                    if clip.id in row.details[HEARD]:
                        elsewhere += self._readings(clip)
                except AudioError as problem:
                    problems[clip.id] = problem
        self._compute(clean, self.what, found)
        self._compute(elsewhere, ("frames",), found)
        for row in rows:
            yield self._outcome(row, found, problems)

    def _sound(self, clip: Clip, found: dict[str, Arrays]) -> list[tuple[str, Samples]]:
        """What the model's parts shall hear of a clip, if anything; its pitch is added to what was found."""
        if "pitch" in self.step.what:
            found[clip.id] = {"f0": fundamental_frequency(read_clip(clip, OUTPUT_SAMPLE_RATE)[0]).numpy()}
        return [(clip.id, read_clip(clip)[0])] if self.what else []

    def _readings(self, clip: Clip) -> Iterator[tuple[str, Samples]]:
        samples, _ = read_clip(clip)
        for number in range(1, self.step.augment + 1):
            name = f"{clip.id}~{number}"
            yield name, self.augment(samples, np.random.default_rng((self.step.seed, zlib.crc32(name.encode()))))

    def _compute(self, sounds: list[tuple[str, Samples]], what: Sequence[What], found: dict[str, Arrays]) -> None:
        sounds.sort(key=lambda each: (len(each[1]), each[0]))
        for start in range(0, len(sounds) if self.parts else 0, self.step.batch):
            names, batch = zip(*sounds[start : start + self.step.batch], strict=True)
            assert self.parts is not None
            for name, arrays in zip(names, self.parts(batch, what), strict=True):
                found[name] = {**found.get(name, {}), **arrays}

    def _outcome(self, row: Record, found: Mapping[str, Arrays], problems: Mapping[str, AudioError]) -> Outcome:
        damaged = [clip.id for clip in row.clips if clip.id in problems]
        if damaged:
            return dropped(row, problems[damaged[0]])

        def counted(clip: Clip) -> Clip:
            codes = found.get(clip.id, {}).get("codes")
            return clip if codes is None else replace(clip, attributes={**clip.attributes, "speech_tokens": len(codes)})

        details = {name: value for name, value in row.details.items() if name not in (FRESH, HEARD)}
        names = [*row.details[FRESH]]
        names += [f"{name}~{number}" for name in row.details[HEARD] for number in range(1, self.step.augment + 1)]
        arrays = {f"{name}.{what}": array for name in names for what, array in found.get(name, {}).items()}
        return Kept(replace(row, details=details).with_clips(counted), arrays=arrays)
