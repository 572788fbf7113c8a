"""Rows of small sums, differences and following numbers, with the numbers as words."""

_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]


def sum_rows() -> tuple[tuple[str, str, str], ...]:
    """(larger, smaller, sum) for all pairs from one to ten, the larger first: one answer serves both orders."""
    return tuple((_WORDS[a], _WORDS[b], _WORDS[a + b]) for a in range(1, 11) for b in range(1, a + 1))


def difference_rows() -> tuple[tuple[str, str, str], ...]:
    """(from, taken away, what is left) for all pairs up to ten with something left."""
    return tuple((_WORDS[a], _WORDS[b], _WORDS[a - b]) for a in range(2, 11) for b in range(1, a))


def next_number_rows() -> tuple[tuple[str, str], ...]:
    """(number, the next one) from one to twelve."""
    return tuple((_WORDS[n], _WORDS[n + 1]) for n in range(1, 13))
