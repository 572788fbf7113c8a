"""Tool calls written and read back, with what surrounds them and what is broken."""

import pytest

from stepwave.facts.errors import MarkupError
from stepwave.text.markup import BrokenToolCall, ToolCall, parse_tool_calls, write_tool_call


def test_a_call_is_written_in_the_form_of_the_reference() -> None:
    markup = write_tool_call("search", {"query": "上证指数", "count": 2})
    assert markup == '<tool_call>function\nsearch\n{"query": "上证指数", "count": 2}</tool_call>'


def test_several_calls_and_the_text_around_them_come_back() -> None:
    one, two = write_tool_call("clock", {}), write_tool_call("search", {"query": "a"})
    parsed = parse_tool_calls(f" before\n{one}{two}\nbetween {one} after ")
    assert [
        part if isinstance(part, str) else part.name for part in parsed.parts if not isinstance(part, BrokenToolCall)
    ] == [
        " before\n",
        "clock",
        "search",
        "\nbetween ",
        "clock",
        " after ",
    ]
    assert parsed.text == " before\n\nbetween  after "
    assert parsed.calls[1].arguments == {"query": "a"}
    assert parsed.calls[1].arguments_json == '{"query": "a"}'
    assert parsed.broken == []


@pytest.mark.parametrize("value", ["</tool_call>", "<tool_call>function\n", "a\nb", '"\\', "\u2028", "🌊"])
def test_an_argument_cannot_end_its_call(value: str) -> None:
    markup = write_tool_call("say", {"text": value, value: [value]})
    assert markup.count("<tool_call>") == markup.count("</tool_call>") == 1
    assert parse_tool_calls(markup).calls[0].arguments == {"text": value, value: [value]}


def test_marks_inside_an_argument_as_a_model_may_write_them_are_read() -> None:
    markup = '<tool_call>function\nsay\n{"text": "<tool_call></tool_call>"}</tool_call>!'
    parsed = parse_tool_calls(markup)
    assert parsed.calls == [ToolCall("say", '{"text": "<tool_call></tool_call>"}')]
    assert parsed.text == "!"


@pytest.mark.parametrize("gap", ["\n", "\n\n", "\r\n", " \n \t"])
def test_spaces_around_the_parts_are_tolerated(gap: str) -> None:
    parsed = parse_tool_calls(f"<tool_call>{gap}function{gap}clock{gap}{{ }}{gap}</tool_call>")
    assert parsed.parts == (ToolCall("clock", "{ }"),)


@pytest.mark.parametrize(
    ("markup", "reason", "name"),
    [
        ('<tool_call>function\nsearch\n{"query": </tool_call>', "the arguments are not JSON", "search"),
        ("<tool_call>function\nsearch\n{'query': 1}</tool_call>", "the arguments are not JSON", "search"),
        ('<tool_call>function\nsearch\n{"a": NaN}</tool_call>', "NaN is not a JSON number", "search"),
        ("<tool_call>function\nsearch\n[1]</tool_call>", "not a JSON object", "search"),
        ("<tool_call>function\nsearch\n{} {}</tool_call>", "something follows the arguments", "search"),
        ("<tool_call>function\nsearch\n" + "[" * 100_000 + "</tool_call>", "the arguments are not JSON", "search"),
        ("<tool_call>function\nsearch</tool_call>", "the tool's name is missing", None),
        ("<tool_call>function\n\n</tool_call>", "the tool's name is missing", None),
        ("<tool_call>search\n{}</tool_call>", "the first line is not 'function'", None),
        ("<tool_call></tool_call>", "the first line is not 'function'", None),
    ],
)
def test_a_broken_call_is_kept_with_its_reason_and_reading_goes_on(markup: str, reason: str, name: str | None) -> None:
    good = write_tool_call("clock", {})
    before, broken, between, call = parse_tool_calls(f"x{markup} {good}").parts
    assert (before, between, call) == ("x", " ", ToolCall("clock", "{}"))
    assert isinstance(broken, BrokenToolCall)
    assert broken.raw == markup
    assert reason in broken.reason
    assert broken.name == name


def test_a_call_without_its_end_is_broken() -> None:
    cut = '<tool_call>function\nsearch\n{"query": "a"}'
    parsed = parse_tool_calls(f"x{cut}")
    assert parsed.broken == [BrokenToolCall(cut, "the call is not closed", "search")]
    assert parsed.text == "x"
    good = write_tool_call("clock", {})
    parsed = parse_tool_calls(cut + good)
    assert parsed.parts == (
        BrokenToolCall(cut, "the call is not closed before the next one", "search"),
        ToolCall("clock", "{}"),
    )


@pytest.mark.parametrize("name", ["", " a", "a\nb", "a</tool_call>", "<tool_call>"])
def test_a_name_that_cannot_be_read_back_is_refused(name: str) -> None:
    with pytest.raises(MarkupError, match="tool name"):
        write_tool_call(name, {})


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"x"])
def test_arguments_json_cannot_hold_are_refused(value: object) -> None:
    with pytest.raises(MarkupError, match="JSON cannot hold"):
        write_tool_call("a", {"value": value})
