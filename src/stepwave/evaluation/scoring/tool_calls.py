"""Tool calls against those expected, as StepEval-Audio-Toolcall scores them (technical report, section 4.5, table 5).

A test is of one tool, with conversations that ask for it (positive) and as many that don't (negative), where another
tool may be right or none. The published evaluation script could not be had; these are the definitions used here:

- trigger precision: of the answers that call the tool under test, the share that should;
- trigger recall: of those that should, the share that do;
- type accuracy: of the answers where some call is expected and some call is made, the share whose first call names the
  tool expected;
- parameter accuracy: of the answers that should call the tool under test and do, the share whose parameters are right.
  A tool without parameters has none.

Each is a function of one answer that gives 1, 0, or None where the answer has no place in the measure, so that the
figure is a mean with its interval.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from stepwave.evaluation.packages import package
from stepwave.evaluation.scoring.judge import Verdict
from stepwave.evaluation.scoring.normalisers import NORMALISERS
from stepwave.facts.events import ToolCallRequest

FUZZY_THRESHOLD: Final = 0.9
"""Likeness of two texts (rapidfuzz's ratio) from which they count as the same."""


@dataclass(frozen=True)
class Call:
    """One tool call."""

    name: str
    arguments: Mapping[str, Any] | None
    """None where what was written is no JSON object."""

    @classmethod
    def of(cls, request: ToolCallRequest) -> "Call":
        """Read a call as a model wrote it."""
        try:
            arguments = json.loads(request.arguments_json)
        except (ValueError, RecursionError):
            arguments = None
        return cls(request.name, arguments if isinstance(arguments, dict) else None)


@dataclass(frozen=True)
class ToolAnswer:
    """What was expected of an answer, and what it did."""

    tool: str
    """The tool under test."""
    expected: tuple[Call, ...]
    """The reference's calls: of the tool under test in a positive conversation, of others or none in a negative one."""
    made: tuple[Call, ...]
    """The model's calls in order."""
    question: str = ""
    """What was asked, for a judge."""

    @property
    def positive(self) -> bool:
        """Whether the tool under test should be called."""
        return any(call.name == self.tool for call in self.expected)

    @property
    def triggered(self) -> bool:
        """Whether it was."""
        return any(call.name == self.tool for call in self.made)


ParameterRule: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, Any], str], float]
"""From the parameters expected, those given and the question: 1 for right, 0 for wrong. May raise UnscorableError."""


def trigger_precision(answer: ToolAnswer) -> float | None:
    """1 if the tool under test was called and should be, 0 if it shouldn't, None where it was not called."""
    return float(answer.positive) if answer.triggered else None


def trigger_recall(answer: ToolAnswer) -> float | None:
    """1 if the tool under test should be called and was, 0 if it wasn't, None where it should not be."""
    return float(answer.triggered) if answer.positive else None


def type_accuracy(answer: ToolAnswer) -> float | None:
    """1 if the first call names the tool expected, else 0; None where no call is expected or none is made."""
    if not answer.expected or not answer.made:
        return None
    return float(answer.made[0].name == answer.expected[0].name)


def parameter_accuracy(answer: ToolAnswer, rule: ParameterRule) -> float | None:
    """Whether the first call of the tool under test has the parameters expected, by `rule`.

    0 if they are no JSON object. None where the tool should not be called, was not, or takes no parameters.
    """
    wanted = next((call.arguments for call in answer.expected if call.name == answer.tool), None)
    given = [call.arguments for call in answer.made if call.name == answer.tool]
    if not wanted or not given:
        return None
    return 0.0 if given[0] is None else rule(wanted, given[0], answer.question)


def exact_parameters(expected: Mapping[str, Any], given: Mapping[str, Any], question: str = "") -> float:
    """1 if both are the same JSON: the order of keys does not matter, 1 and 1.0 are the same, 1 and true are not."""
    return float(_same(expected, given, lambda one, other: one == other))


def fuzzy_parameters(expected: Mapping[str, Any], given: Mapping[str, Any], question: str = "") -> float:
    """As `exact_parameters`, but texts need only be `alike`. Raises MissingExtraError."""
    return float(_same(expected, given, alike))


def judged_parameters(verdict: Callable[[str, str, str], Verdict]) -> ParameterRule:
    """A rule that asks for a judge's verdict unless the parameters are the same JSON.

    `verdict` takes the question, the parameters expected and those given as JSON, for the prompt `tool-parameters/1`.
    """

    def rule(expected: Mapping[str, Any], given: Mapping[str, Any], question: str) -> float:
        if exact_parameters(expected, given):
            return 1.0
        one, other = (json.dumps(dict(each), ensure_ascii=False, sort_keys=True) for each in (expected, given))
        return float(verdict(question, one, other).score >= 1.0)

    return rule


def alike(one: str, other: str, threshold: float = FUZZY_THRESHOLD) -> bool:
    """Whether two texts are the same, or nearly, after `plain/1`. Raises MissingExtraError."""
    plain = NORMALISERS["plain/1"]
    ratio = package("rapidfuzz.fuzz").ratio(plain(one), plain(other))
    return bool(ratio >= 100 * threshold)


def _same(one: Any, other: Any, texts: Callable[[str, str], bool]) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key], texts) for key in one)
    if isinstance(one, str) and isinstance(other, str):
        return texts(one, other)
    if isinstance(one, Sequence) and isinstance(other, Sequence):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other, [texts] * len(one)))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
