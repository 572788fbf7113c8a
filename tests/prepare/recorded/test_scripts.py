"""Scripts and words of texts."""

import pytest

from stepwave.prepare.recorded.scripts import share_in_script, words_to_say


@pytest.mark.parametrize(
    ("text", "language", "share"),
    [
        ("It's five o'clock.", "en", 1.0),
        ("今天天气很好。", "zh", 1.0),
        ("今天 ok 了", "zh", 0.6),
        ("今日はコーヒーを飲む", "ja", 1.0),
        ("오늘은 좋다", "ko", 1.0),
        ("كيف حالك", "ar", 1.0),
        ("Привет", "ru", 1.0),
        ("Привет", "en", 0.0),
        ("Hello", "zh", 0.0),
        ("ＡＢＣ", "en", 1.0),
        ("ｱｲｽ", "ja", 1.0),
        ("Straße čaj", "de", 1.0),
        ("12, 13!", "en", None),
        ("", "en", None),
        ("whatever", "tlh", None),
        ("whatever", "", None),
    ],
)
def test_letters_belong_to_scripts(text: str, language: str, share: float | None) -> None:
    assert share_in_script(text, language) == (None if share is None else pytest.approx(share))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's five o'clock, isn't it?", 5),
        ("a well-known fact -- indeed", 4),
        ("我爱 jazz", 3),
        ("今天天气很好。", 6),
        ("オK 2024年", 4),
        ("오늘은 좋다", 2),
        ("cafe\u0301 noir", 2),
        ("... -- '", 0),
        ("", 0),
    ],
)
def test_words_are_counted_as_they_are_said(text: str, words: int) -> None:
    assert words_to_say(text) == words
