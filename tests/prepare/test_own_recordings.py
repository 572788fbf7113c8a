"""Tables of one's own recordings: what is taken, what is left out and why, what is held out."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from stepwave.data.held_out import CHECK, plain
from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.own_recordings import OwnRecordings, left_out
from stepwave.prepare.own_voices import voice_names
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import run_step
from stepwave.signal.files import write_audio

WORDS = ("One.", "Two and two.", "Three, please.", "Four.", "Five!", "Six of them.")


def record_sound(path: Path, seconds: float = 0.5, level: float = 0.1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = level * np.random.default_rng(0).standard_normal(round(seconds * 16_000))
    write_audio(path, samples.astype(np.float32), 16_000)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Six good lines."""
    for number in range(len(WORDS)):
        record_sound(tmp_path / "clips" / f"{number}.wav")
    path = tmp_path / "my.tsv"
    path.write_text("".join(f"clips/{number}.wav\t{text}\n" for number, text in enumerate(WORDS)), encoding="utf-8")
    return path


def run(step: OwnRecordings, folder: Path) -> list[Record]:
    list(run_step(step, folder, Processes(0)))
    return list(read_manifest(folder))


def add(table: Path, *lines: str) -> None:
    with table.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_each_recording_is_to_be_written_down_and_to_be_read_aloud(table: Path, tmp_path: Path) -> None:
    records = run(OwnRecordings.of(table), tmp_path / "out")
    assert Counter(record.kind for record in records) == {"asr": 6, "tts": 6}
    assert {record.turns[-1].text for record in records if record.kind == "asr"} == set(WORDS)
    assert {record.turns[0].text for record in records if record.kind == "tts"} == set(WORDS)
    clips = {clip.id: clip for record in records for clip in record.clips}
    assert len(clips) == 6
    assert {clip.seconds for clip in clips.values()} == {0.5}
    assert {clip.file for clip in clips.values()} == {str(tmp_path / "clips" / f"{number}.wav") for number in range(6)}
    assert left_out(OwnRecordings.of(table), [tmp_path / "out"]) == []
    only = run(OwnRecordings.of(table, tasks=("asr",)), tmp_path / "only")
    assert {record.kind for record in only} == {"asr"}


def test_a_separator_of_lines_in_a_name_is_a_part_of_it(table: Path, tmp_path: Path) -> None:
    add(table, "clips/not\u2028there.wav\tGone.")
    run(OwnRecordings.of(table), tmp_path / "out")
    (told,) = left_out(OwnRecordings.of(table), [tmp_path / "out"])
    assert "line 7 (clips/not\u2028there.wav)" in told


def test_a_text_is_held_out_with_all_its_recordings(table: Path, tmp_path: Path) -> None:
    for number, text in enumerate(WORDS):
        record_sound(tmp_path / "clips" / f"again-{number}.wav")
        add(table, f"clips/again-{number}.wav\t{text.upper()}")
    records = run(OwnRecordings.of(table), tmp_path / "out")
    by_split = {
        split: {plain(turn.text) for record in records if record.split == split for turn in record.turns}
        for split in ("train", CHECK)
    }
    assert not by_split["train"] & by_split[CHECK]
    # A tenth of twelve is one recording; its text has two.
    assert Counter(record.split for record in records) == {"train": 20, CHECK: 4}


def test_headings_in_any_order_and_files_elsewhere(table: Path, tmp_path: Path) -> None:
    written = "".join(f"{text}\tAnna\t{number}.wav\n" for number, text in enumerate(WORDS))
    table.write_text("\ufefftext\tspeaker\tfile\n" + written, encoding="utf-8")
    records = run(OwnRecordings.of(table, tmp_path / "clips"), tmp_path / "out")
    assert len(records) == 12
    assert {clip.voice for record in records for clip in record.clips} == {"own/Anna"}


