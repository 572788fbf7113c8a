import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.evaluation.scoring.normalisers import NORMALISERS, convention, units
from stepwave.facts.errors import RegistryError

TEXTS = st.text(
    alphabet="0123456789年月日点第个%$.,:-/+ \n\t，。？！“”·、abcXYZ'’ée漢语カｶﾞーぁ々۵٣أإةىًـ喺唔½Ⅳ\u200f\ud83d\ude00",
    max_size=30,
)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("chinese/1", "2011年3月25日", "二零一一年三月二十五日"),
        ("chinese/1", "我有25個蘋果。", "我有二十五个苹果"),
        ("chinese/1", "增长了12%", "增长了百分之十二"),
        ("chinese/1", "价格是３.５元！", "价格是三点五元"),
        ("chinese/1", "拨打110", "拨打一一零"),
        ("chinese/1", "二〇二三", "二零二三"),
        ("chinese/1", "他说：“你好，世界……”", "他说你好世界"),
        ("chinese/1", "我用 ＯＫ 说Hello", "我用ok说hello"),
        ("chinese/1", "F-16战机", "F十六战机"),
        ("chinese/1", "零下-5度", "零下负五度"),
        ("chinese/1", "I don't 知道", "i dont知道"),
        ("cantonese/1", "佢喺香港嘅學校讀書。", "佢喺香港嘅学校读书"),
        ("cantonese/1", "呢度有3個", "呢度有三个"),
        ("japanese/1", "ｺｰﾋｰを、飲みます。", "コーヒーを飲みます"),
        ("japanese/1", "ＡＩ は すごい", "aiはすごい"),
        ("arabic/1", "مَرْحَبًا", "مرحبا"),
        ("arabic/1", "أحمد إلى آخر", "احمد الي اخر"),
        ("arabic/1", "مدرسة كبيرة", "مدرسه كبيره"),
        ("arabic/1", "مـــرحبا، ١٢٣", "مرحبا 123"),
        ("arabic/1", "\u200fنعم؟", "نعم"),
        ("arabic/1", "ﻣﺮﺣﺒﺎ", "مرحبا"),
        ("whisper-english/1", "Mr. Reed's colour: 25%", "mister reed's color twenty five percent"),
        ("whisper-basic/1", "Grüß Gott! [Musik]", "grüß gott"),
        ("plain/1", "Straße, ＡＢＣ!", "strasse abc"),
        ("plain/1", "नमस्ते।", "नमस्ते"),
        ("whitespace/1", " a\n b ", "a b"),
    ],
)
def test_texts_that_say_the_same_become_the_same(name: str, one: str, other: str) -> None:
    normaliser = NORMALISERS[name]
    assert normaliser(one) == normaliser(other) != ""


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("chinese/1", "我有25个苹果", "我有二十六个苹果"),
        ("chinese/1", "你好", "您好"),
        ("japanese/1", "コーヒ", "コーヒー"),
        ("arabic/1", "كتاب", "كتب"),
        ("plain/1", "नमस्ते", "नमसत"),
        ("whitespace/1", "A", "a"),
    ],
)
def test_texts_that_say_something_else_stay_apart(name: str, one: str, other: str) -> None:
    normaliser = NORMALISERS[name]
    assert normaliser(one) != normaliser(other)


@pytest.mark.parametrize("name", NORMALISERS)
@given(text=TEXTS)
def test_any_text_gets_single_spaces_and_twice_is_once(name: str, text: str) -> None:
    once = NORMALISERS[name](text)
    assert once == " ".join(once.split())
    if not name.startswith("whisper"):  # Whisper's rules take a second bite at some texts.
        assert NORMALISERS[name](once) == once


@pytest.mark.parametrize("name", NORMALISERS)
@pytest.mark.parametrize("text", ["", "  \n", "。，！", "...?!"])
def test_what_says_nothing_becomes_nothing(name: str, text: str) -> None:
    if name != "whitespace/1":
        assert NORMALISERS[name](text) == ""


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("word", ["我用ok", "很3d"]),
        ("character", ["我", "用", "o", "k", "很", "3", "d"]),
        ("mixed", ["我", "用", "ok", "很", "3d"]),
    ],
)
def test_a_foreign_word_is_one_unit_or_many(unit: str, expected: list[str]) -> None:
    assert units("我用ok 很3d", unit) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("en", "whisper-english/1, word"),
        ("en_us", "whisper-english/1, word"),
        ("zh-CN", "chinese/1, mixed"),
        ("cmn_hans_cn", "chinese/1, mixed"),
        ("yue", "cantonese/1, character"),
        ("ja_jp", "japanese/1, character"),
        ("AR", "arabic/1, word"),
        ("th", "plain/1, character"),
        ("de", "plain/1, word"),
    ],
)
def test_each_language_has_a_convention(language: str, name: str) -> None:
    assert convention(language).name == name


def test_every_normaliser_says_what_it_does_and_has_a_version() -> None:
    for name, normaliser in NORMALISERS.items():
        assert normaliser.name == name
        assert name.rpartition("/")[2].isdigit()
        assert normaliser.about.endswith(".")
    with pytest.raises(RegistryError, match="chinese/1"):
        NORMALISERS["chinese/2"]
