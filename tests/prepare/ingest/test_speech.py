"""Corpora of one file per utterance, each read from a miniature in its published layout."""

from pathlib import Path
from typing import Any

import pytest

from stepwave.facts.errors import DataError


def test_librispeech_knows_speakers_chapters_and_parts(disk: Any, take: Any) -> None:
    disk.text("LibriSpeech/SPEAKERS.TXT", ";ID | SEX | SUBSET", "19 | F | train-clean-100 | 25.19 | A B", "26 | M | x")
    disk.text("LibriSpeech/train-clean-100/19/198/19-198.trans.txt", "19-198-0000 NORTHANGER ABBEY", "19-198-0001 THIS")
    disk.text("LibriSpeech/dev-clean/26/7/26-7.trans.txt", "26-7-0003 A HELD OUT ONE")
    for name in (
        "train-clean-100/19/198/19-198-0000",
        "train-clean-100/19/198/19-198-0001",
        "dev-clean/26/7/26-7-0003",
    ):
        disk.tone(f"LibriSpeech/{name}.flac")
    records, totals = take("librispeech", disk.root)
    assert totals["records"] == 3
    first = records["librispeech-19-198-0001"]
    turn = first.turns[0]
    assert (first.kind, first.split, first.source, first.licence) == ("speech", "train", "librispeech", "CC BY 4.0")
    assert (turn.role, turn.text, turn.language, turn.spoken) == ("human", "THIS", "en", True)
    assert turn.clip is not None
    assert (turn.clip.voice, turn.clip.attributes, turn.clip.seconds) == ("librispeech/19", {"gender": "female"}, 0.5)
    assert turn.clip.file == str(disk.root / "LibriSpeech/train-clean-100/19/198/19-198-0001.flac")
    assert first.details == {"part": "train-clean-100", "recording": "19-198", "position": 1}
    assert records["librispeech-26-7-0003"].split == "dev-clean"

    only, _ = take("librispeech", disk.root / "LibriSpeech", splits=("dev-clean",))
    assert list(only) == ["librispeech-26-7-0003"]
    with pytest.raises(DataError, match="no part test-clean; this place has: dev-clean, train-clean-100"):
        take("librispeech", disk.root, splits=("test-clean",))


def test_aishell_joins_words_and_drops_what_has_no_transcript(disk: Any, take: Any) -> None:
    disk.text("data_aishell/transcript/aishell_transcript_v0.8.txt", "BAC009S0002W0122 而 对 楼市 成交 AI 技术")
    disk.text("resource_aishell/speaker.info", "0002 F")
    disk.tone("data_aishell/wav/train/S0002/BAC009S0002W0122.wav")
    disk.tone("data_aishell/wav/train/S0002/BAC009S0002W0123.wav")
    records, totals = take("aishell-1", disk.root)
    (record,) = records.values()
    assert record.turns[0].text == "而对楼市成交 AI 技术"
    assert (record.clips[0].voice, record.clips[0].attributes) == ("aishell-1/S0002", {"gender": "female"})
    assert totals["dropped"] == {"no transcript": 1}


def test_aishell2_has_its_own_folders(disk: Any, take: Any) -> None:
    for folder, name in (("data", "IC0001W0001"), ("dev", "ID0012W0001")):
        disk.text(f"AISHELL-2/iOS/{folder}/trans.txt", f"{name}\t听音乐")
        disk.tone(f"AISHELL-2/iOS/{folder}/wav/{name[:6]}/{name}.wav")
    records, _ = take("aishell-2", disk.root)
    assert {record.split: record.turns[0].text for record in records.values()} == {"train": "听音乐", "dev": "听音乐"}
    assert records["aishell-2-ID0012W0001"].clips[0].voice == "aishell-2/ID0012"


def test_kespeech_takes_the_subdialect_for_the_accent(disk: Any, take: Any) -> None:
    part = "Tasks/ASR/train_phase1"
    disk.text(f"{part}/wav.scp", "1000_a Audio/1000/a.wav", "1001_b Audio/1001/b.wav")
    disk.text(f"{part}/text", "1000_a 你好<SPOKEN_NOISE>", "1001_b 再见")
    disk.text(f"{part}/utt2spk", "1000_a 1000", "1001_b 1001")
    disk.text(f"{part}/utt2subdialect", "1000_a Jiang-Huai", "1001_b Mandarin")
    disk.tone("Audio/1000/a.wav")
    records, totals = take("kespeech", disk.root)
    (record,) = records.values()
    assert (record.turns[0].text, record.clips[0].attributes) == ("你好", {"accent": "Jiang-Huai"})
    assert record.split == "train"
    assert totals["dropped"] == {"no such sound": 1}


@pytest.mark.parametrize("layout", ["{0}/{1}.tsv {0}/audio/{1}", "metadata/{0}/{1}.tsv {0}/{1}"])
def test_fleurs_keeps_the_number_that_pairs_translations(disk: Any, take: Any, layout: str) -> None:
    for tongue, text in (("en_us", "A sentence, twice."), ("cmn_hans_cn", "一句话。")):
        lists, sounds = layout.format(tongue, "dev").split()
        disk.text(lists, f"7\t12.wav\t{text}\tplain\tp l\t8000\tFEMALE")
        disk.tone(f"{sounds}/12.wav")
    records, _ = take("fleurs", disk.root)
    english, chinese = records["fleurs-en_us-dev-12"], records["fleurs-cmn_hans_cn-dev-12"]
    assert (english.turns[0].text, english.turns[0].language) == ("A sentence, twice.", "en")
    assert (chinese.turns[0].language, chinese.clips[0].voice) == ("zh", "")
    assert english.details["sentence"] == chinese.details["sentence"] == "7"
    only, _ = take("fleurs", disk.root, languages=("zh",))
    assert list(only) == [chinese.id]


def test_ljspeech_is_one_woman(disk: Any, take: Any) -> None:
    disk.text("metadata.csv", 'LJ001-0001|Printed in 1455, "so"|Printed in fourteen fifty-five, "so"')
    disk.tone("wavs/LJ001-0001.wav", rate=22_050)
    records, _ = take("ljspeech", disk.root)
    (record,) = records.values()
    assert record.turns[0].text == 'Printed in 1455, "so"'
    assert record.details["normalised"] == 'Printed in fourteen fifty-five, "so"'
    assert (record.details["recording"], record.details["position"]) == ("LJ001", 1)
    assert record.clips[0].voice == "ljspeech/lj"


@pytest.mark.parametrize(
    ("corpus", "count"), [("librispeech-251", 5), ("ljspeech-32", 5), ("asterisk-en", 5), ("esc10-ogg", 5)]
)
def test_the_folders_that_nano_is_trained_on(shared_data: Path, take: Any, corpus: str, count: int) -> None:
    records, totals = take(corpus, shared_data, limit=count)
    assert (totals["records"], totals["dropped"]) == (count, {})
    for record in records.values():
        assert record.clips[0].seconds > 0.3
        assert record.licence
        said = record.details.get("labels") if record.kind == "sound" else record.turns[0].text
        assert said
    if corpus == "librispeech-251":
        assert all(record.details["transcribed_by"] == "whisper-base" for record in records.values())
        assert {record.clips[0].attributes["gender"] for record in records.values()} == {"female", "male"}
