"""Errors of one text against its reference, in words, characters or both: WER, CER and MER from one count.

The counts are those of `text.word_errors`, so `error_rate` and its interval take them as they are.
"""

from dataclasses import dataclass

from stepwave.evaluation.packages import package
from stepwave.evaluation.scoring.normalisers import Convention, units
from stepwave.text.word_errors import WordErrors


@dataclass(frozen=True)
class Comparison:
    """What was compared and what came of it."""

    errors: WordErrors
    """Counts in the convention's units; `words` are the reference's units."""
    reference: str
    """As normalised."""
    hypothesis: str
    """As normalised."""


def compare(reference: str, hypothesis: str, convention: Convention) -> Comparison:
    """Count the errors of a shortest edit (by jiwer) after both texts went through the same normaliser.

    An empty hypothesis misses every unit; a reference without units makes every unit of the hypothesis an insertion,
    and whoever needs a rate then calls the item unscorable. Raises MissingExtraError.
    """
    one, other = convention.normaliser(reference), convention.normaliser(hypothesis)
    counted = package("jiwer").process_words(
        " ".join(units(one, convention.unit)), " ".join(units(other, convention.unit))
    )
    total = counted.hits + counted.substitutions + counted.deletions
    return Comparison(WordErrors(total, counted.substitutions, counted.deletions, counted.insertions), one, other)
