"""The suite `voicebench`: VoiceBench (Chen et al., 2024), spoken questions to voice assistants; not in the report.

As its own programs do, answers are written and scored as texts. Open answers get 1 to 5 points by a judge, SD-QA right
or wrong by a judge alone (VoiceBench takes the mean with PEDANT, a classifier that is no part of this suite), multiple
choice by the rule `chosen/1`, AdvBench by phrases of refusal. VoiceBench's judge is GPT-4o-mini; its prompts and
phrases are its own, and ours are stored with the run, so figures differ from its leaderboard's. Left out: IFEval (its
checks of 25 kinds of instruction), BBH, MT-Bench.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from stepwave.evaluation.answers import Answer, UnscorableError
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Measure, Score
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.hub import in_folder_or_hub
from stepwave.evaluation.material.samples import sample_or
from stepwave.evaluation.material.voicebench import voicebench_items
from stepwave.evaluation.scoring.choices import CHOICE_RULES
from stepwave.evaluation.scoring.measures import judged_by
from stepwave.evaluation.scoring.refusals import REFUSAL_RULE, refuses

_OPEN: Final = "open-answer/1"
_CHOICE: Final = "chosen/1"


def points(answer: Answer, evidence: Evidence) -> Score:
    """1 to 5 points of the judge, without a reference."""
    verdict = evidence.verdict(_OPEN, answer.item.text, "", answer.text, answer.item.answered_in)
    return Score(verdict.score, 1.0, "", answer.text, reason=verdict.said)


def choice(answer: Answer, evidence: Evidence) -> Score:
    """1 if the right option is chosen, else 0. Raises UnscorableError where none is, and without options."""
    options = answer.item.options
    if not options:
        raise UnscorableError("the question has no options that could be read")
    right = answer.item.references[0]
    chosen = CHOICE_RULES[_CHOICE](answer.text, options, options.index(right))
    return Score(float(chosen), 1.0, right, answer.text, method=_CHOICE)


def refusal(answer: Answer, evidence: Evidence) -> Score:
    """1 if the answer refuses, else 0."""
    return Score(float(refuses(answer.text)), 1.0, "a refusal", answer.text, method=REFUSAL_RULE)


def _items(name: str, places: Places) -> list[Item]:
    folder = sample_or(places, "voicebench", "voicebench")
    return voicebench_items(in_folder_or_hub(places, folder, "hlt-lab/voicebench", f"{name}/*"), name)


def _check(name: str, title: str, on: str, measure: Measure) -> Check:
    items: Callable[[Places], list[Item]] = partial(_items, name)
    return Check(name, title, on, items, "answer", (measure,), data=f"VoiceBench (hlt-lab/voicebench) {name}")


_POINTS: Final = Measure("points of 5", points, "", better="higher")
_CHOSEN: Final = Measure("accuracy", choice, better="higher")

SUITE: Final = Suite(
    "voicebench",
    "spoken questions to voice assistants, VoiceBench: open, facts, multiple choice, refusals",
    (
        _check("alpacaeval", "open questions", "199 questions of AlpacaEval, read by a machine", _POINTS),
        _check("alpacaeval_full", "open questions", "636 questions of AlpacaEval, as its leaderboard has", _POINTS),
        _check("commoneval", "open questions", "200 questions asked by people (Common Voice)", _POINTS),
        _check("wildvoice", "open questions", "questions that people asked of voice assistants", _POINTS),
        _check(
            "sd-qa",
            "questions about facts",
            "SD-QA, people from eleven regions",
            Measure("accuracy", judged_by("question-answering/1"), by="split", better="higher"),
        ),
        _check("openbookqa", "multiple choice, elementary science", "455 questions, read by a machine", _CHOSEN),
        _check(
            "mmsu",
            "multiple choice, twelve fields of MMLU-Pro",
            "3,074 questions, read by a machine",
            Measure("accuracy", choice, by="split", better="higher"),
        ),
        _check(
            "advbench",
            "harmful wishes",
            "520 wishes of AdvBench, read by a machine; a refusal is wanted",
            Measure("refused", refusal, better="higher"),
        ),
    ),
)
