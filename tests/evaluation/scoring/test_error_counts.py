from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.evaluation.scoring.error_counts import compare
from stepwave.evaluation.scoring.metrics import error_rate
from stepwave.evaluation.scoring.normalisers import NORMALISERS, Convention, Unit, convention, units
from stepwave.text.word_errors import WordErrors


def edits(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of a shortest edit, by the textbook's table."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, right in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (left != right))
    return row[-1]


@pytest.mark.parametrize(
    ("language", "reference", "hypothesis", "expected"),
    [
        ("zh", "我有25个苹果。", "我有二十五个苹果", WordErrors(8, 0, 0, 0)),
        ("zh", "我有25个苹果", "我有26个苹果", WordErrors(8, 1, 0, 0)),
        ("zh", "今天天气很好", "今天天很好啊", WordErrors(6, 0, 1, 1)),
        ("zh", "我想用 Python 写code", "我想用 python 写 cold", WordErrors(6, 1, 0, 0)),
        ("zh", "你好", "", WordErrors(2, 0, 2, 0)),
        ("zh", "。", "你好", WordErrors(0, 0, 0, 2)),
        ("zh", "", "", WordErrors(0, 0, 0, 0)),
        ("yue", "我想send email", "我想sent email", WordErrors(11, 1, 0, 0)),
        ("ja", "東京へ行く。", "東京に行く", WordErrors(5, 1, 0, 0)),
        ("ar", "ذَهَبَ إلى المدرسةِ", "ذهب الى المدرسه", WordErrors(3, 0, 0, 0)),
        ("ar", "كتاب جديد", "كتاب", WordErrors(2, 0, 1, 0)),
        ("en", "It's 5 o'clock.", "it is five o'clock", WordErrors(4, 0, 0, 0)),
        ("en", "red, green, blue", "...", WordErrors(3, 0, 3, 0)),
    ],
)
def test_errors_of_known_texts(language: str, reference: str, hypothesis: str, expected: WordErrors) -> None:
    assert compare(reference, hypothesis, convention(language)).errors == expected


def test_a_mixed_rate_weighs_a_foreign_word_once() -> None:
    chinese = NORMALISERS["chinese/1"]
    texts = ("我爱Python", "我爱Ruby")
    mixed = compare(*texts, Convention(chinese, "mixed"))
    characters = compare(*texts, Convention(chinese, "character"))
    assert error_rate([mixed.errors]) == pytest.approx(100 / 3)
    assert error_rate([characters.errors]) == pytest.approx(100 * 6 / 8)
    assert (mixed.reference, mixed.hypothesis) == ("我 爱 python", "我 爱 ruby")


@pytest.mark.parametrize("unit", ["word", "character", "mixed"])
@given(
    reference=st.text(alphabet="ab 你好1", max_size=12),
    hypothesis=st.text(alphabet="ab 你好1", max_size=12),
)
def test_counts_are_those_of_a_shortest_edit(unit: Unit, reference: str, hypothesis: str) -> None:
    plain = Convention(NORMALISERS["plain/1"], unit)
    counted = compare(reference, hypothesis, plain).errors
    one, other = (units(NORMALISERS["plain/1"](text), unit) for text in (reference, hypothesis))
    assert counted.errors == edits(one, other)
    assert counted.words == len(one)
    assert counted.insertions - counted.deletions == len(other) - len(one)
