"""Lhotse as a second way: manifests that it wrote, and its recipes run on a folder."""

from typing import Any

import pytest

from stepwave.facts.errors import ConfigError, DataError

lhotse = pytest.importorskip("lhotse")


def librispeech(disk: Any) -> None:
    disk.text("dev-clean-2/19/198/19-198.trans.txt", "19-198-0000 NORTHANGER ABBEY", "19-198-0001 THIS LITTLE WORK")
    for number in range(2):
        disk.tone(f"dev-clean-2/19/198/19-198-000{number}.flac", 0.5 + number)


def test_a_recipe_comes_to_the_same_utterances(disk: Any, take: Any) -> None:
    librispeech(disk)
    records, _ = take("librispeech", disk.root, way="lhotse", splits=("dev-clean-2",))
    assert {name: record.turns[0].text for name, record in records.items()} == {
        "librispeech-19-198-0000": "NORTHANGER ABBEY",
        "librispeech-19-198-0001": "THIS LITTLE WORK",
    }
    record = records["librispeech-19-198-0001"]
    assert (record.turns[0].language, record.split, record.clips[0].seconds) == ("en", "dev-clean-2", 1.5)
    assert record.clips[0].voice == "librispeech/19"


def test_a_recipe_that_stops_at_a_damaged_file_says_so(disk: Any, take: Any) -> None:
    librispeech(disk)
    (disk.root / "dev-clean-2/19/198/19-198-0000.flac").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"recipe librispeech fails on .*; leave out --way lhotse"):
        take("librispeech", disk.root, way="lhotse")
    assert take("librispeech", disk.root)[1]["dropped"] == {"damaged sound": 1}


def test_a_corpus_without_a_recipe_says_which_have_one(disk: Any, take: Any) -> None:
    disk.root.mkdir()
    with pytest.raises(ConfigError, match="no recipe for ESC-50; it has one for: librispeech"):
        take("esc-50", disk.root, way="lhotse")


def test_manifests_of_any_corpus_are_read(disk: Any, take: Any) -> None:
    path = disk.tone("sound/long.wav", 3.0)
    recording = lhotse.Recording.from_file(path)
    said = [
        lhotse.SupervisionSegment("b", "long", 1.5, 1.0, text="Zwei", language="German", speaker="s", gender="M"),
        lhotse.SupervisionSegment("a", "long", 0.0, 1.0, text="Eins", language="German", speaker="s"),
    ]
    lhotse.RecordingSet.from_recordings([recording]).to_file(disk.root / "mine_recordings_train.jsonl.gz")
    lhotse.SupervisionSet.from_segments(said).to_file(disk.root / "mine_supervisions_train.jsonl.gz")
    records, _ = take("lhotse", disk.root, called="mine")
    first, second = records.values()
    assert [record.turns[0].text for record in (first, second)] == ["Eins", "Zwei"]
    assert (second.details["recording"], second.details["position"], second.details["start"]) == ("long", 1, 1.5)
    assert (second.turns[0].language, second.clips[0].attributes) == ("de", {"gender": "male"})
    assert second.clips[0].seconds == 1.0
    assert take("lhotse", disk.root, languages=("fr",))[1]["records"] == 0
