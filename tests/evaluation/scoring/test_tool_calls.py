from collections.abc import Callable
from typing import Any

import pytest

from stepwave.evaluation.scoring.judge import Verdict
from stepwave.evaluation.scoring.tool_calls import (
    Call,
    ToolAnswer,
    alike,
    exact_parameters,
    fuzzy_parameters,
    judged_parameters,
    parameter_accuracy,
    trigger_precision,
    trigger_recall,
    type_accuracy,
)
from stepwave.facts.events import ToolCallRequest

WEATHER = Call("get_weather", {"location": "Beijing"})
SEARCH = Call("web_search", {"query": "news"})
CLOCK = Call("get_date_time", {})


def answer(expected: tuple[Call, ...], made: tuple[Call, ...], tool: str = "get_weather") -> ToolAnswer:
    return ToolAnswer(tool, expected, made)


CASES = {
    "right": answer((WEATHER,), (WEATHER,)),
    "wrong parameters": answer((WEATHER,), (Call("get_weather", {"location": "Paris"}),)),
    "missed": answer((WEATHER,), ()),
    "another tool": answer((WEATHER,), (SEARCH,)),
    "rightly silent": answer((), ()),
    "rightly another": answer((SEARCH,), (SEARCH,)),
    "false alarm": answer((), (WEATHER,)),
    "in place of another": answer((SEARCH,), (WEATHER,)),
}


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        (trigger_precision, [1, 1, None, None, None, None, 0, 0]),
        (trigger_recall, [1, 1, 0, 0, None, None, None, None]),
        (type_accuracy, [1, 1, None, 0, None, 1, None, 0]),
        (lambda case: parameter_accuracy(case, exact_parameters), [1, 0, None, None, None, None, None, None]),
    ],
)
def test_each_measure_of_known_answers(
    measure: Callable[[ToolAnswer], float | None], expected: list[float | None]
) -> None:
    assert [measure(case) for case in CASES.values()] == expected


def test_a_tool_without_parameters_has_no_parameter_accuracy() -> None:
    assert parameter_accuracy(answer((CLOCK,), (CLOCK,), "get_date_time"), exact_parameters) is None


def test_arguments_that_are_no_object_are_wrong() -> None:
    for text in ("{", "[1]", '"Beijing"', "[" * 100_000):
        call = Call.of(ToolCallRequest("get_weather", text))
        assert call.arguments is None
        assert parameter_accuracy(answer((WEATHER,), (call,)), exact_parameters) == 0
    assert Call.of(ToolCallRequest("get_weather", '{"location": "Beijing"}')) == WEATHER


@pytest.mark.parametrize(
    ("expected", "given", "exact", "fuzzy"),
    [
        ({"a": 1, "b": "x"}, {"b": "x", "a": 1.0}, 1, 1),
        ({"a": 1}, {"a": True}, 0, 0),
        ({"a": True}, {"a": True}, 1, 1),
        ({"a": None}, {}, 0, 0),
        ({"a": "x"}, {"a": "x", "b": 1}, 0, 0),
        ({"city": "New York"}, {"city": "new york."}, 0, 1),
        ({"query": "latest Stepwave release"}, {"query": "latest Stepwave releases"}, 0, 1),
        ({"query": "weather in Rome"}, {"query": "weather in Oslo"}, 0, 0),
        ({"list": ["A", "b"]}, {"list": ["a", "B"]}, 0, 1),
        ({"list": ["a", "b"]}, {"list": ["b", "a"]}, 0, 0),
        ({"list": ["a"]}, {"list": ["a", "b"]}, 0, 0),
        ({"in": {"a": "X"}}, {"in": {"a": "x"}}, 0, 1),
        ({"a": "1"}, {"a": 1}, 0, 0),
        ({"a": []}, {"a": {}}, 0, 0),
    ],
)
def test_parameters_are_compared_as_json(
    expected: dict[str, Any], given: dict[str, Any], exact: float, fuzzy: float
) -> None:
    assert exact_parameters(expected, given) == exact
    assert fuzzy_parameters(expected, given) == fuzzy


def test_likeness_has_a_threshold() -> None:
    assert alike("abcdefghij", "abcdefghiX", threshold=0.9)
    assert not alike("abcdefghij", "abcdefghiX", threshold=0.91)


class Asked:
    name = "asked"

    def __init__(self, score: float) -> None:
        self.score, self.heard = score, list[tuple[str, str, str]]()

    def judge(self, question: str, reference: str, answer: str) -> Verdict:
        self.heard.append((question, reference, answer))
        return Verdict(self.score, "")


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_judge_is_asked_about_other_parameters_only(score: float) -> None:
    judge = Asked(score)
    rule = judged_parameters(judge.judge)
    assert rule({"location": "北京"}, {"location": "北京"}, "天气?") == 1
    assert rule({"location": "北京"}, {"location": "Beijing"}, "天气?") == score
    assert judge.heard == [("天气?", '{"location": "北京"}', '{"location": "Beijing"}')]
