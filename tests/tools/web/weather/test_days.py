"""Days in words, on a Wednesday."""

from datetime import date

import pytest

from stepwave.facts.errors import ToolError
from stepwave.prepare.tool_dialogues.tool_grammar import read
from stepwave.tools.web.weather.days import When, date_told, read_day

TODAY = date(2026, 12, 2)


@pytest.mark.parametrize("words", ["", " ", "now", "Right now.", "at the moment"])
def test_now(words: str) -> None:
    assert read_day(words, TODAY) is None


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("today", 2), ("Later today", 2), ("tomorrow", 3), ("for tomorrow", 3), ("the day after tomorrow", 4),
        ("Wednesday", 2), ("next Wednesday", 9), ("on Friday", 4), ("this Friday", 4), ("Tuesday", 8),
        ("in three days", 5), ("in 3 days", 5), ("two days from now", 4), ("in a week", 9), ("in two weeks", 16),
        ("in fifteen days", 17), ("2026-12-17", 17), ("on 2026-12-04", 4), ("4 December", 4), ("4th of December", 4),
        ("next tuesday", 8), ("the 4th of December", 4), ("December 5th", 5), ("December 5, 2026", 5),
    ],
)  # fmt: skip
def test_single_days(words: str, day: int) -> None:
    assert read_day(words, TODAY) == When(date(2026, 12, day), date(2026, 12, day))


@pytest.mark.parametrize(
    ("words", "first", "last", "part"),
    [
        ("this morning", 2, 2, "morning"),
        ("in the morning", 2, 2, "morning"),
        ("tomorrow morning", 3, 3, "morning"),
        ("Friday afternoon", 4, 4, "afternoon"),
        ("on Friday in the evening", 4, 4, "evening"),
        ("tonight", 2, 3, "night"),
        ("tomorrow night", 3, 4, "night"),
        ("in fifteen days at night", 17, 17, "night"),
        ("this weekend", 5, 6, None),
        ("on the weekend", 5, 6, None),
        ("next weekend", 12, 13, None),
        ("this week", 2, 6, None),
        ("next week", 7, 13, None),
    ],
)
def test_parts_and_spans(words: str, first: int, last: int, part: str | None) -> None:
    assert read_day(words, TODAY) == When(date(2026, 12, first), date(2026, 12, last), part)


def test_spans_begin_today_and_end_with_the_forecast() -> None:
    sunday, monday = date(2026, 12, 6), date(2026, 12, 7)
    assert read_day("this weekend", sunday) == When(sunday, sunday)
    assert read_day("this week", sunday) == When(sunday, sunday)
    assert read_day("next weekend", monday) == When(date(2026, 12, 19), date(2026, 12, 20))
    assert read_day("1 January", date(2026, 12, 30)) == When(date(2027, 1, 1), date(2027, 1, 1))


@pytest.mark.parametrize(
    "words", ["yesterday", "some day", "31 February", "in 9999 days", "the", "tomorrow Friday", "x" * 999]
)
def test_words_that_are_not_understood(words: str) -> None:
    with pytest.raises(ToolError) as raised:
        read_day(words, TODAY)
    assert "is not understood; wanted now, today, tomorrow, a weekday" in str(raised.value)
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize(
    "words", ["2026-12-18", "2026-12-01", "in 16 days", "in a hundred weeks", "24 December", "2024-02-29"]
)
def test_days_out_of_reach(words: str) -> None:
    with pytest.raises(
        ToolError, match=r"reach from today, Wednesday 2 December, to Thursday 17 December|not understood"
    ):
        read_day(words, TODAY)


def test_every_day_that_training_names_is_understood() -> None:
    """Models that learnt from our material ask for these."""
    for entry in read("weather")["columns"]["day"]:
        assert read_day(entry if isinstance(entry, str) else entry[1], TODAY) is not None


def test_dates_are_told() -> None:
    assert date_told(TODAY) == "Wednesday 2 December"
