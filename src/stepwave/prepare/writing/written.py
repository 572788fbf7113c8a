"""Conversations that a language model writes on everyday topics, one request each, checked and given instructions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Final

from stepwave.data.records import Record, Turn
from stepwave.facts.conversation import Role
from stepwave.facts.errors import ConfigError, DataError
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
from stepwave.prepare.writing.answers import read_turns
from stepwave.prepare.writing.asking import Asking, NothingUsable, Tries
from stepwave.prepare.writing.drawn import EXCHANGES, no_twins
from stepwave.prepare.writing.languages import language_named
from stepwave.prepare.writing.prompts import writing_prompt, writing_system
from stepwave.prepare.writing.sources import identified, read_lines
from stepwave.prepare.writing.speakable import Lengths, plain
from stepwave.prepare.writing.splits import split_of
from stepwave.prepare.writing.styles import Instructions
from stepwave.prepare.writing.talks import script
from stepwave.prepare.writing.writer import OpensWriter

ROLES: Final[tuple[Role, Role]] = ("human", "assistant")


@dataclass(frozen=True)
class WrittenScripts(Step):
    """Scripts by a language model; all conversations on a held-out topic are of the split `test`."""

    name: ClassVar[str] = "scripts"
    part_size: ClassVar[int] = 8
    count: int
    """Conversations to ask for."""
    writer: OpensWriter
    seed: int = 0
    topics: Path | None = None
    """A text file with a topic a line; our own list without it."""
    instructions: Instructions = field(default_factory=Instructions)
    lengths: Lengths = field(default_factory=Lengths)
    """Of each turn."""
    tries: Tries = field(default_factory=Tries)
    licence: str = ""
    """What the model's terms say of its texts."""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"{self.count} conversations were asked for; wanted one or more")
        language_named(self.instructions.language)

    def identity(self) -> dict[str, Any]:
        """The base's, with the digest of the list of topics."""
        return identified(super().identity(), {"topics": self.topics})

    def rows(self) -> Iterable[Record]:
        """A topic and a number of exchanges each; every topic comes once before any comes again.

        Raises DataError for a list without topics.
        """
        topics = everyday_topics() if self.topics is None else _listed(self.topics)
        order: list[str] = []
        for number in range(self.count):
            if not order:
                order = drawing(self.seed, "topics", number).sample(topics, len(topics))
            topic = order.pop()
            lengths = [length for length in EXCHANGES if length <= self.instructions.most_exchanges]
            random = drawing(self.seed, "exchanges", number)
            exchanges = random.choices(lengths, [EXCHANGES[length] for length in lengths])[0]
            details = {"topic": topic, "exchanges": exchanges}
            name = f"talk-{short_digest(self.seed, number, self.writer.name, topic)}"
            yield Record(name, "conversation", (), self.writer.name, self.licence, split_of(topic, self.seed), details)

    def open(self) -> Worker:
        """Open the writer. Raises ConfigError, MissingExtraError."""
        asking = Asking(self.writer.open(), self.tries)
        return one_by_one(lambda row: self._written(row, asking))

    def last_look(self) -> LastLook:
        """Drop what was written before."""
        return no_twins()

    def _written(self, row: Record, asking: Asking) -> Outcome:
        language = language_named(self.instructions.language)
        exchanges = int(row.details["exchanges"])
        roles = ROLES * exchanges
        prompt = writing_prompt(row.details["topic"], exchanges, language, drawing(self.seed, row.id, "prompt"))
        try:
            texts, retried = asking.ask(
                writing_system(language),
                prompt,
                lambda answer: read_turns(answer, roles, language, self.lengths),
                drawing(self.seed, row.id, "asking"),
            )
        except NothingUsable as problem:
            return Dropped(row.id, problem.last.reason, problem.last.detail, problem.earlier)
        split: Split = "test" if row.split == "test" else "train"
        pairs = list(zip(texts[::2], texts[1::2], strict=True))
        turns: tuple[Turn, ...] = script(
            pairs, self.instructions, split, self.seed, drawing(self.seed, row.id, "script")
        )
        details = {"topic": row.details["topic"]}
        return Kept(Record(row.id, row.kind, turns, row.source, row.licence, row.split, details), retried=retried)


def everyday_topics() -> list[str]:
    """Our own topics, each once."""
    text = files(__package__).joinpath("topics.txt").read_text(encoding="utf-8")
    return list(dict.fromkeys(filter(None, map(plain, text.splitlines()))))


def _listed(path: Path) -> list[str]:
    topics = list(dict.fromkeys(filter(None, map(plain, read_lines(path)))))
    if not topics:
        raise DataError(f"{path} lists no topics; wanted one a line")
    return topics