def test_what_cannot_be_used_is_named_by_class(table: Path, tmp_path: Path) -> None:
    record_sound(tmp_path / "clips" / "long.wav", 26)
    record_sound(tmp_path / "clips" / "short.wav", 0.1)
    record_sound(tmp_path / "clips" / "quiet.wav", level=1e-5)
    (tmp_path / "clips" / "text.wav").write_text("This is no sound, whatever its name says.")
    (tmp_path / "clips" / "bare.wav").write_bytes((tmp_path / "clips" / "0.wav").read_bytes())
    (tmp_path / "clips" / "wide.wav").write_bytes((tmp_path / "clips" / "0.wav").read_bytes())
    add(
        table,
        "clips/7.wav\tNobody said it.", "clips/8.wav\tNor this.", "clips/9.wav\tNor that.", "clips/a.wav\tNor here.",
        "clips/bare.wav", "clips/wide.wav\tone\ttwo\tthree", "clips/0.wav\tOne more time.", "", "clips/bare.wav\t ",
        "clips/long.wav\tOn and on.", "clips/short.wav\tQuick.", "clips/quiet.wav\tHush.", "clips/text.wav\tNo sound.",
    )  # fmt: skip
    step = OwnRecordings.of(table)
    assert len(run(step, tmp_path / "out")) == 12
    told = left_out(step, [tmp_path / "out"])
    found = {line.split("left out, ")[1].split(":")[0]: line for line in told}
    assert found.keys() == {
        "damaged sound", "listed twice", "no such sound", "no transcript", "nothing but silence", "sound too long",
        "sound too short", "wrong number of columns",
    }  # fmt: skip
    assert found["no such sound"] == (
        "4 of 18 lines left out, no such sound: line 7 (clips/7.wav), line 8 (clips/8.wav), line 9 (clips/9.wav) "
        "and 1 more"
    )
    assert found["wrong number of columns"].endswith("line 11 (clips/bare.wav), line 12 (clips/wide.wav)")
    assert found["sound too long"].endswith("line 16 (clips/long.wav)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has 0 lines and no tab"),
        ("a.wav,One.\nb.wav,Two.\n", "has 2 lines and no tab in them; wanted lines file<TAB>text"),
        ("clips/0.wav\tOne.\nclips/1.wav\tTwo.\n", "has 2 texts with a recording"),
        ("".join(f"{text}.wav\t{text}\n" for text in WORDS), "0 texts .* 6 no such sound; .*--audio"),
    ],
)
def test_a_table_of_which_nothing_can_be_made(table: Path, content: str, message: str) -> None:
    table.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        list(OwnRecordings.of(table).rows())


def test_no_table_and_no_task(tmp_path: Path, table: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        OwnRecordings.of(tmp_path / "absent.tsv")
    with pytest.raises(ConfigError, match="wanted some of asr, tts"):
        OwnRecordings.of(table, tasks=())


def test_an_edited_table_is_another_step(table: Path, tmp_path: Path) -> None:
    run(OwnRecordings.of(table), tmp_path / "out")
    add(table, "clips/0.wav\tAgain.")
    with pytest.raises(ConfigError, match="other settings"):
        run(OwnRecordings.of(table), tmp_path / "out")


def test_names_of_voices(table: Path, tmp_path: Path) -> None:
    nameless = list(OwnRecordings.of(table).rows())
    assert voice_names(nameless, None, "my-model") == {"one": "my-model"}
    assert voice_names(nameless, "me", "my-model") == {"one": "me"}
    lines = table.read_text().splitlines()
    table.write_text("".join(f"{line}\t{name}\n" for line, name in zip(lines, ["Anna", "Ben"] * 3, strict=True)))
    named = list(OwnRecordings.of(table).rows())
    assert voice_names(named, None, "my-model") == {"Anna": "Anna", "Ben": "Ben"}
    with pytest.raises(ConfigError, match="--voice me came, and 2 people speak"):
        voice_names(named, "me", "my-model")
