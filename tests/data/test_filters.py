"""Filters: each rule leaves out what it says, for a reason that can be counted."""

from typing import Any

import pytest

from stepwave.data.filters import FilterConfig
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import ConfigError


def asr(seconds: float = 4.0, language: str = "en", split: str = "train", file: str = "x.wav", **known: Any) -> Record:
    heard = Turn("human", "one two", Clip("c", file, seconds=seconds, attributes=known), True, language)
    return Record("r", "asr", (heard, Turn("assistant", "one two", language=language)), split=split)


@pytest.mark.parametrize(
    ("filters", "record", "reason"),
    [
        (FilterConfig(), asr(), None),
        (FilterConfig(kinds=("asr", "tts")), asr(), None),
        (FilterConfig(kinds=("tts",)), asr(), "of the kind asr"),
        (FilterConfig(), asr(split="dev"), "of the split 'dev'"),
        (FilterConfig(split=None), asr(split="dev"), None),
        (FilterConfig(languages=("en",)), asr(), None),
        (FilterConfig(languages=("en",)), asr(language=""), None),
        (FilterConfig(languages=("en", "zh")), asr(language="de"), "in the language de"),
        (FilterConfig(min_seconds=4.0), asr(), None),
        (FilterConfig(min_seconds=4.5), asr(), "shorter than 4.5 s"),
        (FilterConfig(max_seconds=4.0), asr(), None),
        (FilterConfig(max_seconds=3.0), asr(), "longer than 3 s"),
        (FilterConfig(min_seconds=1.0), Record("t", "text", (Turn("human", "Hi."),)), None),
        (FilterConfig(max_error_rate=0.2), asr(errors=1, words=5), None),
        (FilterConfig(max_error_rate=0.2), asr(errors=2, words=5), "more than 20% of the words are heard otherwise"),
        (FilterConfig(max_error_rate=0.2), asr(), None),
        (FilterConfig(), asr(file=""), "without the sound of a spoken turn"),
        (FilterConfig(sound=False), asr(file=""), None),
        (FilterConfig(), Record("s", "s2st", (Turn("human", "a", spoken=True),)), "without the sound of a spoken turn"),
    ],
)
def test_a_record_is_kept_or_left_out_for_a_reason(filters: FilterConfig, record: Record, reason: str | None) -> None:
    assert filters.reason(record) == reason


def test_the_length_is_judged_where_it_is_known() -> None:
    filters = FilterConfig(longest=100)
    assert filters.reason(asr()) is None
    assert filters.reason(asr(), 100) is None
    assert filters.reason(asr(), 101) == "longer than 100 positions"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"kinds": ("song",)}, "no kind song; a kind is one of: speech"),
        ({"min_seconds": 5.0, "max_seconds": 4.0}, "5 to 4 s"),
        ({"min_seconds": -1.0}, "-1 to inf s"),
        ({"max_seconds": float("nan")}, "0 to nan s"),
        ({"max_error_rate": -0.1}, "a rate of 0 or more"),
        ({"longest": 0}, "1 position or more"),
    ],
)
def test_bad_rules_are_refused(wrong: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        FilterConfig(**wrong)
