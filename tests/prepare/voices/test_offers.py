"""What lists and folders offer to a voice library, and that no list leads out of its folder."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.data.manifests import MANIFEST, write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import AudioNotFoundError, AudioTooLongError, DataError
from stepwave.prepare.voices.offers import read_offers
from stepwave.signal.files import read_audio


def sound(seconds: float = 1.5) -> bytes:
    encoded = io.BytesIO()
    tone = 0.3 * np.sin(np.arange(int(seconds * 16_000)) / 10)
    soundfile.write(encoded, tone, 16_000, format="FLAC")
    return encoded.getvalue()


def manifest(folder: Path, *clips: Clip, **turn: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    records = [
        Record(f"r{number}", "speech", (Turn("human", "Hello.", clip, spoken=True, **turn),), "a corpus", "CC0")
        for number, clip in enumerate(clips)
    ]
    path = folder / MANIFEST
    path.write_text("".join(write_line(record, folder) for record in records), encoding="utf-8")
    return path


def test_a_folder_of_sounds(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.flac").write_bytes(sound())
    (tmp_path / "deep" / "one.txt").write_text("Good morning.", encoding="utf-8")
    (tmp_path / "two.WAV").write_bytes(sound())
    (tmp_path / "notes.md").write_text("no sound", encoding="utf-8")
    offers = list(read_offers(tmp_path))
    assert [(one.name, dict(one.told)) for one in offers] == [
        ("deep/one", {"transcript": "Good morning."}),
        ("two", {}),
    ]
    assert offers[0].read() == sound()


@pytest.mark.parametrize("kind", ["tsv", "jsonl"])
def test_a_table(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.flac").write_bytes(sound())
    row = {"path": "a.flac", "sentence": "Hello.", "gender": "female", "up_votes": "3"}
    rows = [row, {"path": "b.flac", "age": ""}]
    table = tmp_path / f"table.{kind}"
    if kind == "tsv":
        names = ["path", "sentence", "gender", "age", "up_votes"]
        lines = ["\t".join(names), *("\t".join(row.get(name, "") for name in names) for row in rows)]
        table.write_text("\n".join(lines), encoding="utf-8")
    else:
        table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    first, second = read_offers(table)
    assert (first.name, dict(first.told)) == ("a", {"transcript": "Hello.", "gender": "female"})
    assert first.read() == sound()
    with pytest.raises(AudioNotFoundError, match=r"b\.flac' cannot be read"):
        second.read()


@pytest.mark.parametrize("file", ["../secret.flac", "link.flac", "inside/../../secret.flac", "ABSOLUTE"])
def test_no_list_leads_out_of_its_folder(tmp_path: Path, file: str) -> None:
    (tmp_path / "secret.flac").write_bytes(sound())
    lists = tmp_path / "lists"
    (lists / "inside").mkdir(parents=True)
    (lists / "link.flac").symlink_to(tmp_path / "secret.flac")
    file = str(tmp_path / "secret.flac") if file == "ABSOLUTE" else file
    (lists / "table.jsonl").write_text(json.dumps({"file": file}), encoding="utf-8")
    [offer] = read_offers(lists / "table.jsonl")
    with pytest.raises(DataError, match="lies outside"):
        offer.read()
    [offer] = read_offers(lists / "table.jsonl", root=tmp_path)
    assert offer.read() == sound()
    [offer] = read_offers(manifest(lists / "corpus", Clip("c", str(lists / file))))
    with pytest.raises(DataError, match="lies outside"):
        offer.read()


@pytest.mark.parametrize("file", ["https://example.org/a.flac", "s3://bucket/a.flac"])
def test_no_manifest_leads_to_the_web(tmp_path: Path, file: str) -> None:
    [offer] = read_offers(manifest(tmp_path, Clip("c", file)))
    with pytest.raises(DataError, match="lies outside"):
        offer.read()


def test_a_manifest_with_shards_and_stretches(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "part.tar", "w") as tar:
        tar.addfile(_member("a.flac", len(sound())), io.BytesIO(sound()))
    (tmp_path / "long.flac").write_bytes(sound(40))
    known = {"gender": "male", "pitch_hz": 90.0, "syllables_per_second": 6.5, "timbre": "dark"}
    shard = str(tmp_path / "part.tar")
    whole = Clip("whole", shard, 512, len(sound()), seconds=1.5, voice="corpus/7", attributes=known)
    stretch = Clip("stretch", str(tmp_path / "long.flac"), start=10.0, seconds=2.0)
    endless = Clip("endless", str(tmp_path / "long.flac"), seconds=40.0)
    offers = list(read_offers(manifest(tmp_path, whole, whole, stretch, endless, language="en")))
    assert [one.name for one in offers] == ["whole", "stretch", "endless"]
    assert dict(offers[0].told) == {
        "transcript": "Hello.", "language": "en", "speaker": "corpus/7", "licence": "CC0", "source": "a corpus",
        "description": "very low pitch, very fast pace", "gender": "male",
    }  # fmt: skip
    assert offers[0].read() == sound()
    assert read_audio(offers[1].read()).seconds == pytest.approx(2.0)
    assert offers[1].read() == offers[1].read()  # a digest of it knows it again
    with pytest.raises(AudioTooLongError, match="lasts 40 s"):
        offers[2].read()


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("list.jsonl", "{broken", "line 1: no JSON"),
        ("list.jsonl", "[1]", "line 1 is no JSON object"),
        ("list.txt", "", "neither a .jsonl nor a .tsv"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=complaint):
        list(read_offers(tmp_path / name))
    with pytest.raises(DataError, match="there is no"):
        list(read_offers(tmp_path / "nothing.tsv"))


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member
