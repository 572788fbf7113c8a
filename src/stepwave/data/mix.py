"""Draws records of several tasks so that the tokens drawn keep the ratio of the mix, as the report states its stages.

The next record always comes from the portion that is furthest behind its weight, and within it from the source that is
furthest behind its size. So the shares hold at every moment to within one record, not only on average, and everything
drawn follows from the seed and a few counts. Each source is passed in an order of its own that is new every epoch.
What is drawn is only named here; reading and rendering come later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stepwave.data.permutation import permuted_many
from stepwave.facts.errors import ConfigError

BLOCK: Final = 1024
"""Places of an order that are computed at once."""
SCANNED: Final = 1 << 24
"""Lengths that are looked at together, so that an index on disk need not fit into memory."""
NAMED: Final = 5
"""How many of the records left out are remembered by place."""


class Index(Protocol):
    """The records of a source that may be drawn; `data.record_index` makes one."""

    @property
    def places(self) -> NDArray[np.int64]:
        """Their numbers in the source `[n]`."""
        ...

    @property
    def lengths(self) -> NDArray[np.int32]:
        """Positions of each `[n]`, at least 1."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class MixPortion:
    """One task of a mix."""

    task: str
    """Its name, for messages."""
    weight: float
    """Its tokens; only ratios matter. A portion of weight 0 is left out."""
    indexes: Sequence[Index]
    """One for each source."""


class Drawn(NamedTuple):
    """A record that is to be learnt from next."""

    portion: int
    """Which portion of the mix, from 0."""
    source: int
    """Which source of the portion, from 0."""
    record: int
    """Its number in the source."""
    length: int
    """Its positions, as measured."""
    epoch: int
    """How often its source had been passed before."""


