"""Which records of a source are learnt from and how long each is: found out once, kept, then drawn by number.

Nothing is decoded for it, but every record is read, which takes a while for millions of them. What can't be read or
measured is left out and counted under a reason; nothing is left out in silence.
"""

import json
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from stepwave.data.array_cache import Arrays, array_text, cached, text_array
from stepwave.data.filters import FilterConfig
from stepwave.data.held_out import HeldOut
from stepwave.data.records import Record
from stepwave.data.sources.contract import Source
from stepwave.facts.errors import DataError, MissingExtraError, StepwaveError

UNREADABLE: Final = "can't be read"
UNMEASURABLE: Final = "can't be measured"
KEPT_AWAY: Final = "with a voice or a text of the checks"
_NAMED: Final = 3
"""Records that are named under each reason."""
_OFTEN: Final = 1000
"""Records after which progress is told."""


@runtime_checkable
class Versioned(Protocol):
    """A source that can tell whether it is what it was."""

    def version(self) -> str:
        """Another text whenever its records may be others. Raises OSError."""
        ...


@dataclass(frozen=True, eq=False)
class RecordIndex:
    """The records of one source that are kept."""

    places: NDArray[np.int64]
    """`[n]`: their numbers in the source, ascending."""
    lengths: NDArray[np.int32]
    """`[n]`: positions that each takes, at most."""
    dropped: Counter[str] = field(default_factory=Counter)
    """How many are left out, by reason."""
    named: dict[str, list[str]] = field(default_factory=dict)
    """The first few of them by reason: their ids, or what is wrong with them."""

    def __len__(self) -> int:
        return len(self.places)

    @property
    def positions(self) -> int:
        """Of all kept records together."""
        return int(self.lengths.sum(dtype=np.int64))

    def losses(self) -> str:
        """Reasons with their numbers, the most frequent first, as part of a line."""
        return "; ".join(
            f"{count:,} {reason} (such as {', '.join(self.named.get(reason, [])) or 'unnamed'})"
            for reason, count in self.dropped.most_common()
        )


def build_index(
    source: Source,
    filters: FilterConfig,
    measure: Callable[[Record], int],
    cache: Path | None = None,
    fingerprint: str = "",
    held_out: HeldOut | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RecordIndex:
    """Read, filter and measure all records of a source.

    Args:
        source: what is indexed.
        filters: which records are kept.
        measure: positions that a record takes, at most. Raises StepwaveError for one that can't be rendered.
        cache: folder of what was found out before; used where the source can tell its version.
        fingerprint: changes whenever `measure` would give other lengths: names of tokenizer, prompts, ...
        held_out: voices and texts of checks; a record with any of them is left out.
        progress: called now and then, and at the end, with the number of records that were read and that there are.

    Raises:
        DataError: no record is kept; the reasons are told.
        OutputError: the cache can't be written.
    """

    def compute() -> Arrays:
        return _stored(_index(source, filters, measure, held_out, progress))

    if cache is None or not isinstance(source, Versioned):
        found = compute()
    else:
        listed = "" if held_out is None else repr((sorted(held_out.voices), sorted(held_out.texts)))
        key = [source.name, _version(source), repr(asdict(filters)), fingerprint, listed]
        found = cached(cache, "index", "\n".join(key), compute)
    index = _restored(found)
    if not len(index):
        raise DataError(
            f"none of the {len(source):,} records of {source.name} can be used: {index.losses() or 'it is empty'}; "
            "change the source's kinds or split, or the data"
        )
    return index


def _index(
    source: Source,
    filters: FilterConfig,
    measure: Callable[[Record], int],
    held_out: HeldOut | None,
    progress: Callable[[int, int], None] | None,
) -> RecordIndex:
    places, lengths = array("q"), array("i")
    dropped: Counter[str] = Counter()
    named: dict[str, list[str]] = {}
    for number in range(len(source)):
        if progress is not None and number % _OFTEN == 0:
            progress(number, len(source))
        why, example, positions = _judged(source, number, filters, measure, held_out)
        if why is None:
            places.append(number)
            lengths.append(positions)
            continue
        dropped[why] += 1
        if len(named.setdefault(why, [])) < _NAMED:
            named[why].append(example)
    if progress is not None:
        progress(len(source), len(source))
    return RecordIndex(np.array(places, np.int64), np.array(lengths, np.int32), dropped, named)


def _judged(
    source: Source,
    number: int,
    filters: FilterConfig,
    measure: Callable[[Record], int],
    held_out: HeldOut | None,
) -> tuple[str | None, str, int]:
    """Why a record is left out, if it is; how to name it; how long it is."""
    try:
        record = source.record(number)
    except MissingExtraError:
        raise  # concerns all records
    except StepwaveError as problem:
        return UNREADABLE, str(problem), 0
    why = KEPT_AWAY if held_out is not None and held_out.holds(record) else filters.reason(record)
    if why is not None:
        return why, record.id, 0
    try:
        positions = measure(record)
    except MissingExtraError:
        raise
    except StepwaveError as problem:
        return UNMEASURABLE, f"{record.id}: {problem}", 0
    return filters.reason(record, positions), record.id, positions


def _version(source: Versioned) -> str:
    try:
        return source.version()
    except OSError as problem:
        raise DataError(f"a source can't be read any more ({problem}); is it still there?") from None


def _stored(index: RecordIndex) -> Arrays:
    report = json.dumps({"dropped": index.dropped, "named": index.named})
    return {"places": index.places, "lengths": index.lengths, "report": text_array(report)}


def _restored(found: Arrays) -> RecordIndex:
    report = json.loads(array_text(found["report"]))
    places, lengths = found["places"].astype(np.int64, copy=False), found["lengths"].astype(np.int32, copy=False)
    return RecordIndex(places, lengths, Counter(report["dropped"]), report["named"])
