"""Tar shards: entries by name, words from members of several forms, records of ours, damage told with its place."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from stepwave.data.records import Record
from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.opening import open_source
from stepwave.data.sources.tar import TarSource
from stepwave.facts.errors import AudioFormatError, ConfigError, DataError

from .conftest import Encode


def tar_of(members: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return written.getvalue()


def opened(folder: Path, members: dict[str, bytes], **config: Any) -> TarSource:
    (folder / "s.tar").write_bytes(tar_of(members))
    return TarSource(SourceConfig(str(folder / "s.tar"), **config))


def words_of(record: Record) -> list[tuple[str, bool, str]]:
    return [(turn.role, turn.clip is not None, turn.text) for turn in record.turns]


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "ogg", "opus"])
def test_a_sound_of_each_form_is_measured_and_read(tmp_path: Path, encoded: Encode, form: str) -> None:
    data = encoded(0.25, 1.5, {"opus": "OGG"}.get(form, form.upper()))
    source = opened(tmp_path, {"d/a.txt": b" some words\n", f"d/a.{form}": data})
    record = source.record(0)
    assert (record.id, record.kind, record.source) == ("s/d/a", "asr", source.name)
    assert words_of(record) == [("human", True, "some words"), ("assistant", False, "some words")]
    (clip,) = record.clips
    assert clip.seconds == pytest.approx(1.5, abs=0.15)
    samples = source.samples(clip)
    assert len(samples) == pytest.approx(24_000, abs=2400)
    assert float(np.median(samples)) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("remote", [False, True])
def test_shards_follow_one_another(tmp_path: Path, encoded: Encode, remote: bool) -> None:
    folder = "memory://shards" if remote else str(tmp_path)
    for shard in range(3):
        data = tar_of(
            {
                f"{number}.{ending}": encoded((shard * 4 + number) / 32) if ending == "wav" else f"{shard}".encode()
                for number in range(shard + 1)
                for ending in ("wav", "txt")
            }
        )
        fsspec.filesystem("memory" if remote else "file").pipe(f"{folder}/x-{shard:02d}.tar", data)
    for address in (f"{folder}/x-{{00..02}}.tar", f"{folder}/x-*.tar", folder):
        source = open_source(SourceConfig(address))
        assert len(source) == 6
        assert [source.record(number).id for number in range(6)] == [
            "x-00/0", "x-01/0", "x-01/1", "x-02/0", "x-02/1", "x-02/2"
        ]  # fmt: skip
        record = source.record(4)
        assert record.turns[1].text == "2"
        np.testing.assert_allclose(source.samples(record.clips[0]), np.full(8000, 9 / 32), atol=1e-3)


def test_a_flat_object_tells_words_language_and_speaker(tmp_path: Path, encoded: Encode) -> None:
    about = {"sentence": "Guten Tag.", "language": "German", "spk": 7, "uid": "u7"}
    source = opened(
        tmp_path,
        {"a.wav": encoded(), "a.json": json.dumps(about).encode()},
        columns={"text": "sentence", "speaker": "spk", "id": "uid"},
        kind="tts",
    )
    record = source.record(0)
    assert record.id == "u7"
    assert words_of(record) == [("human", False, "Guten Tag."), ("assistant", True, "Guten Tag.")]
    assert {turn.language for turn in record.turns} == {"de"}
    assert (record.clips[0].voice, record.clips[0].seconds) == ("7", 0.5)


def test_members_may_be_chosen_by_their_endings(tmp_path: Path, encoded: Encode) -> None:
    members = {"a.near.wav": encoded(0.1), "a.far.wav": encoded(0.3), "a.en.txt": b"Yes.", "a.de.txt": b"Ja."}
    with pytest.raises(DataError, match="it has several sounds"):
        opened(tmp_path, members).record(0)
    source = opened(tmp_path, members, columns={"audio": "far.wav", "text": "de.txt"})
    record = source.record(0)
    assert record.turns[1].text == "Ja."
    assert float(source.samples(record.clips[0])[0]) == pytest.approx(0.3, abs=1e-3)


def test_a_record_of_ours_names_members(tmp_path: Path, encoded: Encode) -> None:
    turns = [
        {"role": "human", "spoken": True, "clip": {"id": "q", "file": "7.q.wav"}},
        {"role": "assistant", "text": "A.", "spoken": True, "clip": {"id": "a", "file": "7.a.flac", "seconds": 0.25}},
    ]
    about = json.dumps({"id": "seven", "kind": "s2st", "turns": turns}).encode()
    source = opened(tmp_path, {"7.q.wav": encoded(0.1), "7.a.flac": encoded(0.2, form="FLAC"), "7.json": about})
    record = source.record(0)
    assert (record.id, record.kind, [clip.seconds for clip in record.clips]) == ("seven", "s2st", [0.5, 0.25])
    levels = [source.samples(clip) for clip in record.clips]
    assert [len(each) for each in levels] == [8000, 4000]
    assert [float(each[0]) for each in levels] == pytest.approx([0.1, 0.2], abs=1e-3)
    turns[0]["clip"]["file"] = "8.wav"  # type: ignore[index]
    about = json.dumps({"id": "seven", "kind": "s2st", "turns": turns}).encode()
    with pytest.raises(DataError, match=r"s\.tar, entry '7' .*: the clip q is in 8\.wav, which is not among"):
        opened(tmp_path, {"7.a.flac": b"", "7.json": about}).record(0)


def test_texts_alone_are_read_as_text(tmp_path: Path) -> None:
    record = opened(tmp_path, {"a.txt": "Grüße".encode()}, kind="text").record(0)
    assert (record.kind, words_of(record)) == ("text", [("human", False, "Grüße")])


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"a.txt": b"words"}, "the entry has no sound"),
        ({"a.txt": b" ", "a.wav": b"sound"}, "no words"),
        ({"a.wav": b"sound"}, r"it has no words: no member \.txt"),
        ({"a.wav": b"RIFFnonsense", "a.txt": b"x"}, r"a\.wav: damaged or no sound"),
        ({"a.json": b"[1]", "a.wav": b"sound"}, r"a\.json holds no object"),
        ({"a.json": b"{", "a.wav": b"sound"}, "Expecting"),
        ({"1.5.wav": b"sound", "1.5.txt": b"y", "1.6.wav": b"z"}, "it has several sounds"),
        ({"a.wav": b"x", "a.WAV": b"y"}, "makes them one entry"),
    ],
)
def test_an_entry_that_is_none_is_told_with_shard_and_members(
    tmp_path: Path, encoded: Encode, members: dict[str, bytes], complaint: str
) -> None:
    whole = {name: encoded() if data == b"sound" else data for name, data in members.items()}
    with pytest.raises(DataError, match=rf"s\.tar, entry '.*' \({next(iter(members))}.*{complaint}"):
        opened(tmp_path, whole).record(0)


def test_a_sound_that_breaks_off_is_told_with_shard_and_member(tmp_path: Path, encoded: Encode) -> None:
    whole = encoded(seconds=4.0, form="FLAC")
    source = opened(tmp_path, {"a.flac": whole[: len(whole) // 2], "a.txt": b"x"})
    clip = source.record(0).clips[0]
    with pytest.raises(AudioFormatError, match=r"s\.tar, a\.flac: "):
        source.samples(clip)


def test_headers_are_kept_until_the_shard_changes(tmp_path: Path, encoded: Encode) -> None:
    shard, cache = tmp_path / "s.tar", tmp_path / "cache"
    for count in (2, 3):
        shard.write_bytes(tar_of({f"{n}.{e}": encoded() for n in range(count) for e in ("wav", "txt")}))
        for _ in range(2):
            assert len(TarSource(SourceConfig(str(shard)), cache)) == count
        assert len(list(cache.iterdir())) == count - 1


def test_what_is_no_tar_is_told(tmp_path: Path) -> None:
    (tmp_path / "s.tar").write_bytes(b"nonsense" * 200)
    with pytest.raises(DataError, match=r"s\.tar is damaged or no plain tar"):
        open_source(SourceConfig(str(tmp_path / "s.tar")))
    with pytest.raises(ConfigError, match=r"x\.tar\.gz is compressed"):
        open_source(SourceConfig(str(tmp_path / "x.tar.gz")))
    with pytest.raises(DataError, match=r"y\.tar cannot be read \(No such file"):
        open_source(SourceConfig(str(tmp_path / "y.tar")))