class Mix:
    """An endless stream of records.

    Raises ConfigError for a mix without weights or with a negative one, and for a portion that has nothing to draw.
    """

    def __init__(self, portions: Sequence[MixPortion], seed: int, longest: int | None = None) -> None:
        """Records longer than `longest` positions are passed over; `left_out` counts them by portion."""
        weights = [portion.weight for portion in portions]
        if not weights or min(weights) < 0 or not sum(weights) > 0:
            raise ConfigError(f"the weights of a mix are {weights}; wanted none below 0 and at least one above")
        self.seed, self.longest = seed, longest
        self.left_out: dict[str, int] = {}
        self.first_left_out: list[Drawn] = []
        self._portions: list[_Portion] = []
        for number, portion in enumerate(portions):
            if portion.weight > 0:
                self._portions.append(self._open(number, portion))

    def draw(self) -> Drawn:
        """The next record."""
        portion = min(self._portions, key=_Portion.progress)
        source = min(portion.sources, key=_Source.progress)
        record, length, epoch = source.following()
        source.tokens += length
        portion.tokens += length
        return Drawn(portion.number, source.number, record, length, epoch)

    @property
    def tokens(self) -> dict[str, int]:
        """Positions drawn so far, by task."""
        drawn: dict[str, int] = {}
        for portion in self._portions:
            drawn[portion.task] = drawn.get(portion.task, 0) + portion.tokens
        return drawn

    @property
    def epochs(self) -> dict[str, float]:
        """How often each task's records have been passed, the present pass as a fraction; the most of its sources."""
        passed: dict[str, float] = {}
        for portion in self._portions:
            most = max(source.passed / source.size for source in portion.sources)
            passed[portion.task] = max(passed.get(portion.task, 0.0), most)
        return passed

    def state(self) -> dict[str, Any]:
        """Where the stream stands, as JSON values."""
        places = [[[source.passed, source.tokens] for source in portion.sources] for portion in self._portions]
        return {"of": self._described(), "places": places}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises ConfigError where that was another mix."""
        if state["of"] != self._described():
            raise ConfigError(
                "the checkpoint's place in the data belongs to another mix "
                f"({_difference(state['of'], self._described())}); "
                "resume with the same sources, weights and seed, or begin the stage again"
            )
        for portion, places in zip(self._portions, state["places"], strict=True):
            for source, (passed, tokens) in zip(portion.sources, places, strict=True):
                source.passed, source.tokens = passed, tokens
            portion.tokens = sum(source.tokens for source in portion.sources)

    def _open(self, number: int, portion: MixPortion) -> "_Portion":
        sources: list[_Source] = []
        records = 0
        for place, index in enumerate(portion.indexes):
            fitting, total = self._fitting(number, place, portion.task, index)
            records += len(index)
            if fitting:
                sources.append(_Source(place, index, total, f"{self.seed}/{number}/{place}", self.longest))
        if not sources:
            found = f"its {records} records are all longer than {self.longest} positions" if records else "no records"
            raise ConfigError(
                f"portion {portion.task} of the mix has nothing to draw: {found}; "
                "give it a source whose records pass the filters, or the weight 0"
            )
        return _Portion(number, portion.task, portion.weight, sources)

    def _fitting(self, portion: int, source: int, task: str, index: Index) -> tuple[int, int]:
        """How many records of an index may be drawn, and their positions together; notes the others."""
        longest = np.iinfo(np.int32).max if self.longest is None else self.longest
        records = total = 0
        edges = [*range(0, len(index), SCANNED), len(index)]
        for start, stop in pairwise(edges):
            lengths = np.asarray(index.lengths[start:stop])
            fits = lengths <= longest
            records += int(fits.sum())
            total += int(lengths[fits].sum(dtype=np.int64))
            for place in np.flatnonzero(~fits)[: NAMED - len(self.first_left_out)]:
                record, length = int(index.places[start + place]), int(lengths[place])
                self.first_left_out.append(Drawn(portion, source, record, length, 0))
        if records < len(index):
            self.left_out[task] = self.left_out.get(task, 0) + len(index) - records
        return records, total

    def _described(self) -> dict[str, Any]:
        """What a place in this mix means nothing without."""
        return {
            "seed": self.seed,
            "longest": self.longest,
            "portions": [
                [portion.number, portion.task, portion.weight, [[each.size, each.total] for each in portion.sources]]
                for portion in self._portions
            ],
        }


class _Source:
    """The passes through one source."""

    def __init__(self, number: int, index: Index, total: int, seed: str, longest: int | None) -> None:
        self.number, self.index, self.total, self.seed, self.longest = number, index, total, seed, longest
        self.size = len(index)
        self.passed = 0
        """Records passed so far, those left out included."""
        self.tokens = 0
        self._block = (-1, -1)
        self._records: list[int] = []
        self._lengths: list[int] = []

    def progress(self) -> float:
        return self.tokens / self.total

    def following(self) -> tuple[int, int, int]:
        """Number, length and epoch of the next record that is not too long."""
        while True:
            epoch, place = divmod(self.passed, self.size)
            block, within = divmod(place, BLOCK)
            if self._block != (epoch, block):
                self._read(epoch, block)
            self.passed += 1
            length = self._lengths[within]
            if self.longest is None or length <= self.longest:
                return self._records[within], length, epoch

    def _read(self, epoch: int, block: int) -> None:
        start = block * BLOCK
        seed = int.from_bytes(blake2b(f"{self.seed}/{epoch}".encode(), digest_size=8).digest(), "little")
        order = permuted_many(np.arange(start, min(start + BLOCK, self.size)), self.size, seed)
        self._records = np.asarray(self.index.places)[order].tolist()
        self._lengths = np.asarray(self.index.lengths)[order].tolist()
        self._block = (epoch, block)


@dataclass
class _Portion:
    number: int
    task: str
    weight: float
    sources: list[_Source]
    tokens: int = 0

    def progress(self) -> float:
        return self.tokens / self.weight


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first thing in which two descriptions differ."""
    for name in ("seed", "longest"):
        if before[name] != now[name]:
            return f"its {name} was {before[name]}, now it is {now[name]}"
    for then, here in zip(before["portions"], now["portions"], strict=False):
        if then != here:
            return f"its portion {then[0]} was {_portion(then)}, now it is {_portion(here)}"
    return f"it had {len(before['portions'])} portions, now there are {len(now['portions'])}"


def _portion(described: Sequence[Any]) -> str:
    _, task, weight, sources = described
    sizes = " + ".join(f"{size} records of {total} positions" for size, total in sources)
    return f"{task} of weight {weight:g} with {sizes}"
