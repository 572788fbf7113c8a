"""The index: what is kept and how long it is, what is left out and why, and that a cache never answers for old data."""

import os
from pathlib import Path

import numpy as np
import pytest

from stepwave.data.filters import FilterConfig
from stepwave.data.manifests import write_line
from stepwave.data.record_index import UNMEASURABLE, UNREADABLE, build_index
from stepwave.data.records import Record, Turn
from stepwave.data.sources.contract import Source, SourceConfig
from stepwave.data.sources.opening import open_source
from stepwave.facts.errors import DataError, MissingExtraError


class Measure:
    """Length by the number of letters, counting how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, record: Record) -> int:
        self.asked += 1
        if "unwritable" in record.turns[0].text:
            raise DataError("that can't be written as a prompt")
        return len(record.turns[0].text)


def manifest(folder: Path, texts: list[str], split: str = "train") -> Source:
    records = [Record(f"r{n}", "text", (Turn("human", text),), split=split) for n, text in enumerate(texts)]
    (folder / "manifest.jsonl").write_text("".join(write_line(record, folder) for record in records))
    return open_source(SourceConfig(str(folder)))


def test_kept_records_have_places_and_lengths(tmp_path: Path) -> None:
    source = manifest(tmp_path, ["a", "bb" * 50, "ccc", "unwritable", "dd"])
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write("no record\n")
    told: list[tuple[int, int]] = []
    index = build_index(
        open_source(SourceConfig(source.name)),
        FilterConfig(longest=50),
        Measure(),
        progress=lambda done, of: told.append((done, of)),
    )
    assert (index.places.dtype, index.lengths.dtype) == (np.int64, np.int32)
    assert index.places.tolist() == [0, 2, 4]
    assert index.lengths.tolist() == [1, 3, 2]
    assert (len(index), index.positions) == (3, 6)
    assert index.dropped == {"longer than 50 positions": 1, UNMEASURABLE: 1, UNREADABLE: 1}
    assert index.named[UNMEASURABLE] == ["r3: that can't be written as a prompt"]
    assert "manifest.jsonl, line 6" in index.named[UNREADABLE][0]
    assert (told[0], told[-1]) == ((0, 6), (6, 6))


def test_a_cache_answers_for_the_same_and_for_nothing_else(tmp_path: Path) -> None:
    folder, cache = tmp_path / "m", tmp_path / "cache"
    folder.mkdir()
    source = manifest(folder, ["a", "bb", "unwritable"])
    measure = Measure()
    first = build_index(source, FilterConfig(), measure, cache, "one")
    again = build_index(open_source(SourceConfig(source.name)), FilterConfig(), measure, cache, "one")
    assert measure.asked == 3
    np.testing.assert_array_equal(first.places, again.places)
    np.testing.assert_array_equal(first.lengths, again.lengths)
    assert (first.dropped, first.named) == (again.dropped, again.named)
    assert again.dropped == {UNMEASURABLE: 1}
    build_index(source, FilterConfig(), measure, cache, "another")
    build_index(source, FilterConfig(min_seconds=1), measure, cache, "one")
    assert measure.asked == 9
    os.utime(folder / "manifest.jsonl", ns=(1, 1))
    build_index(open_source(SourceConfig(source.name)), FilterConfig(), measure, cache, "one")
    assert measure.asked == 12
    changed = manifest(folder, ["a", "bb", "ccc", "dddd"])
    assert len(build_index(changed, FilterConfig(), measure, cache, "one")) == 4


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    source, cache = manifest(tmp_path, ["a", "bb"]), tmp_path / "cache"
    build_index(source, FilterConfig(), Measure(), cache)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:20])
    assert build_index(source, FilterConfig(), Measure(), cache).lengths.tolist() == [1, 2]
    assert [each.name for each in cache.iterdir()] == [file.name]


def test_a_source_of_which_nothing_is_kept_is_told_with_the_reasons(tmp_path: Path) -> None:
    source = manifest(tmp_path, ["a", "bb", "ccc", "dddd"], split="dev")
    with pytest.raises(DataError, match=r"none of the 4 records of .* 4 of the split 'dev' \(such as r0, r1, r2\)"):
        build_index(source, FilterConfig(), Measure())
    empty = manifest(tmp_path, [])
    with pytest.raises(DataError, match=r"none of the 0 records .*: it is empty"):
        build_index(empty, FilterConfig(), Measure())


def test_a_missing_package_is_no_reason_to_leave_out_a_record(tmp_path: Path) -> None:
    def measure(record: Record) -> int:
        raise MissingExtraError("train", "something")

    with pytest.raises(MissingExtraError):
        build_index(manifest(tmp_path, ["a"]), FilterConfig(), measure)
