"""Speech translation in its three kinds, planned from parallel sentences in one or both directions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final, Literal, TypeAlias

from stepwave.data.records import Kind, Record, Turn
from stepwave.facts.errors import ConfigError
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
from stepwave.prepare.writing.drawn import no_twins
from stepwave.prepare.writing.languages import language_named
from stepwave.prepare.writing.parallel import Pair, families, read_pairs
from stepwave.prepare.writing.sources import identified
from stepwave.prepare.writing.speakable import Lengths, trouble
from stepwave.prepare.writing.splits import TEST_SHARE, check_share, split_of

Direction: TypeAlias = Literal["forward", "backward", "both"]
SPOKEN: Final[Mapping[Kind, tuple[bool, bool]]] = {
    "s2tt": (True, False),
    "t2st": (False, True),
    "s2st": (True, True),
    "asr": (True, False),
    "tts": (False, True),
}
"""Whether the human's and the assistant's turn are sound, by kind."""
TRANSLATIONS: Final[tuple[Kind, ...]] = ("s2tt", "t2st", "s2st")


@dataclass(frozen=True)
class Translations(Step):
    """Scripts of translations, one for each pair; kind and direction are drawn."""

    name: ClassVar[str] = "translations"
    part_size: ClassVar[int] = 256
    file: Path
    """Parallel sentences, see `parallel`."""
    languages: tuple[str, str] = ("en", "zh")
    """Of the first and the second column."""
    direction: Direction = "both"
    shares: Mapping[str, float] = field(default_factory=lambda: {"s2tt": 0.4, "t2st": 0.2, "s2st": 0.4})
    """How often each kind is drawn, relative to the others."""
    count: int = 0
    """Pairs to take, drawn from all; 0 takes all."""
    seed: int = 0
    lengths: tuple[Lengths, Lengths] = (Lengths(2, 30), Lengths(2, 50))
    """Of the sentences of the first and the second language."""
    digits: bool = False
    """Let digits pass, which a voice reads as it sees fit."""
    test_share: float = TEST_SHARE
    licence: str = ""
    """Of pairs that do not say theirs."""

    def __post_init__(self) -> None:
        first, second = map(language_named, self.languages)
        if first == second:
            raise ConfigError(f"both columns are in {first.name}; name two languages")
        check_kinds(self.shares, TRANSLATIONS)
        check_share(self.test_share)
        if self.count < 0:
            raise ConfigError(f"{self.count} pairs were asked for; wanted one or more, or 0 for all")

    def identity(self) -> dict[str, Any]:
        """The base's, with the digest of the sentences."""
        return identified(super().identity(), {"file": self.file})

    def rows(self) -> Iterable[Record]:
        """Whole scripts in the order of the file. Raises DataError."""
        pairs = read_pairs(self.file)
        known = list(families(pairs))
        chosen = range(len(pairs))
        if 0 < self.count < len(pairs):
            chosen = sorted(drawing(self.seed, "pairs").sample(chosen, self.count))  # type: ignore[assignment]
        return (self._planned(pairs[place], known[place]) for place in chosen)

    def open(self) -> Worker:
        """Nothing to open: sentences are only looked over."""
        return one_by_one(self._looked_over)

    def last_look(self) -> LastLook:
        """Drop what occurred before."""
        return no_twins()

    def _planned(self, pair: Pair, family: str) -> Record:
        name = f"pair-{short_digest(*self.languages, pair.source, pair.target)}"
        random = drawing(self.seed, name)
        kind = drawn_kind(self.shares, random)
        sides = [(pair.source, self.languages[0]), (pair.target, self.languages[1])]
        if self.direction == "backward" or (self.direction == "both" and random.random() < 0.5):
            sides.reverse()
        details = {"attribution": pair.attribution} if pair.attribution else {}
        split = split_of(family, self.seed, self.test_share)
        licence = pair.licence or self.licence
        return Record(name, kind, two_turns(kind, *sides), self.file.stem, licence, split, details)

    def _looked_over(self, row: Record) -> Outcome:
        for turn in row.turns:
            language = language_named(turn.language)
            lengths = self.lengths[self.languages.index(turn.language)]
            reason = trouble(turn.text, language, digits=self.digits) or lengths.trouble(turn.text, language)
            if reason:
                return Dropped(row.id, reason, turn.text)
        return Kept(row)


def two_turns(kind: Kind, said: tuple[str, str], answered: tuple[str, str]) -> tuple[Turn, Turn]:
    """The human's and the assistant's turn of a kind, each given as text and language."""
    human, assistant = SPOKEN[kind]
    return (
        Turn("human", said[0], spoken=human, language=said[1], speaker="human"),
        Turn("assistant", answered[0], spoken=assistant, language=answered[1], speaker="assistant"),
    )


def drawn_kind(shares: Mapping[str, float], random: Random) -> Kind:
    """A kind, as often as its share says."""
    kinds: list[Any] = list(shares)
    kind: Kind = random.choices(kinds, [shares[each] for each in kinds])[0]
    return kind


def check_kinds(shares: Mapping[str, float], kinds: tuple[Kind, ...]) -> None:
    """Raises ConfigError for shares of other kinds, or shares that draw nothing."""
    for kind, share in shares.items():
        if kind not in kinds or not share >= 0:
            raise ConfigError(f"a share of {share} for the kind {kind!r}; wanted 0 or more for: {', '.join(kinds)}")
    if not 0 < sum(shares.values()) < float("inf"):
        raise ConfigError(f"no kind has a share; wanted one above 0 for some of: {', '.join(kinds)}")
