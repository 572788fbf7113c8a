"""Manifests: what is written comes back, paths move with the folder, what is wrong is told with its place."""

import json
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from stepwave.data.manifests import read_clip, read_manifest, write_line
from stepwave.data.records import Call, Clip, Record, Turn, from_json, to_json
from stepwave.facts.errors import AudioFormatError, AudioNotFoundError, DataError
from stepwave.signal import files
from stepwave.signal.files import write_audio

RECORD = Record(
    "r1",
    "tools",
    (
        Turn("human", "What time is it in Oslo?", Clip("c1", "/a/b.tar", 512, 900, voice="x/y"), True, "en", "human"),
        Turn("assistant", "Let me see.", style={"speed": 0.8}, calls=(Call("date_time", {"zone": "Oslo"}),), pause=0.3),
        Turn("input", "noon"),
    ),
    "here",
    "CC0",
    details={"reference": None, "tools": [{"name": "date_time"}]},
)  # fmt: skip


def test_a_record_comes_back_from_json_as_it_was() -> None:
    assert from_json(json.loads(json.dumps(to_json(RECORD)))) == RECORD


def test_defaults_are_not_written() -> None:
    assert to_json(Record("r", "text", (Turn("human", "Hi."),))) == {
        "id": "r", "kind": "text", "turns": [{"role": "human", "text": "Hi."}]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"id": "r", "kind": "song", "turns": []}, "'song'; a kind is one of: speech"),
        ({"id": "", "kind": "text", "turns": []}, "no id"),
        ({"id": "r", "kind": "text", "turns": [{"role": "king"}]}, "'king'; a role is one of"),
        ({"id": "r", "kind": "text", "turns": [], "colour": "red"}, "colour"),
        ({"kind": "text", "turns": []}, "'id'"),
        ([1, 2], "this is no record"),
    ],
)
def test_what_is_no_record_is_told(value: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        from_json(value)


def test_the_line_of_a_bad_record_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(write_line(RECORD, tmp_path) + "{half a li")
    with pytest.raises(DataError, match=r"manifest\.jsonl, line 2: .*run the step that made it again"):
        list(read_manifest(tmp_path))
    with pytest.raises(DataError, match="holds no manifest"):
        list(read_manifest(tmp_path / "nowhere"))


def test_paths_are_relative_on_disk_and_absolute_in_memory(tmp_path: Path) -> None:
    inside = Clip("c", str(tmp_path / "out" / "parts" / "part-00000.tar"), 512, 10)
    beside = Clip("d", str(tmp_path / "other" / "x.wav"))
    (tmp_path / "out").mkdir()
    record = Record("r", "asr", (Turn("human", clip=inside), Turn("human", clip=beside)))
    line = write_line(record, tmp_path / "out")
    assert [turn["clip"]["file"] for turn in json.loads(line)["turns"]] == ["parts/part-00000.tar", "../other/x.wav"]
    (tmp_path / "out" / "manifest.jsonl").write_text(line)
    assert list(read_manifest(tmp_path / "out")) == [record]


def ramp(folder: Path) -> Path:
    write_audio(folder / "ramp.wav", np.linspace(0, 0.9, 32_000, dtype=np.float32), 16_000)
    return folder / "ramp.wav"


@pytest.mark.parametrize(("start", "seconds"), [(0.0, 0.0), (0.0, 0.5), (0.5, 0.25), (1.5, 0.5), (0.75, 0.0)])
def test_a_clip_is_the_stretch_that_it_names(tmp_path: Path, start: float, seconds: float) -> None:
    path = ramp(tmp_path)
    whole, _ = read_clip(Clip("c", str(path)))
    wanted = whole[round(16_000 * start) : round(16_000 * (start + (seconds or 9)))]
    plain, rate = read_clip(Clip("c", str(path), start=start, seconds=seconds))
    stored, _ = read_clip(Clip("c", str(path), 0, path.stat().st_size, start, seconds))
    assert rate == 16_000
    np.testing.assert_allclose(plain, wanted, atol=1e-4)
    np.testing.assert_allclose(stored, wanted, atol=1e-4)


def test_a_stretch_of_a_recording_too_long_to_be_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ramp(tmp_path)
    monkeypatch.setattr(files.read_audio, "__kwdefaults__", {**files.read_audio.__kwdefaults__, "max_seconds": 1.0})
    for start in (0.0, 1.0):
        samples, _ = read_clip(Clip("c", str(path), start=start, seconds=0.5))
        assert len(samples) == 8_000


def test_sound_that_is_gone_or_damaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(AudioNotFoundError, match="make it again"):
        read_clip(Clip("c", str(tmp_path / "x.tar"), 512, 10))
    (tmp_path / "x.wav").write_bytes(b"not a sound")
    with pytest.raises(AudioFormatError, match="clip c in"):
        read_clip(Clip("c", str(tmp_path / "x.wav")))


def test_a_clip_is_read_from_a_store_as_from_a_file(tmp_path: Path) -> None:
    path = ramp(tmp_path)
    fsspec.filesystem("memory").pipe("/clips/ramp.wav", path.read_bytes())
    for start, seconds in ((0.0, 0.0), (0.5, 0.25), (0.0, 0.5), (1.5, 0.0)):
        near, _ = read_clip(Clip("c", str(path), start=start, seconds=seconds))
        far, _ = read_clip(Clip("c", "memory://clips/ramp.wav", start=start, seconds=seconds))
        np.testing.assert_array_equal(near, far)
    with pytest.raises(AudioNotFoundError, match=r"'memory://clips/x\.wav' cannot be read: there is no such file"):
        read_clip(Clip("c", "memory://clips/x.wav"))
