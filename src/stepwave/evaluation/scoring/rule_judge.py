"""The judge for those who have no language model at hand: rules on texts, and labelled as such.

Rules see words, not meaning: they miss right answers in other words, and `contains` takes "not a dog" for "a dog". So a
figure made by them says "no judge", and is never put beside published ones as if it were the same.
"""

from typing import Final, Literal, TypeAlias, get_args

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.packages import package
from stepwave.evaluation.scoring.judge import Verdict
from stepwave.evaluation.scoring.normalisers import Convention, units
from stepwave.facts.errors import ConfigError

Rule: TypeAlias = Literal["exact", "contains", "fuzzy"]
"""exact: the answer is the reference. contains: the reference stands in the answer, unit by unit. fuzzy: something
nearly like the reference stands in it (rapidfuzz's partial ratio)."""

DEFAULT_THRESHOLD: Final = 0.9


class RuleJudge:
    """Compares normalised texts; verdicts are 1 or 0."""

    def __init__(self, convention: Convention, rule: Rule = "contains", threshold: float = DEFAULT_THRESHOLD) -> None:
        """Raises ConfigError for a threshold outside 0 to 1, or an unknown rule."""
        if rule not in get_args(Rule):
            raise ConfigError(f"there is no rule {rule!r}; known: {', '.join(get_args(Rule))}")
        if not 0 < threshold <= 1:
            raise ConfigError(f"the threshold {threshold} is not above 0 and at most 1")
        self._convention, self._rule, self._threshold = convention, rule, threshold

    @property
    def name(self) -> str:
        """See `Judge.name`."""
        limit = f" >= {self._threshold:g}" if self._rule == "fuzzy" else ""
        return f"rules/1 (no judge): {self._rule}{limit}, {self._convention.name}"

    def judge(self, question: str, reference: str, answer: str) -> Verdict:
        """Whether the answer fits the reference. Raises UnscorableError for an empty reference."""
        wanted, given = (
            " ".join(units(self._convention.normaliser(text), self._convention.unit)) for text in (reference, answer)
        )
        if not wanted:
            raise UnscorableError("there is no reference to compare the answer with")
        return Verdict(float(self._fits(wanted, given)), given)

    def _fits(self, wanted: str, given: str) -> bool:
        if self._rule == "exact":
            return wanted == given
        if self._rule == "contains":
            return f" {wanted} " in f" {given} "
        if len(given) < len(wanted) * self._threshold:
            return False  # Else a partial ratio would find the answer in the reference.
        return bool(package("rapidfuzz.fuzz").partial_ratio(wanted, given) >= 100 * self._threshold)
