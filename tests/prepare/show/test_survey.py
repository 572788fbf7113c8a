"""Figures over manifests: those of the records, sums of several, the same sample for a seed."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stepwave.data.records import Call, Clip, Record, Turn
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.show.errors import WordErrorCounts
from stepwave.prepare.show.figures import Figures, count_words, quantile
from stepwave.prepare.show.sample import Sample
from stepwave.prepare.show.survey import survey


def test_figures_are_those_of_the_records(spoken: Path) -> None:
    figures = survey([spoken]).total
    assert (figures.records, figures.clips, figures.seconds, figures.words) == (4, 3, 4.0, 27)
    assert list(figures.kinds) == [("asr", 4.0, 3), ("text", 0.0, 1)]
    assert list(figures.voices) == [("tones/a", 3.0, 2), ("tones/b", 1.0, 1)]
    assert list(figures.languages) == [("en", 4.0, 6), ("de", 0.0, 1)]
    assert figures.top_voice == ("tones/a", 0.75)
    assert figures.clip_tenths == {10: 2, 20: 1}
    assert figures.turn_words == {4: 6, 3: 1}
    assert figures.errors.rate == 3 / 12


def test_figures_as_json(spoken: Path) -> None:
    said = survey([spoken]).as_json()
    total, manifest = said["total"], said["manifests"][0]
    assert total["voices"]["number"] == 2
    assert total["voices"]["most_frequent"] == {"voice": "tones/a", "share": 0.75}
    assert total["splits"] == {"train": {"count": 3, "hours": 0.0008}, "validation": {"count": 1, "hours": 0.0003}}
    assert total["sources"][0] == {"source": "made", "licence": "CC0", "count": 3, "hours": 0.0011}
    assert total["clip_seconds"] == {"least": 1.0, "half": 1.0, "95%": 2.0, "most": 2.0}
    assert total["word_errors"]["rate"] == 0.25
    assert manifest["report"]["dropped"] == {"heard wrongly": 2}
    assert manifest["report"]["cpu_seconds"] == 90.0


def test_manifests_add_up(spoken: Path, write: Callable[..., Path]) -> None:
    other = write("other", [Record("x", "text", (Turn("human", "two words"),))])
    surveyed = survey([spoken, other, spoken])
    parts = [each.figures for each in surveyed.manifests]
    assert surveyed.total.records == sum(part.records for part in parts) == 9
    assert surveyed.total.words == 56
    assert surveyed.total.errors.rate == 0.25
    again = Figures()
    for part in parts:
        again.update(part)
    assert again.as_json() == surveyed.total.as_json()


def test_a_manifest_may_be_empty_or_without_a_report(write: Callable[..., Path]) -> None:
    surveyed = survey([write("empty", [])])
    assert surveyed.total.as_json()["voices"] == {"number": 0, "most_frequent": None, "each": {}}
    assert surveyed.total.as_json()["word_errors"] is None
    assert surveyed.manifests[0].account.as_json() is None
    assert surveyed.sample == {}


def test_a_manifest_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        survey([tmp_path / "nowhere"])


def test_sound_that_is_not_made_or_measured_is_counted_apart() -> None:
    figures = Figures()
    turns = (
        Turn("human", "a", spoken=True),
        Turn("assistant", "b", Clip("c"), spoken=True),
        Turn("human", "c", Clip("d", "d.flac"), spoken=True),
    )
    figures.add(Record("r", "conversation", turns))
    assert (figures.clips, figures.unmade, figures.unmeasured) == (2, 2, 2)


def test_tools_and_emotions_are_counted() -> None:
    figures = Figures()
    turns = (
        Turn("human", "hm", style={"emotion": "sad"}),
        Turn("assistant", calls=(Call("clock", {}), Call("clock", {"zone": "UTC"}))),
        Turn("input", "a result is nobody's words"),
    )
    figures.add(Record("r", "tools", turns))
    assert figures.tools.counts == {"clock": 2}
    assert figures.emotions.counts == {"sad": 1}
    assert figures.words == 1


@pytest.mark.parametrize(
    ("text", "words"), [("It's 25.5 degrees, well-known.", 4), ("今天天气很好。", 6), ("...", 0), ("", 0)]
)
def test_words_are_counted_in_any_script(text: str, words: int) -> None:
    assert count_words(text) == words


def test_quantiles_are_values_that_were_counted() -> None:
    counted = Counter({1: 50, 5: 49, 100: 1})
    assert [quantile(counted, share) for share in (0, 0.5, 0.51, 0.99, 1)] == [1, 1, 5, 5, 100]
    assert quantile(Counter(), 0.5) is None


def test_the_interval_is_that_of_drawing_clips_one_by_one() -> None:
    generator = np.random.default_rng(1)
    words = generator.integers(3, 20, 300)
    errors = generator.binomial(words, 0.1)
    counts = WordErrorCounts()
    for wrong, count in zip(errors.tolist(), words.tolist(), strict=True):
        counts.add(Clip("c", attributes={"errors": wrong, "words": count}))
    draws = generator.integers(0, 300, (4_000, 300))
    wanted = np.percentile(errors[draws].sum(1) / words[draws].sum(1), [2.5, 97.5])
    assert counts.rate == pytest.approx(errors.sum() / words.sum())
    assert counts.interval() == pytest.approx(wanted, abs=0.002)
    assert counts.interval() == counts.interval()


@pytest.mark.parametrize("wrong", [None, "3", True, float("nan"), -1])
def test_an_error_that_is_no_amount_is_not_counted(wrong: object) -> None:
    counts = WordErrorCounts()
    counts.add(Clip("c", attributes={"errors": wrong, "words": 4}))
    assert counts.heard == 0


def _drawn(size: int, seed: int, records: list[Record]) -> list[str]:
    sample = Sample(size, seed)
    for record in records:
        sample.add(record, 0)
    return [each.record.id for drawn in sample.drawn().values() for each in drawn]


def test_the_sample_depends_on_the_seed_alone() -> None:
    records = [Record(f"r{number}", "text", ()) for number in range(200)]
    drawn = _drawn(10, 3, records)
    assert len(set(drawn)) == 10
    assert _drawn(10, 3, records[::-1]) == drawn
    assert _drawn(5, 3, records) == drawn[:5]
    assert _drawn(10, 4, records) != drawn


def test_every_record_is_as_likely() -> None:
    records = [Record(f"r{number}", "text", ()) for number in range(20)]
    counted = Counter(name for seed in range(400) for name in _drawn(5, seed, records))
    assert len(counted) == 20
    # 400 draws at 5 of 20: 100 each, and a standard deviation of about 8.7.
    assert all(60 < count < 140 for count in counted.values())


def test_rare_kinds_are_in_the_sample() -> None:
    records = [Record(f"t{number}", "text", ()) for number in range(100)]
    records += [Record("a", "asr", ()), *(Record(f"q{number}", "qa", ()) for number in range(50))]
    drawn = _drawn(11, 0, records)
    assert sorted(Counter(name[0] for name in drawn).items()) == [("a", 1), ("q", 5), ("t", 5)]


def test_a_sample_too_large_is_refused() -> None:
    with pytest.raises(ConfigError, match="501"):
        Sample(501, 0)
