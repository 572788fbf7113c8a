"""The suite `mmau`: MMAU test-mini (report, section 4.3, table 3), multiple choice about sound, speech and music.

Accuracy for each of the three domains, then their plain mean. Answers are written. Two rules read them: `mmau/1` is
that of the benchmark's own script, where an unreadable answer is a wrong one; `chosen/1` counts such answers as failed.
"""

from typing import Final

from stepwave.evaluation.answers import Answer
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Measure, Score
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.mmau import mmau_items
from stepwave.evaluation.material.samples import sample_or
from stepwave.evaluation.scoring.choices import CHOICE_RULES


def items(places: Places) -> list[Item]:
    """All questions of the data folder."""
    return mmau_items(sample_or(places, "mmau", "MMAU", "mmau-test-mini"))


def _by(rule: str, answer: Answer) -> Score:
    options, right = answer.item.options, answer.item.references[0]
    chosen = CHOICE_RULES[rule](answer.text, options, options.index(right))
    return Score(float(chosen), 1.0, right, answer.text)


def accuracy(answer: Answer, evidence: Evidence) -> Score:
    """1 if right by the benchmark's own rule, else 0."""
    return _by("mmau/1", answer)


def readable_accuracy(answer: Answer, evidence: Evidence) -> Score:
    """1 if the option that is chosen is the right one, else 0. Raises UnscorableError where none is."""
    return _by("chosen/1", answer)


SUITE: Final = Suite(
    "mmau",
    "questions about sound, speech and music, multiple choice",
    (
        Check(
            "mmau-test-mini",
            "written answers to questions about recordings",
            "MMAU test-mini, 1,000 questions",
            items,
            "answer",
            (
                Measure("accuracy", accuracy, by="domain", better="higher"),
                Measure("accuracy of readable answers", readable_accuracy, by="domain", better="higher"),
            ),
            data="MMAU test-mini, as it lies in the data folder",
        ),
    ),
)
