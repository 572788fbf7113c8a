"""`tokenise`: speech tokens, speaker vectors and encoder frames of every clip of a manifest, by the parts of a model.

    CLIP.codes    int16 [n], 25 a second
    CLIP.speaker  float16 [256] (nano) or [192] (mini)
    CLIP.frames   float16 [E, width], the frozen encoder's 25 Hz output

They lie in `parts/part-*.safetensors`, which `data.store.TensorStore` reads as one mapping; the manifest stays what it
was, with the number of speech tokens in each clip's attributes. A clip that several records share is computed once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final, get_args

from stepwave.data.manifests import read_clip, read_manifest
from stepwave.data.records import Clip, Record
from stepwave.facts.errors import AudioError, ConfigError
from stepwave.prepare.model_parts import Arrays, What, open_parts
from stepwave.prepare.pipeline.steps import Kept, Outcome, Step, Worker, dropped
from stepwave.signal.resample import Samples

FRESH: Final = "clips to compute"
"""In a row's details while it is worked at."""


@dataclass(frozen=True)
class Tokenise(Step):
    """Settings of the step."""

    name: ClassVar[str] = "tokenise"
    part_size: ClassVar[int] = 32

    manifest: Path
    model: str = "nano"
    """Name or folder of the model whose parts are used."""
    what: tuple[What, ...] = ("codes", "speaker")
    """What is computed. Frames are large: 26 MB an hour at nano's width, and only nano has them."""
    device: str = "cpu"
    batch: int = 1
    """Clips of similar length that go through encoder and tokenizer together; more than 1 pays on a GPU."""

    def __post_init__(self) -> None:
        unknown = [each for each in self.what if each not in get_args(What)]
        if unknown or not self.what or self.batch < 1:
            raise ConfigError(
                f"{', '.join(self.what) or 'nothing'} in batches of {self.batch}; "
                f"wanted some of {', '.join(get_args(What))} in batches of 1 or more"
            )

    def rows(self) -> Iterable[Record]:
        """The records, each with the clips that no record before it had."""
        seen: set[str] = set()
        for record in read_manifest(self.manifest):
            fresh = [clip.id for clip in record.clips if clip.id not in seen]
            seen.update(fresh)
            yield replace(record, details={**record.details, FRESH: fresh})

    def open(self) -> Worker:
        """Opens the model's parts."""
        return _Tokeniser(self)


class _Tokeniser:
    def __init__(self, step: Tokenise) -> None:
        import torch

        if step.device == "cpu":
            # Parts are the unit of parallel work; more threads in each would only be in each other's way.
            torch.set_num_threads(1)
        self.step = step
        self.parts = open_parts(step.model, step.device)

    def __call__(self, rows: Sequence[Record]) -> Iterator[Outcome]:
        sounds: list[tuple[str, Samples]] = []
        problems: dict[str, AudioError] = {}
        for clip in (clip for row in rows for clip in row.clips if clip.id in row.details[FRESH]):
            try:
                sounds.append((clip.id, read_clip(clip)[0]))
            except AudioError as problem:
                problems[clip.id] = problem
        found: dict[str, Arrays] = {}
        sounds.sort(key=lambda each: (len(each[1]), each[0]))
        for start in range(0, len(sounds), self.step.batch):
            names, batch = zip(*sounds[start : start + self.step.batch], strict=True)
            found |= zip(names, self.parts(batch, self.step.what), strict=True)
        for row in rows:
            yield self._outcome(row, found, problems)

    def _outcome(self, row: Record, found: Mapping[str, Arrays], problems: Mapping[str, AudioError]) -> Outcome:
        damaged = [clip.id for clip in row.clips if clip.id in problems]
        if damaged:
            return dropped(row, problems[damaged[0]])

        def counted(clip: Clip) -> Clip:
            codes = found.get(clip.id, {}).get("codes")
            return clip if codes is None else replace(clip, attributes={**clip.attributes, "speech_tokens": len(codes)})

        details = {name: value for name, value in row.details.items() if name != FRESH}
        arrays = {f"{name}.{what}": array for name in row.details[FRESH] for what, array in found.get(name, {}).items()}
        return Kept(replace(row, details=details).with_clips(counted), arrays=arrays)
