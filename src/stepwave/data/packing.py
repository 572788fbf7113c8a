"""Puts the records of a mix together as sequences of one length, each record whole and in one sequence only.

Best fit over a few open packs: a record goes where it leaves the least room, and where it fits nowhere the fullest
pack is finished. What the sequences hold follows from the mix and the open packs alone, which the state keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stepwave.data.mix import Drawn, Mix
from stepwave.facts.errors import ConfigError, DataError

PATIENCE: Final = 4
"""A pack that has waited this many times the number of open packs is finished however full it is."""


@dataclass(frozen=True)
class Pack:
    """The records of one sequence, in order."""

    documents: tuple[Drawn, ...]

    @property
    def length(self) -> int:
        """Positions of all of them, as measured."""
        return sum(document.length for document in self.documents)


class Packer:
    """An endless stream of packs.

    The mix should pass over what is longer than a sequence (`Mix(longest=...)`).
    """

    def __init__(self, mix: Mix, sequence_length: int, waiting: int = 32, documents: int | None = None) -> None:
        """How packs are filled.

        Args:
            mix: where records come from.
            sequence_length: most positions of a pack.
            waiting: packs that are open at a time; more fill better and disturb the mix's order more.
            documents: most records in a pack; 1 for no packing at all, None for no bound.

        Raises:
            ConfigError: one of the numbers is below 1.
        """
        if min(sequence_length, waiting) < 1 or (documents is not None and documents < 1):
            raise ConfigError(
                f"sequences of {sequence_length} positions, {waiting} packs waiting, {documents} documents in each; "
                "wanted numbers from 1 on"
            )
        self.mix, self.sequence_length, self.waiting, self.documents = mix, sequence_length, waiting, documents
        self.finished = 0
        """Packs given out so far."""
        self._open: list[_Open] = []

    def next_pack(self) -> Pack:
        """The next pack. Raises DataError for a record that is longer than a sequence."""
        while True:
            document = self.mix.draw()
            if document.length > self.sequence_length:
                raise DataError(
                    f"record {document.record} of source {document.source} in portion {document.portion} has "
                    f"{document.length} positions, a sequence has {self.sequence_length}; filter such records out or "
                    "train with longer sequences"
                )
            finished = self._place(document)
            if finished is not None:
                self._open.remove(finished)
                self.finished += 1
                return Pack(tuple(finished.documents))

    def state(self) -> dict[str, Any]:
        """Where the stream stands, the mix included, as JSON values."""
        opened = [[each.since, [list(document) for document in each.documents]] for each in self._open]
        return {"of": self._described(), "mix": self.mix.state(), "finished": self.finished, "open": opened}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken. Raises ConfigError where packs or mix were others."""
        if state["of"] != self._described():
            raise ConfigError(
                f"the checkpoint's place in the data belongs to packs of {state['of']}, these are of "
                f"{self._described()}; resume with the same settings or begin the stage again"
            )
        self.mix.restore(state["mix"])
        self.finished = state["finished"]
        self._open = []
        for since, documents in state["open"]:
            drawn = [Drawn(*document) for document in documents]
            room = self.sequence_length - sum(document.length for document in drawn)
            self._open.append(_Open(since, room, drawn))

    def _place(self, document: Drawn) -> "_Open | None":
        """Put a record into a pack; returns a pack that is finished by that."""
        fitting = [each for each in self._open if each.room >= document.length]
        if fitting:
            pack = min(fitting, key=_Open.left)
            pack.add(document)
            return pack if self._full(pack) else None
        pack = _Open(self.finished, self.sequence_length)
        pack.add(document)
        if self._full(pack):
            self._open.append(pack)
            return pack
        finished = None
        if len(self._open) == self.waiting:
            oldest = min(self._open, key=_Open.age)
            # Otherwise the emptiest packs could wait for ever, and their records would never be learnt from.
            overdue = self.finished - oldest.since > PATIENCE * self.waiting
            finished = oldest if overdue else min(self._open, key=_Open.left)
        self._open.append(pack)
        return finished

    def _full(self, pack: "_Open") -> bool:
        return pack.room == 0 or len(pack.documents) == self.documents

    def _described(self) -> dict[str, Any]:
        return {"sequence_length": self.sequence_length, "waiting": self.waiting, "documents": self.documents}


@dataclass(eq=False)
class _Open:
    """A pack that is being filled."""

    since: int
    """Packs that had been finished when it was opened."""
    room: int
    documents: list[Drawn] = field(default_factory=list)

    def add(self, document: Drawn) -> None:
        self.documents.append(document)
        self.room -= document.length

    def left(self) -> int:
        return self.room

    def age(self) -> int:
        return self.since
