"""Manifests as sources: every line by number, sound and tensors beside it, on disk and at an address."""

import gzip
import pickle
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch

from stepwave.data.manifests import write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.manifest import ManifestSource
from stepwave.data.store import StoreWriter
from stepwave.facts.errors import ConfigError, DataError

from .conftest import Encode


def speech(number: int, file: Path) -> Record:
    turn = Turn("human", f"number {number}", Clip(f"c{number}", str(file), seconds=0.5, voice="v"), True, "en")
    return Record(f"r{number}", "speech", (turn,), licence="CC0", details={"position": number})


@pytest.fixture
def corpus(tmp_path: Path, encoded: Encode) -> Path:
    folder = tmp_path / "corpus"
    (folder / "sounds").mkdir(parents=True)
    lines = []
    for number in range(200):
        file = folder / "sounds" / f"{number}.wav"
        file.write_bytes(encoded(number / 256))
        lines.append(write_line(speech(number, file), folder))
    (folder / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")
    with StoreWriter(folder / "parts") as store:
        store.add("c3.codes", torch.arange(12, dtype=torch.int16))
        store.add("c3.frames", torch.arange(24.0).reshape(12, 2))
    return folder


def uploaded(folder: Path, name: str) -> str:
    files = fsspec.filesystem("memory")
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe(f"/{name}/{path.relative_to(folder)}", path.read_bytes())
    return f"memory://{name}"


@pytest.mark.parametrize("form", ["folder", "file", "gz", "remote"])
def test_each_record_is_read_alone_in_any_order(corpus: Path, form: str, tmp_path: Path) -> None:
    address = str(corpus)
    if form == "file":
        address += "/manifest.jsonl"
    elif form == "gz":
        (corpus / "m.jsonl.gz").write_bytes(gzip.compress((corpus / "manifest.jsonl").read_bytes()))
        address += "/m.jsonl.gz"
    elif form == "remote":
        address = uploaded(corpus, "in-any-order")
    source = ManifestSource(SourceConfig(address))
    assert len(source) == 200
    for number in [*range(200), 150, 3, 199, 0, 64, 63]:
        record = source.record(number)
        place = f"{address}/sounds/{number}.wav" if form == "remote" else str(corpus / "sounds" / f"{number}.wav")
        assert record == speech(number, Path("x")).with_clips(
            lambda clip, place=place: Clip(clip.id, place, seconds=0.5, voice="v")
        )
    np.testing.assert_allclose(source.samples(source.record(64).clips[0]), np.full(8_000, 0.25), atol=1e-3)


def test_the_last_line_needs_no_end(corpus: Path) -> None:
    manifest = corpus / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes().rstrip(b"\n"))
    source = ManifestSource(SourceConfig(str(corpus)))
    assert (len(source), source.record(199).id) == (200, "r199")


@pytest.mark.parametrize("remote", [False, True])
def test_stored_tensors_are_found(corpus: Path, remote: bool) -> None:
    source = ManifestSource(SourceConfig(uploaded(corpus, "tensors") if remote else str(corpus)))
    codes, frames = source.tensor("c3.codes"), source.tensor("c3.frames")
    assert codes is not None
    assert frames is not None
    assert codes.dtype is torch.int16
    assert codes.tolist() == list(range(12))
    assert torch.equal(frames, torch.arange(24.0).reshape(12, 2).half())
    assert source.length("c3.frames") == 12
    assert source.tensor("c4.codes") is source.length("c4.codes") is None


def test_a_manifest_without_tensors_has_none(corpus: Path) -> None:
    for part in (corpus / "parts").iterdir():
        part.unlink()
    (corpus / "parts").rmdir()
    assert ManifestSource(SourceConfig(str(corpus))).tensor("c3.codes") is None


def test_a_copy_for_another_process_works(corpus: Path) -> None:
    source = ManifestSource(SourceConfig(str(corpus)))
    source.tensor("c3.codes")
    copy = pickle.loads(pickle.dumps(source))
    assert copy.record(7) == source.record(7)
    assert copy.length("c3.codes") == 12


def test_speech_becomes_what_the_source_declares_and_the_rest_stays(corpus: Path) -> None:
    other = write_line(Record("t", "text", (Turn("human", "Hi."),)), corpus)
    with (corpus / "manifest.jsonl").open("a") as file:
        file.write(other)
    source = ManifestSource(SourceConfig(str(corpus), kind="asr"))
    human, assistant = source.record(5).turns
    assert (source.record(5).kind, source.record(5).licence, source.record(5).id) == ("asr", "CC0", "r5")
    assert (human.role, human.spoken, human.clip and human.clip.id) == ("human", True, "c5")
    assert assistant == Turn("assistant", "number 5", language="en")
    assert source.record(200).kind == "text"
    with pytest.raises(ConfigError, match="gives asr, tts, speech, caption, text, but not qa"):
        ManifestSource(SourceConfig(str(corpus), kind="qa"))


def test_a_bad_line_is_told_with_its_number(corpus: Path) -> None:
    manifest = corpus / "manifest.jsonl"
    manifest.write_text(manifest.read_text() + '{"id": "x"\n[1]\n')
    source = ManifestSource(SourceConfig(str(corpus)))
    for number in (200, 201):
        with pytest.raises(DataError, match=rf"manifest\.jsonl, line {number + 1}: "):
            source.record(number)


def test_a_remote_manifest_may_not_lead_elsewhere() -> None:
    line = '{"id": "r", "kind": "speech", "turns": [{"role": "human", "clip": {"id": "c", "file": "/etc/hostname"}}]}'
    fsspec.filesystem("memory").pipe("/elsewhere/manifest.jsonl", line.encode())
    with pytest.raises(DataError, match="leads to memory:///etc/hostname"):
        ManifestSource(SourceConfig("memory://elsewhere")).record(0)


def test_a_damaged_shard_of_tensors_is_told(corpus: Path) -> None:
    address = uploaded(corpus, "damaged")
    fsspec.filesystem("memory").pipe("/damaged/parts/part-00001.safetensors", b"\xff" * 40)
    with pytest.raises(DataError, match=r"part-00001\.safetensors is damaged"):
        ManifestSource(SourceConfig(address)).tensor("c3.codes")


def test_the_version_tells_of_changes(corpus: Path) -> None:
    before = ManifestSource(SourceConfig(str(corpus))).version()
    assert ManifestSource(SourceConfig(str(corpus))).version() == before
    assert ManifestSource(SourceConfig(str(corpus), kind="tts")).version() != before
    with StoreWriter(corpus / "parts") as store:
        store.add("c4.codes", torch.arange(12, dtype=torch.int16))
    assert ManifestSource(SourceConfig(str(corpus))).version() != before
