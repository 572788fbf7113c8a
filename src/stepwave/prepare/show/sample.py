"""Drawing records at random while they stream by: the same for a seed, in whatever order they come.

Every record gets a number from the seed and its id; those with the smallest numbers are the sample. Each kind has its
own, so that rare kinds are seen too.
"""

import hashlib
import heapq
from dataclasses import dataclass, field
from typing import Final

from stepwave.data.records import KINDS, Kind, Record
from stepwave.facts.errors import ConfigError

MOST: Final = 500
"""Records on a page at most."""


@dataclass(frozen=True)
class Drawn:
    """A record of the sample."""

    record: Record
    manifest: int
    """Which of the manifests it comes from, counted from 0."""


@dataclass
class Sample:
    """Holds up to `size` records of each kind; `drawn` then shares `size` among the kinds."""

    size: int
    """Records of all kinds together, 0 to `MOST`."""
    seed: int
    _kept: dict[Kind, list[tuple[int, str, Drawn]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.size <= MOST:
            raise ConfigError(f"got a sample of {self.size} records; wanted 0 to {MOST}")

    def add(self, record: Record, manifest: int) -> None:
        """Let one record pass by."""
        name = f"{manifest}:{record.id}"
        digest = hashlib.blake2b(f"{self.seed}:{name}".encode("utf-8", "backslashreplace"), digest_size=8)
        # The heap gives its smallest first, and what is to go is the largest: hence the sign.
        number = -int.from_bytes(digest.digest())
        kept = self._kept.setdefault(record.kind, [])
        if len(kept) < self.size:
            heapq.heappush(kept, (number, name, Drawn(record, manifest)))
        elif kept and (number, name) > kept[0][:2]:
            heapq.heapreplace(kept, (number, name, Drawn(record, manifest)))

    def drawn(self) -> dict[Kind, list[Drawn]]:
        """The sample by kind: as evenly shared as the kinds have records; kinds in the order of their table."""
        shares = dict.fromkeys(self._kept, 0)
        left = self.size
        while left and (open_kinds := [kind for kind in KINDS if shares.get(kind, 0) < len(self._kept.get(kind, ()))]):
            for kind in open_kinds[:left]:
                shares[kind] += 1
            left -= len(open_kinds[:left])
        ordered = {kind: sorted(self._kept[kind], reverse=True) for kind in KINDS if shares.get(kind)}
        return {kind: [each[2] for each in kept[: shares[kind]]] for kind, kept in ordered.items()}
