"""English numbers as words: counts, ordinals, decimals, money, percentages, clock times, years, dates, ranges.

What looks like a telephone number or a code is read digit by digit. Roman numerals and mathematics are left alone.
"""

import re
from collections.abc import Callable
from typing import Final

_SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_LARGE: Final = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS: Final = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONEY: Final = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_UNITS: Final = {
    "km/h": "kilometer an hour", "mph": "mile an hour", "km": "kilometer", "cm": "centimeter", "mm": "millimeter",
    "kg": "kilogram", "mg": "milligram", "ml": "milliliter", "lbs": "pound", "lb": "pound", "oz": "ounce",
    "GB": "gigabyte", "MB": "megabyte", "TB": "terabyte", "kWh": "kilowatt hour", "°C": "degree Celsius",
    "°F": "degree Fahrenheit", "°": "degree", "ft": "foot", "hrs": "hour", "min": "minute", "m": "meter", "g": "gram",
}  # fmt: skip
_NUMBER: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_M: Final = r"(?:\.[mM]\.(?!\s+[A-Z]|$)|\.?[mM]\b)"
"""The end of "am" or "a.m."; a full stop that also ends the sentence stays."""
_YEAR_BEFORE: Final = r"(?i:in|since|until|till|from|of|by|before|after|during|year|" + "|".join(_MONTHS) + r")"


def cardinal(number: int) -> str:
    """A whole number below 10**15 in words: 342 is "three hundred forty-two"."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")
    for size, name in _LARGE:
        if number >= size:
            count, rest = divmod(number, size)
            return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")
    raise AssertionError(number)


def ordinal(number: int) -> str:
    """Its place in a row: 21 is "twenty-first"."""
    start, mark, last = re.fullmatch(r"(.*?)([ -]?)(\w+)", cardinal(number)).groups()  # type: ignore[union-attr]
    ending = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return start + mark + ending


def year(number: int) -> str:
    """A year as it is said: 1984 is "nineteen eighty-four", 2005 "two thousand five"."""
    century, rest = divmod(number, 100)
    if number % 1000 < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def spoken_number(written: str) -> str:
    """Digits with or without thousands separators and decimals, in words; codes and long digits one by one."""
    whole, _, decimals = written.replace(",", "").partition(".")
    as_code = (len(whole) > 1 and whole[0] == "0") or len(whole) > 15 or (len(whole) > 6 and "," not in written)
    words = one_by_one(whole) if as_code and not whole.endswith("000") else cardinal(int(whole))
    return f"{words} point {one_by_one(decimals)}" if decimals else words


def one_by_one(digits: str) -> str:
    """Digits read apart: "007" is "zero zero seven"."""
    return " ".join(_SMALL[int(digit)] for digit in digits)


def spoken_numbers(text: str) -> str:
    """`text` with all its numbers as words; what surrounds them stays."""
    for pattern, said in _RULES:
        text = pattern.sub(said, text)
    return text


def _counted(written: str, unit: str) -> str:
    irregular = {"foot": "feet", "penny": "pence"}
    head, _, rest = unit.partition(" ")
    plural = irregular.get(head, head + "s")
    return f"{spoken_number(written)} " + (unit if written == "1" else f"{plural} {rest}".strip())


def _money(match: re.Match[str]) -> str:
    large, small = _MONEY[match[1]]
    amount, scale = match[2], match[3]
    if scale:
        return f"{spoken_number(amount)} {scale} {large}s"
    whole, _, cents = amount.partition(".")
    if len(cents) != 2:
        return _counted(amount, large)
    parts = [_counted(whole, large)] if whole != "0" else []
    parts += [_counted(str(int(cents)), small)] if int(cents) else []
    return " and ".join(parts) or _counted(whole, large)


def _clock(match: re.Match[str]) -> str:
    hour, minute, half = int(match[1]), int(match[2]), match[3]
    said = cardinal(hour)
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not half:
        said += " o'clock" if 0 < hour < 13 else " hundred hours"
    return said + (f" {half.upper()}M" if half else "")


def _date(match: re.Match[str]) -> str:
    month, day = int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(int(match[1]))}"


def _decade(match: re.Match[str]) -> str:
    said = year(int(match[1]))
    return said[:-1] + "ies" if said.endswith("y") else said + "s"


_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b"), _date),
    (
        re.compile(rf"([$€£]) ?({_NUMBER})(?: (hundred|thousand|million|billion|trillion)\b)?"),
        _money,
    ),
    (re.compile(rf"({_NUMBER}) ?%"), lambda match: f"{spoken_number(match[1])} percent"),
    (re.compile(rf"\b([01]?\d|2[0-3]):([0-5]\d)(?: ?([aApP]){_M})?"), _clock),
    (re.compile(rf"\b(\d{{1,2}}) ?([aApP]){_M}"), lambda match: f"{cardinal(int(match[1]))} {match[2].upper()}M"),
    (re.compile(r"\b(\d{1,15})(?:st|nd|rd|th)\b"), lambda match: ordinal(int(match[1]))),
    (re.compile(r"\b(1[1-9]\d0|20\d0)'?s\b"), _decade),
    (
        re.compile(rf"(?<![\w.])({_NUMBER}) ?({'|'.join(map(re.escape, _UNITS))})(?![\w/])"),
        lambda match: _counted(match[1], _UNITS[match[2]]),
    ),
    (re.compile(rf"\b({_YEAR_BEFORE} )(1[1-9]\d\d|20\d\d)(?![\d,.]*\d)"), lambda match: match[1] + year(int(match[2]))),
    (re.compile(rf"\b((?:{'|'.join(_MONTHS)}) )(\d{{1,2}})\b(?!\d)"), lambda match: match[1] + ordinal(int(match[2]))),
    (re.compile(r"(?<=[a-z\d]), (1[1-9]\d\d|20\d\d)\b(?![,.]\d)"), lambda match: f", {year(int(match[1]))}"),
    (re.compile(r"(\d):(?=\d)"), lambda match: f"{match[1]} to "),
    (re.compile(r"(\d) ?[–-] ?(?=\d)"), lambda match: f"{match[1]} to "),
    (re.compile(rf"(?<![\w)])[-−]({_NUMBER})"), lambda match: f"minus {spoken_number(match[1])}"),
    (re.compile(r"(?<=\d)\.(?=\d+\.\d)|(?<=\d\.\d)\.(?=\d)"), lambda match: " point "),
    (re.compile(r"(?<=[A-Za-z])-?(?=\d)|(?<=\d)(?=[A-Za-z])"), lambda match: " "),
    (re.compile(_NUMBER), lambda match: spoken_number(match[0])),
)
"""In this order: what names a number's kind goes before the bare number."""
