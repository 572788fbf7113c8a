"""What a preparation step is: settings, a list of rows to work at, a worker that turns rows into outcomes.

A step is a frozen dataclass. Its fields are everything that decides its output; together with the digest of what it
reads they identify it, so that a folder is never continued with other settings. Rows are records; they are planned in
one place, cheaply and from the seed alone (who speaks what, what is mixed with what), and worked at anywhere.
"""

import hashlib
import json
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar, TypeAlias

from numpy.typing import NDArray

from stepwave.data.manifests import MANIFEST
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError, DataError, MissingExtraError, OutputError, StepwaveError
from stepwave.signal.resample import Samples


@dataclass(frozen=True, eq=False)
class Sound:
    """Mono samples `[n]`, float32 with full scale 1.0, to be stored as a clip's sound."""

    samples: Samples
    sample_rate: int


@dataclass(frozen=True)
class Kept:
    """A record that a step made or let pass."""

    record: Record
    sounds: Mapping[str, Sound] = field(default_factory=dict)
    """New sound by the id of the clip in `record` that it belongs to; its place and length are filled in.
    Several records of one row may share a clip: the first one brings the sound, the others name a clip with the same id
    and without a file."""
    retried: tuple[str, ...] = ()
    """Why earlier tries were thrown away, one reason each."""
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What was computed of its clips, by names such as `CLIP.codes`; stored as safetensors beside the records."""


@dataclass(frozen=True)
class Dropped:
    """A row that gave nothing."""

    id: str
    reason: str
    """A few words that many rows share: they are counted by it."""
    detail: str = ""
    """What exactly came, for whoever looks into it."""
    retried: tuple[str, ...] = ()


Outcome: TypeAlias = Kept | Dropped
Worker: TypeAlias = Callable[[Sequence[Record]], Iterable[Outcome]]
"""Takes the rows of one part, gives their outcomes in order; a row may give several records or none."""
LastLook: TypeAlias = Callable[[Record], str | None]
"""Sees every record in order when parts are joined; gives a reason to drop it, or None."""


class Step:
    """Base of all steps; a subclass is a frozen dataclass whose fields can be pickled."""

    name: ClassVar[str]
    """What it is called on the command line and in reports."""
    version: ClassVar[int] = 1
    """Raised when the same settings give another output."""
    part_size: ClassVar[int] = 64
    """Rows in a part: what is lost at most when a run is killed."""

    def rows(self) -> Iterable[Record]:
        """What to work at, in order; the same for the same settings. Raises DataError, ConfigError."""
        raise NotImplementedError(f"the step {self.name} plans no rows")

    def open(self) -> Worker:
        """Open what the work needs (models, programs); called once in each process."""
        raise NotImplementedError(f"the step {self.name} does no work")

    def last_look(self) -> LastLook:
        """For what needs all records at once, such as finding duplicates."""
        return lambda record: None

    def identity(self) -> dict[str, Any]:
        """Name, version and settings as JSON values; a manifest that the step reads counts by its digest.

        Settings at their defaults are left out, so that a new one does not disown what was made before it.
        """
        return {"step": self.name, "version": self.version, "settings": _described(self)}


def one_by_one(work: Callable[[Record], Iterable[Outcome] | Outcome]) -> Worker:
    """A worker from a function of one row; what goes wrong with a row drops that row and no other.

    A full disk, a missing package or a wrong setting concerns all rows, so these errors pass through.
    """

    def worker(rows: Sequence[Record]) -> Iterator[Outcome]:
        for row in rows:
            try:
                outcomes = work(row)
                outcomes = [outcomes] if isinstance(outcomes, Kept | Dropped) else list(outcomes)
            except Exception as problem:  # a library may fail with anything on bad input
                yield dropped(row, problem)
            else:
                yield from outcomes

    return worker


def dropped(row: Record, problem: Exception, retried: tuple[str, ...] = ()) -> Dropped:
    """The outcome of a row whose work raised `problem`; raises it again where it concerns every row."""
    if isinstance(problem, OutputError | MissingExtraError | ConfigError):
        raise problem
    if isinstance(problem, StepwaveError):
        return Dropped(row.id, REASONS.get(type(problem).__name__, type(problem).__name__), str(problem), retried)
    place = traceback.extract_tb(problem.__traceback__)[-1]
    detail = f"{type(problem).__name__}: {problem} ({Path(place.filename).name}:{place.lineno})"
    return Dropped(row.id, f"unexpected {type(problem).__name__}", detail, retried)


REASONS = {
    "AudioNotFoundError": "no such sound",
    "AudioEmptyError": "sound without samples",
    "AudioFormatError": "damaged sound",
    "AudioTooShortError": "sound too short",
    "AudioTooLongError": "sound too long",
    "AudioValueError": "sound with impossible samples",
    "ServiceError": "engine or endpoint failed",
    "DataError": "unusable record",
}
"""Reasons to drop a row, by the error that working at it raised."""


def drawing(seed: int, *names: object) -> Random:
    """A generator for one row or purpose: what one row draws does not depend on the others."""
    return Random(":".join(map(str, (seed, *names))))


def unseen(names: Iterable[str], seen: set[str]) -> list[str]:
    """Those of a row's names (of clips, say) that no row before it had, each once; they are added to `seen`."""
    fresh = [name for name in dict.fromkeys(names) if name not in seen]
    seen.update(fresh)
    return fresh


def manifest_digest(path: Path) -> str:
    """SHA-256 of a manifest, 16 hexadecimal digits. Raises DataError where there is none."""
    file = path / MANIFEST if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    except OSError as problem:
        raise DataError(
            f"{path} holds no {MANIFEST} ({problem.strerror}); name the output of a finished step"
        ) from None


def short_digest(*values: object) -> str:
    """16 hexadecimal digits that stand for some values: an id that does not depend on the order of work."""
    return hashlib.sha256(json.dumps(values, ensure_ascii=False, default=str).encode()).hexdigest()[:16]


def _default(setting: Field[Any]) -> Any:
    return setting.default if setting.default_factory is MISSING else setting.default_factory()


def _described(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            each.name: _described(content)
            for each in fields(value)
            if (content := getattr(value, each.name)) != _default(each)
        }
    if isinstance(value, Path):
        is_manifest = value.name == MANIFEST or (value / MANIFEST).is_file()
        return f"manifest {manifest_digest(value)}" if is_manifest else value.name
    if isinstance(value, Mapping):
        return {str(name): _described(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_described(each) for each in value]
    return value
