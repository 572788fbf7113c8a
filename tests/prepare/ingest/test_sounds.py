"""Corpora of sounds, each read from a miniature in its published layout."""

from typing import Any

import pytest

from stepwave.facts.errors import DataError

LABELS = ["index,mid,display_name", '0,/m/09x0r,"Speech"', '1,/t/dd00088,"Gush, pour"']
SEGMENTS = [
    "# Segments csv created Sun Mar  5 10:54:25 2017",
    "# num_ytids=3",
    "# YTID, start_seconds, end_seconds, positive_labels",
    '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"',
    'YbcdefghijK, 0.000, 10.000, "/m/09x0r"',
    'gone_gone_g, 5.000, 15.000, "/m/09x0r"',
]


@pytest.mark.parametrize("pattern", ["{0}", "Y{0}", "{0}_{1}000_{2}000", "{0}_{1}.000", "Y{0}_{1}_{2}"])
def test_audioset_finds_clips_as_tools_name_them(disk: Any, take: Any, pattern: str) -> None:
    disk.text("class_labels_indices.csv", *LABELS)
    disk.text("balanced_train_segments.csv", *SEGMENTS)
    for video, start, end in (("--PJHxphWEs", 30, 40), ("YbcdefghijK", 0, 10)):
        # A millisecond name of second 0 is plain 0.
        disk.tone("clips/a/" + pattern.format(video, start, end).replace("_0000_", "_0_") + ".flac")
    records, totals = take("audioset", disk.root, sounds=disk.root / "clips")
    assert totals["dropped"] == {"no such sound": 1}
    first = records["audioset---PJHxphWEs_30"]
    assert (first.kind, first.split, first.turns[0].text) == ("sound", "train", "")
    assert first.details == {"part": "balanced_train", "labels": ["Speech", "Gush, pour"]}
    assert len(records) == 2


def test_audiocaps_joins_the_captions_of_a_clip(disk: Any, take: Any) -> None:
    rows = [
        '1,abcdefghijk,130,"Ducks quack, water splashes"',
        "2,abcdefghijk,130,Birds",
        "3,zzzzzzzzzzz,0,Nothing here",
    ]
    disk.text("val.csv", "audiocap_id,youtube_id,start_time,caption", *rows)
    disk.tone("val/abcdefghijk.wav", 1.0)
    records, totals = take("audiocaps", disk.root)
    (record,) = records.values()
    assert record.details["captions"] == ["Ducks quack, water splashes", "Birds"]
    assert (record.kind, record.split, totals["dropped"]) == ("sound", "val", {"no such sound": 1})


def test_vocalsound_knows_who_coughs(disk: Any, take: Any) -> None:
    disk.text("meta/tr_meta.csv", "f0003,female,28,United States,English,no")
    disk.text("meta/te_meta.csv", "m0001,male,40,India,Hindi,no")
    for name in ("f0003_0_throatclearing", "f0003_0_cough", "m0001_0_sneeze"):
        disk.tone(f"audio_16k/{name}.wav")
    records, _ = take("vocalsound", disk.root)
    record = records["vocalsound-f0003_0_throatclearing"]
    assert record.details["labels"] == ["throat clearing"]
    assert record.clips[0].voice == "vocalsound/f0003"
    expected = {"gender": "female", "age": "28", "country": "United States", "native_language": "English"}
    assert record.clips[0].attributes == {**expected, "health": "no"}
    assert records["vocalsound-m0001_0_sneeze"].split == "test"


def test_cochlscene_labels_by_folder(disk: Any, take: Any) -> None:
    disk.tone("CochlScene/Train/SubwayStation/SubwayStation_user1_1_000.wav")
    disk.tone("CochlScene/Val/Bus/Bus_user2_2_000.wav")
    records, _ = take("cochlscene", disk.root)
    assert {record.split: record.details["labels"] for record in records.values()} == {
        "train": ["subway station"],
        "Val": ["bus"],
    }


def test_esc_has_folds_and_ten_classes_in_fifty(disk: Any, take: Any) -> None:
    head = "filename,fold,target,category,esc10,src_file,take"
    disk.text("meta/esc50.csv", head, "1-1-A-0.wav,1,0,dog,True,1,A", "2-2-A-5.wav,2,5,crying_baby,False,2,A")
    for name in ("1-1-A-0", "2-2-A-5"):
        disk.tone(f"audio/{name}.wav", rate=44_100)
    fifty, _ = take("esc-50", disk.root)
    assert [record.details["labels"] for record in fifty.values()] == [["dog"], ["crying baby"]]
    ten, _ = take("esc-10", disk.root)
    assert [record.licence for record in ten.values()] == ["CC BY 3.0"]
    second, _ = take("esc-50", disk.root, splits=("fold-2",))
    assert [record.details["fold"] for record in second.values()] == [2]


def test_a_list_without_clips_says_where_to_name_them(disk: Any, take: Any) -> None:
    disk.text("class_labels_indices.csv", *LABELS)
    disk.text("eval_segments.csv", *SEGMENTS)
    with pytest.raises(DataError, match=r"no clips .* name their folder with --sounds"):
        take("audioset", disk.root)
