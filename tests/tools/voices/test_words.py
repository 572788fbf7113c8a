"""What words say of voices, and what names, texts and digests an entry takes."""

import pytest

from stepwave.facts.errors import DataError
from stepwave.tools.voices.entries import Filters, VoiceEntry, name_from
from stepwave.tools.voices.words import facet_words, means_own_voice, query_words, told_words, words_of

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Can you speak like an elderly lady, please?", ["old", "female"]),
        ("a middle-aged, high-pitched speaker", ["middleage", "high"]),
        ("Grandpa's deep voice", ["old", "male", "low"]),
        ("not too fast, but warm", ["warm"]),
        ("without music", []),
        ("Señora Ünal", ["senora", "unal"]),
        ("男声 abc", ["男", "声", "abc"]),
        ("old elderly aged", ["old"]),
        ("", []),
    ],
)
def test_words_that_say_something(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_long_query_is_bounded() -> None:
    assert len(query_words(" ".join(f"word{n}" for n in range(100)))) == 12


@pytest.mark.parametrize(
    ("query", "own"),
    [
        ("your normal voice", True),
        ("go back to your own voice", True),
        ("default", True),
        ("Use the original voice again", True),
        ("a normal male voice", False),
        ("", False),
        ("a voice", False),
    ],
)
def test_the_own_voice(query: str, own: bool) -> None:
    assert means_own_voice(query) is own


def test_an_entry_is_told_by_all_its_fields() -> None:
    entry = VoiceEntry(
        "Ann", DIGEST, ".wav", 2.0, "Good morning.", "a gentle voice", "de", "woman", "aged", style="news"
    )
    assert set(told_words(entry).split()) == {"ann", "soft", "german", "female", "old", "news"}
    assert facet_words(Filters(gender="Female", style="story-telling")) == ["genderfemale", "stylestorytelling"]


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", ".hidden", "-o", "a\nb", "x" * 101, "a\0b"])
def test_names_that_could_do_harm_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="is to be called"):
        VoiceEntry(name, DIGEST, ".wav", 1.0)


def test_texts_are_bounded_and_digests_checked() -> None:
    with pytest.raises(DataError, match="description of 'a' has 2001 characters"):
        VoiceEntry("a", DIGEST, ".wav", 1.0, description="x" * 2001)
    with pytest.raises(DataError, match="gender of 'a' has 101"):
        VoiceEntry("a", DIGEST, ".wav", 1.0, gender="x" * 101)
    for digest, ending in (("../../etc", ".wav"), (DIGEST, ".exe"), (DIGEST.upper(), ".wav")):
        with pytest.raises(DataError, match="no usable clip"):
            VoiceEntry("a", digest, ending, 1.0)


def test_a_name_is_made_of_any_text() -> None:
    assert name_from("speakers/103/ok.wav") == "speakers-103-ok.wav"
    assert name_from("../../etc/passwd") == "etc-passwd"
    assert len(name_from("x" * 500)) == 100
    with pytest.raises(DataError, match="no name can be made"):
        name_from("///")
