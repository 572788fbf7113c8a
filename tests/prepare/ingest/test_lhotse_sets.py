"""Lhotse as a second way: manifests that it wrote, and its recipes run on a folder."""

import json
import sys
from typing import Any

import pytest

from stepwave.facts.errors import ConfigError, DataError, MissingExtraError

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


def test_without_the_package_the_extra_is_named(disk: Any, take: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    librispeech(disk)
    monkeypatch.setitem(sys.modules, "lhotse", None)
    with pytest.raises(MissingExtraError, match=r"stepwave\[prepare\]"):
        take("librispeech", disk.root, way="lhotse")


def aishell(disk: Any) -> None:
    names = {"train": "BAC009S0002W0122", "dev": "BAC009S0724W0121", "test": "BAC009S0764W0121"}
    disk.text("data_aishell/transcript/aishell_transcript_v0.8.txt", *(f"{name} 而 对 楼市" for name in names.values()))
    for part, name in names.items():
        disk.tone(f"data_aishell/wav/{part}/{name[6:11]}/{name}.wav")


def kespeech(disk: Any) -> None:
    for part in ("train_phase1", "test"):
        name = f"1000_{part}"
        disk.text(f"Tasks/ASR/{part}/wav.scp", f"{name} Audio/{name}.wav")
        disk.text(f"Tasks/ASR/{part}/text", f"{name} 你好")
        disk.text(f"Tasks/ASR/{part}/utt2spk", f"{name} 1000")
        disk.text(f"Tasks/ASR/{part}/utt2subdialect", f"{name} Jiang-Huai")
        disk.tone(f"Audio/{name}.wav")


def ljspeech(disk: Any) -> None:
    disk.text("metadata.csv", "LJ001-0001|Printed in 1455|Printed in fourteen fifty-five")
    disk.tone("wavs/LJ001-0001.wav", rate=22_050)


def wenetspeech(disk: Any) -> None:
    segment = {"sid": "Y1_S0", "begin_time": 0.5, "end_time": 1.5, "text": "日子", "subsets": ["S"]}
    audio = {"aid": "Y1", "path": "audio/Y1.opus", "duration": 2.0, "segments": [segment]}
    disk.text("WenetSpeech.json", json.dumps({"audios": [audio]}))
    disk.tone("audio/Y1.opus", 2.0)


# Lhotse leaves the list of WenetSpeech open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("corpus", "build", "settings"),
    [
        ("aishell-1", aishell, {}),
        ("kespeech", kespeech, {"splits": ("train_phase1", "test")}),
        ("ljspeech", ljspeech, {}),
        ("wenetspeech", wenetspeech, {"splits": ("S",)}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_both_ways_tell_the_same_words(disk: Any, take: Any, corpus: str, build: Any, settings: dict[str, Any]) -> None:
    build(disk)
    layout, _ = take(corpus, disk.root, **settings)
    recipe, _ = take(corpus, disk.root, way="lhotse", **settings)
    assert layout
    assert layout.keys() == recipe.keys()
    for name, record in recipe.items():
        ours, theirs = layout[name].turns[0], record.turns[0]
        assert (ours.text, ours.language) == (theirs.text, theirs.language)
        assert ours.clip is not None
        assert theirs.clip is not None
        assert ours.clip.seconds == pytest.approx(theirs.clip.seconds, abs=0.06)
        assert {"accent": ours.clip.attributes.get("accent")} == {"accent": theirs.clip.attributes.get("accent")}
        assert layout[name].split == record.split
