"""The suite `toolcall`: StepEval-Audio-Toolcall (report, section 4.5, table 5).

Conversations aloud, after which a tool should be called or not. What is measured is told in `scoring.tool_calls`.
Parameters are judged by a language model where `--judge` names one, else compared as texts that may differ a little.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from stepwave.evaluation.answers import Answer
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Measure, Score
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.hub import in_folder_or_hub
from stepwave.evaluation.material.own_records import tool_dialogues
from stepwave.evaluation.material.samples import sample_or, unsampled
from stepwave.evaluation.material.toolcall import toolcall_items
from stepwave.evaluation.scoring import tool_calls
from stepwave.evaluation.scoring.tool_calls import Call, ParameterRule, ToolAnswer
from stepwave.facts.events import ToolCallRequest
from stepwave.text.standard_tools import BENCHMARK_NAMES


def items(places: Places) -> list[Item]:
    """All conversations of the data folder."""
    name = "StepEval-Audio-Toolcall"
    folder = sample_or(places, "toolcall", name)
    return toolcall_items(in_folder_or_hub(places, folder, f"stepfun-ai/{name}"))


def own(places: Places) -> list[Item]:
    """The questions of tool dialogues of our own making."""
    unsampled("own", places)
    return tool_dialogues(places.data, places.checks)


def _answered(answer: Answer) -> ToolAnswer:
    tested = answer.item.tags["tool"]
    named = any(tool.name == tested for tool in answer.item.tools)
    return ToolAnswer(
        tested if named else BENCHMARK_NAMES[tested],
        tuple(Call(call.name, call.arguments) for call in answer.item.calls),
        tuple(Call.of(ToolCallRequest(call.name, call.arguments)) for call in answer.calls),
        answer.item.text,
    )


def _score(answer: Answer, amount: float | None) -> Score | None:
    if amount is None:
        return None
    expected = "; ".join(f"{call.name} {dict(call.arguments)}" for call in answer.item.calls) or "no call"
    made = "; ".join(f"{call.name} {call.arguments}" for call in answer.calls) or "no call"
    return Score(amount, 1.0, expected, made)


def _of(measure: Callable[[ToolAnswer], float | None]) -> Callable[[Answer, Evidence], Score | None]:
    return lambda answer, evidence: _score(answer, measure(_answered(answer)))


def type_of_call(answer: Answer, evidence: Evidence) -> Score | None:
    """Whether the right tool is called; None where that tool was not offered."""
    offered = {tool.name for tool in answer.item.tools}
    if any(call.name not in offered for call in answer.item.calls):
        return None
    return _score(answer, tool_calls.type_accuracy(_answered(answer)))


def parameters(answer: Answer, evidence: Evidence) -> Score | None:
    """Whether the call's parameters are right."""
    return _score(answer, tool_calls.parameter_accuracy(_answered(answer), _rule(evidence, answer.item.language)))


def _rule(evidence: Evidence, language: str) -> ParameterRule:
    judges = evidence.parts.judges
    if judges is None or judges.rules_only:
        return tool_calls.fuzzy_parameters
    return tool_calls.judged_parameters(partial(evidence.verdict, "tool-parameters/1", language=language))


_MEASURES: Final = (
    Measure("trigger precision", _of(tool_calls.trigger_precision), by="tool", better="higher"),
    Measure("trigger recall", _of(tool_calls.trigger_recall), by="tool", better="higher"),
    Measure("type accuracy", type_of_call, by="tool", better="higher"),
    Measure("parameter accuracy", parameters, by="tool", better="higher"),
)

SUITE: Final = Suite(
    "toolcall",
    "tool calls by voice: when, which, with what",
    (
        Check(
            "toolcall",
            "conversations aloud that need a tool, or don't",
            "StepEval-Audio-Toolcall, some 200 conversations each that need one of four tools and that do not",
            items,
            "reply",
            _MEASURES,
            data="StepEval-Audio-Toolcall (stepfun-ai), as it lies in the data folder",
        ),
        Check(
            "own",
            "tool dialogues of our own making",
            "questions of `tools` records that were kept from training; tools as each dialogue offers them",
            own,
            "reply",
            _MEASURES,
            data="a manifest of ours in the data folder",
        ),
    ),
)
