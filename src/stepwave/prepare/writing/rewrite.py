"""Rewrites written conversations into what people say: by a language model, or by rules where there is none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias

from stepwave.data.manifests import MANIFEST
from stepwave.data.records import Record, Turn
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.pipeline.steps import Dropped, Kept, LastLook, Outcome, Step, Worker, drawing, one_by_one
from stepwave.prepare.writing.answers import read_turns
from stepwave.prepare.writing.asking import Asking, NothingUsable, Tries
from stepwave.prepare.writing.drawn import no_twins
from stepwave.prepare.writing.languages import language_named
from stepwave.prepare.writing.messages import UNREAD, as_script, read_conversations
from stepwave.prepare.writing.pauses import pause_before
from stepwave.prepare.writing.prompts import rewriting_prompt, rewriting_system
from stepwave.prepare.writing.rules import spoken_english
from stepwave.prepare.writing.sources import identified
from stepwave.prepare.writing.speakable import Lengths, trouble
from stepwave.prepare.writing.writer import OpensWriter

OTHER_KIND: Final = "neither conversation nor text"
NO_WORDS: Final = "no messages that can be read"
HAS_SOUND: Final = "already has sound"
HAS_CALLS: Final = "tools, not talk"
TOO_MUCH: Final = "too much to rewrite at once"

_Rewriting: TypeAlias = Callable[[Record, list[int]], tuple[list[str], tuple[str, ...]]]
"""Gives the texts of some turns anew, and why earlier tries failed."""


@dataclass(frozen=True)
class Rewrite(Step):
    """Makes scripts of written conversations; what was written is kept in `details["written"]`, a text for each turn.

    Turns of human and assistant are rewritten, others (`system`) stay as they are and are not spoken. A record of the
    kind `text` stays one: material that a voice can say. The rules know English only.
    """

    name: ClassVar[str] = "rewrite"
    part_size: ClassVar[int] = 16
    source: Path
    """A manifest, its folder, or a file of chat messages."""
    writer: OpensWriter | None = None
    """None rewrites by rules."""
    seed: int = 0
    language: str = "en"
    """Of turns that do not say theirs."""
    lengths: Lengths = field(default_factory=Lengths)
    """Of each turn that is to be spoken, after rewriting."""
    most_letters: int = 12_000
    """Longer records are dropped unread."""
    tries: Tries = field(default_factory=Tries)

    def __post_init__(self) -> None:
        language_named(self.language)
        if self.writer is None and self.language != "en":
            raise ConfigError(f"the rules rewrite English, not {self.language!r}; name an endpoint instead")
        if self.most_letters < 1:
            raise ConfigError(f"records of at most {self.most_letters} letters; wanted one or more")

    def identity(self) -> dict[str, Any]:
        """The base's, with the digest of what is read."""
        source = self.source / MANIFEST if self.source.is_dir() else self.source
        return identified(super().identity(), {"source": source})

    def rows(self) -> Iterable[Record]:
        """The records of the source. Raises DataError."""
        return read_conversations(self.source)

    def open(self) -> Worker:
        """Open the writer, if there is one. Raises ConfigError, MissingExtraError."""
        if self.writer is None:
            return one_by_one(lambda row: self._rewritten(row, self._by_rules))
        asking = Asking(self.writer.open(), self.tries)
        return one_by_one(lambda row: self._rewritten(row, lambda *given: self._by_writer(asking, *given)))

    def last_look(self) -> LastLook:
        """Drop what has come out before."""
        return no_twins()

    def _rewritten(self, row: Record, rewriting: _Rewriting) -> Outcome:
        reason, detail = self._unsuited(row)
        if reason:
            return Dropped(row.id, reason, detail)
        record = as_script(row, self.language)
        changed = [place for place, turn in enumerate(record.turns) if turn.role in ("human", "assistant")]
        try:
            texts, retried = rewriting(record, changed)
        except NothingUsable as problem:
            return Dropped(row.id, problem.last.reason, problem.last.detail, problem.earlier)
        turns = list(record.turns)
        random = drawing(self.seed, row.id, "pauses")
        for place, text in zip(changed, texts, strict=True):
            turn = turns[place]
            reason = trouble(text, language_named(turn.language)) or self._length_trouble(turn, text)
            if reason:
                return Dropped(row.id, reason, text[:200], retried)
            pause = pause_before(turn.role, random) if turn.spoken and place > changed[0] else 0.0
            turns[place] = replace(turn, text=text, pause=turn.pause or pause)
        details = {**record.details, "written": [turn.text for turn in row.turns]}
        if self.writer is not None:
            details["rewritten_by"] = self.writer.name
        return Kept(replace(record, turns=tuple(turns), details=details), retried=retried)

    def _unsuited(self, row: Record) -> tuple[str, str]:
        if UNREAD in row.details:
            return NO_WORDS, str(row.details[UNREAD])
        if row.kind not in ("conversation", "text"):
            return OTHER_KIND, row.kind
        if row.clips:
            return HAS_SOUND, row.clips[0].id
        if any(turn.calls or turn.role in ("input", "tool_json_schemas") for turn in row.turns):
            return HAS_CALLS, ""
        if not any(turn.text.strip() and turn.role in ("human", "assistant") for turn in row.turns):
            return NO_WORDS, ""
        letters = sum(len(turn.text) for turn in row.turns)
        return (TOO_MUCH, f"{letters} letters") if letters > self.most_letters else ("", "")

    def _length_trouble(self, turn: Turn, text: str) -> str:
        return self.lengths.trouble(text, language_named(turn.language))

    def _by_rules(self, record: Record, changed: list[int]) -> tuple[list[str], tuple[str, ...]]:
        others = {record.turns[place].language for place in changed} - {"en"}
        if others:
            raise DataError(f"the rules rewrite English, a turn is in {min(others)!r}; name an endpoint instead")
        return [spoken_english(record.turns[place].text, self.lengths.most) for place in changed], ()

    def _by_writer(self, asking: Asking, record: Record, changed: list[int]) -> tuple[list[str], tuple[str, ...]]:
        turns = [record.turns[place] for place in changed]
        language = language_named(turns[0].language)
        return asking.ask(
            rewriting_system(language, self.lengths.most),
            rewriting_prompt(turns),
            lambda answer: read_turns(answer, [turn.role for turn in turns], language, self.lengths),
            drawing(self.seed, record.id, "asking"),
        )
