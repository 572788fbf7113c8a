"""Which texts a voice can say, language by language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.facts.errors import RegistryError
from stepwave.prepare.writing import speakable
from stepwave.prepare.writing.languages import LANGUAGES, language_named
from stepwave.prepare.writing.speakable import plain, trouble

FIT = {
    "en": "It's well-known, isn't it?", "de": "Fürchterlich schön!", "fr": "« Ça va ? »", "es": "¿Dónde está?",
    "pl": "Zażółć gęślą jaźń.", "vi": "Tiếng Việt rất đẹp.", "ru": "Как дела?", "el": "Καλημέρα.", "ar": "كيف حالك؟",
    "fa": "می\u200cخواهم بروم.", "he": "מה שלומך?", "hi": "आप कैसे हैं?", "ja": "コーヒーを飲む人々。", "ko": "안녕하세요?",
    "th": "สวัสดีครับ", "zh": "你好，世界！", "tr": "Günaydın, nasılsın?", "uk": "Як справи?",
}  # fmt: skip


@pytest.mark.parametrize("code", FIT)
def test_a_sentence_of_a_language_passes_in_it(code: str) -> None:
    assert trouble(FIT[code], language_named(code)) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", speakable.EMPTY), ("...", speakable.EMPTY), ("At 5.", speakable.DIGITS), ("A & B", speakable.SYMBOLS),
        ("fine 😀", speakable.SYMBOLS), ("so*", speakable.SYMBOLS), ("a\nb", speakable.SYMBOLS),
        ("half \ud83d", speakable.SYMBOLS), ("Привет", speakable.SCRIPT), ("ｆｕｌｌ", speakable.SCRIPT),
        ("w" * 41, speakable.LONG_WORD),
    ],
)  # fmt: skip
def test_what_english_voices_cannot_say_has_a_reason(text: str, reason: str) -> None:
    assert trouble(text, language_named("en")) == reason


def test_digits_pass_when_allowed_and_no_letters_do_as_well() -> None:
    assert trouble("12", language_named("en"), digits=True) == ""


def test_length_is_in_words_or_letters() -> None:
    assert language_named("en").length("It is a well-known fact.") == 5
    assert language_named("zh").length("你好，世界！") == 4


def test_quotes_spaces_and_accents_are_made_alike() -> None:
    assert plain(" “It’s”\u00a0 cafe\u0301 ") == '"It\'s" café'


@given(st.text(max_size=40), st.sampled_from(sorted(LANGUAGES)))
def test_any_text_has_an_answer(text: str, code: str) -> None:
    assert isinstance(trouble(plain(text), language_named(code)), str)


def test_an_unknown_language_lists_those_known() -> None:
    with pytest.raises(RegistryError, match="'xx'; wanted one of: ar, cs,"):
        language_named("xx")
