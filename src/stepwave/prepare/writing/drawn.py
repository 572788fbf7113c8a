"""Conversations drawn from our own grammars: single questions and short talks put together to one to five exchanges."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final

from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError
from stepwave.prepare.dialogues import Conversation, Dialogue, everyday_conversations, everyday_dialogues
from stepwave.prepare.dialogues.everyday import Split
from stepwave.prepare.pipeline.steps import (
    Dropped,
    Kept,
    LastLook,
    Outcome,
    Step,
    Worker,
    drawing,
    one_by_one,
    short_digest,
)
from stepwave.prepare.writing.sources import identified
from stepwave.prepare.writing.splits import TEST_SHARE
from stepwave.prepare.writing.styles import Exchange, Instructions
from stepwave.prepare.writing.talks import script, unspeakable

EXCHANGES: Final = {1: 0.2, 2: 0.3, 3: 0.25, 4: 0.15, 5: 0.1}
"""Share of the conversations by their number of exchanges, before instructions add any."""
TALK_SHARE: Final = 0.6
"""Of the conversations with room for one, this share holds a talk whose turns refer to each other."""
TRIES: Final = 20
"""Draws before a conversation that has been drawn already is let pass, to be dropped at last."""
TWICE: Final = "the same conversation again"
OWN_LICENCE: Final = "Apache-2.0"
CLINC_LICENCE: Final = "CC-BY-3.0"


@dataclass(frozen=True)
class DrawnScripts(Step):
    """Scripts of conversations from `prepare.dialogues`, whose splits they keep: in `train` no question is held out."""

    name: ClassVar[str] = "scripts"
    count: int = 1000
    """Conversations."""
    seed: int = 0
    clinc: Path | None = None
    """CLINC150's file (data_full.json), for more ways to ask."""
    instructions: Instructions = field(default_factory=Instructions)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"{self.count} conversations were asked for; wanted one or more")
        if self.instructions.language != "en":
            raise ConfigError(
                f"the grammars are English, instructions in {self.instructions.language!r} do not suit them; "
                "wanted 'en', or an endpoint to write the scripts"
            )

    def identity(self) -> dict[str, Any]:
        """The base's, with CLINC150's digest."""
        return identified(super().identity(), {"clinc": self.clinc})

    def rows(self) -> Iterable[Record]:
        """Whole scripts. Raises ConfigError where `clinc` cannot be read."""
        pools = _pools(self.seed, self.clinc)
        seen: set[tuple[str, ...]] = set()
        for number in range(self.count):
            record = self._drawn(pools, number, 0)
            for attempt in range(1, TRIES):
                if _words(record) not in seen:
                    break
                record = self._drawn(pools, number, attempt)
            seen.add(_words(record))
            yield record

    def open(self) -> Worker:
        """Nothing to open: scripts are only looked over."""
        return one_by_one(looked_over)

    def last_look(self) -> LastLook:
        """Drop what occurred before."""
        return no_twins()

    def _drawn(self, pools: dict[Split, "_Pool"], number: int, attempt: int) -> Record:
        random = drawing(self.seed, "script", number, attempt)
        split: Split = "test" if random.random() < TEST_SHARE else "train"
        lengths = [length for length in EXCHANGES if length <= self.instructions.most_exchanges]
        length = random.choices(lengths, [EXCHANGES[length] for length in lengths])[0]
        exchanges, intents, licence = pools[split].draw(length, random)
        turns = script(exchanges, self.instructions, split, self.seed, random)
        name = f"talk-{short_digest(self.seed, number)}"
        return Record(name, "conversation", turns, "stepwave/everyday", licence, split, {"intents": intents})


def looked_over(row: Record) -> Outcome:
    """The script, where a voice can say all of it."""
    reason, text = unspeakable(row.turns)
    return Dropped(row.id, reason, text) if reason else Kept(row)


def no_twins() -> LastLook:
    """Finds records of which an earlier one has the same kind and words."""
    seen: set[tuple[str, ...]] = set()

    def look(record: Record) -> str | None:
        words = _words(record)
        if words in seen:
            return TWICE
        seen.add(words)
        return None

    return look


def _pools(seed: int, clinc: Path | None) -> dict[Split, "_Pool"]:
    single, talks = everyday_dialogues(seed, clinc), everyday_conversations(seed)
    own = single if clinc is None else everyday_dialogues(seed, None)
    others = {dialogue.question for dialogue in single} - {dialogue.question for dialogue in own}
    splits: tuple[Split, Split] = ("train", "test")
    return {
        split: _Pool(
            [each for each in single if each.split == split], [each for each in talks if each.split == split], others
        )
        for split in splits
    }


@dataclass(frozen=True)
class _Pool:
    """What conversations of one split are drawn from."""

    single: Sequence[Dialogue]
    talks: Sequence[Conversation]
    others: Set[str]
    """Questions that are not our own."""

    def draw(self, length: int, random: Random) -> tuple[list[Exchange], list[str], str]:
        """Exchanges, no question twice, with their intents and the licence of the whole."""
        exchanges: list[Exchange] = []
        intents: list[str] = []
        fitting = [talk for talk in self.talks if len(talk.turns) <= length]
        if fitting and random.random() < TALK_SHARE:
            talk = random.choice(fitting)
            exchanges, intents = list(talk.turns), [talk.intent]
        while len(exchanges) < length:
            dialogue = random.choice(self.single)
            if all(dialogue.question != question for question, _ in exchanges):
                # A talk may end the conversation or begin it, but nothing comes between its turns.
                place = random.choice((0, len(exchanges)))
                exchanges.insert(place, (dialogue.question, dialogue.answer))
                intents.insert(0 if place == 0 else len(intents), dialogue.intent)
        mixed = any(question in self.others for question, _ in exchanges)
        return exchanges, intents, f"{OWN_LICENCE} AND {CLINC_LICENCE}" if mixed else OWN_LICENCE


def _words(record: Record) -> tuple[str, ...]:
    return (record.kind, *(turn.text for turn in record.turns))
