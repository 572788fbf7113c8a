from datetime import date

import pytest

from stepwave.prepare.tool_dialogues.numbers_said import (
    date_said,
    digits_said,
    number_said,
    ordinal_said,
    time_said,
    year_said,
)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (-42, "minus forty two"),
        (100, "one hundred"),
        (212, "two hundred twelve"),
        (1_000, "one thousand"),
        (40_307, "forty thousand three hundred seven"),
    ],
)
def test_numbers(number: int, said: str) -> None:
    assert number_said(number) == said


def test_a_number_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        number_said(1_000_000)


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "first"), (2, "second"), (12, "twelfth"), (20, "twentieth"), (23, "twenty third"), (30, "thirtieth")],
)
def test_ordinals(number: int, said: str) -> None:
    assert ordinal_said(number) == said


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [
        (0, 0, "midnight"),
        (12, 0, "noon"),
        (11, 45, "quarter to noon"),
        (23, 59, "one minute to midnight"),
        (16, 30, "half past four in the afternoon"),
        (9, 5, "five past nine in the morning"),
        (21, 38, "twenty two minutes to ten at night"),
        (0, 10, "ten past midnight"),
    ],
)
def test_times_of_day(hour: int, minute: int, said: str) -> None:
    assert time_said(hour, minute) == said


@pytest.mark.parametrize(
    ("year", "said"),
    [
        (1984, "nineteen eighty four"),
        (2000, "two thousand"),
        (2005, "two thousand five"),
        (2026, "twenty twenty six"),
        (1905, "nineteen oh five"),
    ],
)
def test_years(year: int, said: str) -> None:
    assert year_said(year) == said


def test_dates_and_digits() -> None:
    assert date_said(date(2026, 3, 14)) == "fourteenth of March"
    assert digits_said("407") == "four zero seven"
