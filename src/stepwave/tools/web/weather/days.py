"""Days as people name them: "tomorrow evening", "on Friday", "in three days", "next weekend", "2026-12-24"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from stepwave.facts.errors import ToolError

DAYS: Final = 16
"""Days of a forecast, today included."""
PARTS: Final = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24), "night": (20, 30)}
"""Parts of a day: from which hour to which, counted from the midnight before; the night ends on the next day."""

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_NUMBERS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen",
)  # fmt: skip
_NOW: Final = ("", "now", "right now", "just now", "at the moment", "currently", "current", "at present")
_PART: Final = re.compile(rf"(?:(.*) )?({'|'.join(PARTS)})")
_AHEAD: Final = re.compile(r"(?:in )?(\w+) (day|week)s?(?: (?:from (?:now|today)|ahead|later))?")
_WEEKDAY: Final = re.compile(rf"(next )?({'|'.join(_WEEKDAYS)})")
_DATE: Final = re.compile(
    rf"(?:(?P<day>\d\d?)(?:st|nd|rd|th)?(?: of)? (?P<month>{'|'.join(_MONTHS)})"
    rf"|(?P<name>{'|'.join(_MONTHS)}) (?P<number>\d\d?)(?:st|nd|rd|th)?),?(?: (?P<year>\d{{4}}))?"
)


@dataclass(frozen=True)
class When:
    """What a forecast is wanted for: a day, a part of one, or several days."""

    first: date
    last: date
    """The same as `first`, but for a week, a weekend, and a night, which ends on the next day."""
    part: str | None = None
    """A key of PARTS; None for the whole day."""


def read_day(words: str, today: date) -> When | None:
    """What `words` mean on the day `today`; None for now.

    A weekday is the next one, today included; "next" before it leaves today out. Raises ToolError for words that are
    not understood and for days out of the forecast's reach.
    """
    said = " ".join(words.lower().replace("’", "'").strip(" .!?").split())
    if said in _NOW:
        return None
    when = _read(re.sub(r"^(on|for|this|the|coming|later)\b ?", "", re.sub(r"^(on|for) ", "", said)), today)
    if when is None:
        raise ToolError(
            f"the day {words[:40]!r} is not understood; wanted now, today, tomorrow, a weekday, "
            "a number of days such as 'in three days', or a date such as 2026-12-24"
        )
    farthest = today + timedelta(days=DAYS - 1)
    if not today <= when.first <= farthest:
        raise ToolError(
            f"no forecast is possible for {date_told(when.first)}; "
            f"they reach from today, {date_told(today)}, to {date_told(farthest)}"
        )
    return When(when.first, min(when.last, farthest), when.part)


def date_told(day: date) -> str:
    """ "Friday 4 December"."""
    return f"{_WEEKDAYS[day.weekday()].title()} {day.day} {_MONTHS[day.month - 1].title()}"


def _read(said: str, today: date) -> When | None:
    said = "night" if said == "tonight" else said
    if said in ("week", "next week"):
        monday = today + timedelta(days=7 - today.weekday())
        return When(monday, monday + timedelta(days=6)) if said == "next week" else When(today, monday - timedelta(1))
    if said in ("weekend", "next weekend"):
        saturday = today + timedelta(days=5 - today.weekday() + 7 * (said == "next weekend"))
        return When(max(saturday, today), saturday + timedelta(days=1))
    part = None
    if found := _PART.fullmatch(said):
        said, part = re.sub(r" ?(in the|at)$", "", found[1] or "") or "today", found[2]
    day = _read_one(said, today)
    return When(day, day + timedelta(days=part == "night"), part) if day else None


def _read_one(said: str, today: date) -> date | None:
    ahead = {"today": 0, "day": 0, "tomorrow": 1, "day after tomorrow": 2}.get(said)
    if found := _WEEKDAY.fullmatch(said):
        ahead = (_WEEKDAYS.index(found[2]) - today.weekday()) % 7
        if found[1] and not ahead:
            ahead = 7
    elif found := _AHEAD.fullmatch(said):
        count = _number(found[1])
        if count is not None:
            ahead = count * (7 if found[2] == "week" else 1)
    if ahead is not None:
        return today + timedelta(days=ahead)
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", said):
            return date.fromisoformat(said)
        if found := _DATE.fullmatch(said):
            month, number = _MONTHS.index(found["month"] or found["name"]) + 1, int(found["day"] or found["number"])
            if found["year"]:
                return date(int(found["year"]), month, number)
            day = date(today.year, month, number)
            return day if day >= today else date(today.year + 1, month, number)
    except ValueError:  # such as 31 February
        return None
    return None


def _number(word: str) -> int | None:
    if word in ("a", "an"):
        return 1
    if word in _NUMBERS:
        return _NUMBERS.index(word)
    return int(word) if word.isdecimal() and len(word) < 4 else None
