"""A ranker by rules: a weighted mean of measures between 0 and 1, each kept beside it.

`overlap`    words shared with the reference answer, as F1 over counted words; the best where there are several
`exact`      whether it is a reference answer, case and punctuation aside
`agreement`  how much of its text is heard in its sound, by a transcriber: 1 less its word error rate
`ended`      whether it ended by itself
`length`     whether it is of a plausible number of words, and spoken at a plausible pace

A measure that can't be taken for a question (no reference, no transcriber, no sound) is left out of the mean of all of
its answers alike.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Final

from stepwave.data.manifests import read_clip
from stepwave.data.records import ERRORS, HEARD, WORDS
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.prepare.preferences.ranking import Answer, Question, Score
from stepwave.prepare.transcribers import Transcriber, open_transcriber
from stepwave.text.word_errors import UNSPACED, normalised, word_errors

WORDS_PER_SECOND: Final = (1.2, 5.0)
"""Slowest and quickest pace that counts as plausible speech."""


@dataclass(frozen=True)
class Weights:
    """What each measure counts; 0 leaves it out."""

    overlap: float = 1.0
    exact: float = 0.5
    agreement: float = 1.0
    ended: float = 1.0
    length: float = 0.5

    def __post_init__(self) -> None:
        values = asdict(self).values()
        if min(values) < 0 or not sum(values):
            raise ConfigError(f"the weights {asdict(self)} weigh nothing; wanted none below 0 and one above")


@dataclass(frozen=True)
class Rules:
    """Settings of the ranker."""

    transcriber: str = ""
    """Which one listens, as `stepwave.prepare.transcribers` names it; nobody without a name."""
    weights: Weights = field(default_factory=Weights)
    fewest_words: int = 1
    most_words: int = 60
    """Of a plausible answer."""

    def __post_init__(self) -> None:
        if not 0 <= self.fewest_words <= self.most_words:
            raise ConfigError(f"an answer of {self.fewest_words} to {self.most_words} words; wanted a range from 0 up")

    @property
    def name(self) -> str:
        """`rules`."""
        return "rules"

    def open(self) -> "RuleRanker":
        """Open the transcriber, if there is one. Raises ConfigError, MissingExtraError, CheckpointError."""
        return RuleRanker(self, open_transcriber(self.transcriber) if self.transcriber else None)


class RuleRanker:
    """Ranks by rules; see the module."""

    def __init__(self, settings: Rules, transcriber: Transcriber | None) -> None:
        self._settings, self._transcriber = settings, transcriber

    def scores(self, question: Question, random: Random) -> tuple[Sequence[Score], tuple[str, ...]]:
        """See `Ranker.scores`; nothing is drawn. Raises AudioError for a sound that can't be read."""
        spoken = self._transcriber is not None and any(answer.turn.clip is not None for answer in question.answers)
        return [self._score(question, answer, spoken) for answer in question.answers], ()

    def _score(self, question: Question, answer: Answer, spoken: bool) -> Score:
        parts: dict[str, float] = {}
        words = normalised(answer.turn.text, question.language).split()
        if question.references:
            references = [normalised(reference, question.language).split() for reference in question.references]
            parts["overlap"] = max(_f1(words, reference) for reference in references)
            parts["exact"] = float(words in references)
        noticed: dict[str, Any] = {}
        if spoken:
            noticed = self._heard(answer, question.language)
            parts["agreement"] = 1 - min(1.0, noticed[ERRORS] / noticed[WORDS]) if noticed.get(WORDS) else 0.0
        parts["ended"] = float(answer.ended)
        # Counted before numbers become digits: "twenty five" takes the time of two words.
        spaced = question.language not in UNSPACED
        parts["length"] = self._length(answer, len(answer.turn.text.split() if spaced else words))
        return Score(_mean(parts, self._settings.weights), parts, noticed)

    def _heard(self, answer: Answer, language: str) -> dict[str, Any]:
        if answer.turn.clip is None or self._transcriber is None:
            return {}
        samples, _ = read_clip(answer.turn.clip, INPUT_SAMPLE_RATE)
        heard = self._transcriber.hear(samples, language)
        counted = word_errors(answer.turn.text, heard, language)
        return {HEARD: heard, ERRORS: counted.errors, WORDS: counted.words}

    def _length(self, answer: Answer, words: int) -> float:
        least, most = self._settings.fewest_words, self._settings.most_words
        plausible = 0.0 if words < max(1, least) else min(1.0, most / words)
        clip = answer.turn.clip
        if clip is None or not clip.seconds:
            return plausible
        slowest, quickest = WORDS_PER_SECOND
        pace = words / clip.seconds
        return plausible * min(1.0, pace / slowest, quickest / pace if pace else 0.0)


def _f1(words: Sequence[str], reference: Sequence[str]) -> float:
    shared = (Counter(words) & Counter(reference)).total()
    return 2 * shared / (len(words) + len(reference)) if shared else 0.0


def _mean(parts: Mapping[str, float], weights: Weights) -> float:
    known = {name: weight for name, weight in asdict(weights).items() if name in parts}
    total = sum(known.values())
    return sum(weight * parts[name] for name, weight in known.items()) / total if total else 0.0
