"""Numbers, times of day and dates in English words, as a voice says them: no digits, no hyphens."""

from datetime import date
from typing import Final

_SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS: Final = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def number_said(number: int) -> str:
    """A whole number below a million in words: "minus three", "two hundred twelve".

    Raises ValueError for larger ones.
    """
    if number < 0:
        return "minus " + number_said(-number)
    if number < 20:
        return _SMALL[number]
    if number < 100:
        return _joined(_TENS[number // 10], number % 10)
    if number < 1_000:
        return _joined(f"{_SMALL[number // 100]} hundred", number % 100)
    if number < 1_000_000:
        return _joined(f"{number_said(number // 1_000)} thousand", number % 1_000)
    raise ValueError(f"{number} is too large to be said here, wanted less than a million")


def digits_said(number: str) -> str:
    """Digit by digit: "four two seven"."""
    return " ".join(_SMALL[int(digit)] for digit in number)


def ordinal_said(number: int) -> str:
    """A place in an order up to a hundred: "twenty first"."""
    *before, last = number_said(number).split()
    ending = last[:-1] + "ieth" if last.endswith("y") else _ORDINALS.get(last, last + "th")
    return " ".join([*before, ending])


def year_said(year: int) -> str:
    """A year as it is read: "nineteen eighty four", "twenty twenty six", "two thousand five"."""
    century, rest = divmod(year, 100)
    if rest == 0 or year // 10 % 100 == 0:
        return number_said(year)
    return f"{number_said(century)} {number_said(rest) if rest > 9 else 'oh ' + number_said(rest)}"


def date_said(day: date) -> str:
    """ "fourteenth of March", to be said after "the"."""
    return f"{ordinal_said(day.day)} of {MONTHS[day.month - 1]}"


def time_said(hour: int, minute: int) -> str:
    """A time of day with its part: "quarter past four in the afternoon", "two minutes to noon".

    Hours count from 0 to 23.
    """
    if minute > 30:
        return f"{_minutes(60 - minute)} to {_hour((hour + 1) % 24)}"
    return f"{_minutes(minute)} past {_hour(hour)}" if minute else _hour(hour)


def _minutes(minutes: int) -> str:
    named = {15: "quarter", 30: "half"}.get(minutes)
    if named:
        return named
    unit = "" if minutes % 5 == 0 else " minute" if minutes == 1 else " minutes"
    return number_said(minutes) + unit


def _hour(hour: int) -> str:
    if hour in (0, 12):
        return "noon" if hour else "midnight"
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    part = "at night" if hour >= 22 or hour < 5 else part
    return f"{number_said(hour % 12)} {part}"


def _joined(front: str, rest: int) -> str:
    return f"{front} {number_said(rest)}" if rest else front
