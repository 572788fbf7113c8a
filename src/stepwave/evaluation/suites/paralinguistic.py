"""The suite `paralinguistic`: StepEval-Audio-Paralinguistic (report, section 4.2, table 2).

The question is spoken in the recording that it is about; the answer is spoken, written down by the listener, and judged
against the reference. Accuracy for each of eleven tasks, then their plain mean. The report's judge and its prompt are
not public: ours is stored with the run.
"""

from typing import Final

from stepwave.evaluation.answers import Answer
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Measure, Score
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.hub import in_folder_or_hub
from stepwave.evaluation.material.own_records import questions_about_sound
from stepwave.evaluation.material.paralinguistic import paralinguistic_items
from stepwave.evaluation.material.samples import sample_or, unsampled
from stepwave.evaluation.scoring.measures import judged_by, with_named_class


def items(places: Places) -> list[Item]:
    """All tasks of the data folder."""
    name = "StepEval-Audio-Paralinguistic"
    folder = sample_or(places, "paralinguistic", name)
    return paralinguistic_items(in_folder_or_hub(places, folder, f"stepfun-ai/{name}"))


def own(places: Places) -> list[Item]:
    """Questions of our own making about sounds."""
    unsampled("own", places)
    return questions_about_sound(places.data, places.checks)


_judged = judged_by("paralinguistics/1")


def right(answer: Answer, evidence: Evidence) -> Score:
    """Whether the judge finds the answer right; the class it names is the only one whose label it says."""
    return with_named_class(_judged(answer, evidence), answer.item.options)


SUITE: Final = Suite(
    "paralinguistic",
    "what is heard besides words: eleven tasks, asked and answered aloud",
    (
        Check(
            "paralinguistic",
            "spoken answers to spoken questions",
            "StepEval-Audio-Paralinguistic, 550 items of 11 tasks in Chinese; one item is 2 points of its task",
            items,
            "reply",
            (Measure("accuracy", right, by="task", better="higher"),),
            data="StepEval-Audio-Paralinguistic (stepfun-ai), as it lies in the data folder",
        ),
        Check(
            "own",
            "spoken answers to written questions about a recording",
            "`qa` records that were kept from training; what is asked was measured, or mixed in",
            own,
            "reply",
            (Measure("accuracy", right, by="task", better="higher"),),
            data="a manifest of ours in the data folder",
        ),
    ),
)
