from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.facts.errors import ConfigError
from stepwave.prepare.speaking.library import HELD_OUT, LibraryVoice, deal, library


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 5), st.integers(1, 4))
def test_shares_are_those_of_the_weights_after_each_deck(weights: list[int], seed: int, decks: int) -> None:
    voices = [LibraryVoice(f"v/{number}", weight) for number, weight in enumerate(weights)]
    counts = Counter(islice(deal(voices, seed, "test"), decks * sum(weights)))
    assert counts == {voice.name: decks * voice.weight for voice in voices}


def test_decks_are_shuffled_anew_and_by_seed() -> None:
    voices = [LibraryVoice(f"v/{number}") for number in range(20)]
    two = list(islice(deal(voices, 0, "test"), 40))
    assert two[:20] != two[20:]
    assert two != list(islice(deal(voices, 1, "test"), 40))
    assert two == list(islice(deal(voices, 0, "test"), 40))


def test_built_in_libraries_have_voices_enough_and_none_that_is_held_out() -> None:
    names = {voice.name for spec in ("light", "human") for voice in library(spec)}
    assert len(names) >= 60
    assert not any(held_out in name for name in names for held_out in HELD_OUT)
    assert {voice.name for voice in library("mixed")} == names
    assert {voice.name for voice in library("clear")} < {voice.name for voice in library("light")}


def test_a_library_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "voices.toml"
    path.write_text('[[voice]]\nname = "openai/alloy"\nweight = 3\n[[voice]]\nname = "x/y"\nlanguage = "zh"\n')
    assert library(str(path)) == (LibraryVoice("openai/alloy", 3), LibraryVoice("x/y", 1, "zh"))
    assert library("piper/joe, flite/slt") == (LibraryVoice("piper/joe"), LibraryVoice("flite/slt"))


@pytest.mark.parametrize(
    "content",
    ["", "[[voice]]\nweight = 1", '[[voice]]\nname = "a/b"\ncolour = "red"', '[[voice]]\nname = "a/b"\nweight = 0'],
)
def test_a_library_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "voices.toml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"wanted (\[\[voice\]\] tables|a name and a weight)"):
        library(str(path))


def test_no_voices_can_deal_nothing() -> None:
    with pytest.raises(ConfigError, match="no voice to speak everybody in zh"):
        next(deal([], 0, "everybody in zh"))
