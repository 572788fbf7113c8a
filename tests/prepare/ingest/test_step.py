"""The step: what cannot be used is counted, what is kept is stored as asked, however many work at it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.data.manifests import read_clip, read_manifest
from stepwave.facts.errors import ConfigError, DataError, RegistryError
from stepwave.prepare.ingest.corpora import CORPORA
from stepwave.prepare.ingest.listening import Rules
from stepwave.prepare.ingest.step import Ingest
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import run_step


def many(disk: Any, count: int) -> None:
    whole = disk.tone("0000.flac", 0.2)
    for number in range(1, count):
        shutil.copyfile(whole, disk.root / f"{number:04d}.flac")
    disk.text("list.tsv", "path\ttext\tspeaker", *(f"{number:04d}.flac\tWords {number}\ts1" for number in range(count)))


def test_damaged_recordings_among_many_are_only_counted(disk: Any, take: Any) -> None:
    many(disk, 300)
    (disk.root / "0100.flac").write_bytes((disk.root / "0100.flac").read_bytes()[:900])
    (disk.root / "0200.flac").write_bytes(b"")
    (disk.root / "0250.flac").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(64))
    (disk.root / "0270.flac").unlink()
    records, totals = take("folder", disk.root)
    assert totals["records"] == len(records) == 296
    expected = {"damaged sound": 1, "kind of file that is not read": 1, "no such sound": 1, "sound without samples": 1}
    assert totals["dropped"] == expected


def test_what_is_dropped_is_named_with_its_reason(disk: Any, tmp_path: Path) -> None:
    many(disk, 3)
    (disk.root / "0001.flac").write_bytes(b"\x1aE\xdf\xa3" + bytes(64))
    list(run_step(Ingest("folder", disk.root), tmp_path / "out", Processes(0)))
    (line,) = (tmp_path / "out/dropped.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == "folder-0001.flac"
    assert "is a WebM or Matroska file; convert it to flac or ogg first" in json.loads(line)["detail"]


def test_lengths_silence_and_broken_text(disk: Any, take: Any) -> None:
    disk.tone("short.wav", 0.05)
    disk.tone("long.wav", 2.0)
    disk.tone("fine.wav", 0.5)
    soundfile.write(disk.root / "silent.wav", np.zeros(8_000), 16_000)
    lines = [b"path\ttext", b"short.wav\ta", b"long.wav\tb", b"fine.wav\tc", b"silent.wav\td", b"fine.wav\t\xff\xfe"]
    (disk.root / "list.tsv").write_bytes(b"\n".join([*lines, b"fine.wav\tc"]) + b"\n")
    records, totals = take("folder", disk.root, rules=Rules(max_seconds=1.0))
    assert [record.turns[0].text for record in records.values()] == ["c"]
    assert totals["dropped"] == {
        "listed twice": 1,
        "nothing but silence": 1,
        "sound too long": 1,
        "sound too short": 1,
        "text that is no UTF-8": 1,
    }


def test_copies_are_stored_at_the_rate_asked_for(disk: Any, take: Any) -> None:
    many(disk, 2)
    plain, _ = take("folder", disk.root)
    assert [record.clips[0].file for record in plain.values()] == [str(disk.root / f"000{n}.flac") for n in (0, 1)]
    stored, _ = take("folder", disk.root, rules=Rules(sample_rate=8_000))
    for record in stored.values():
        samples, rate = read_clip(record.clips[0], None)
        assert (rate, len(samples)) == (8_000, 1_600)
        assert record.clips[0].file.endswith(".tar")
    same, _ = take("folder", disk.root, rules=Rules(copy=True, lower=True))
    assert [read_clip(record.clips[0], None)[1] for record in same.values()] == [16_000, 16_000]
    assert [record.turns[0].text for record in same.values()] == ["words 0", "words 1"]


def test_workers_and_a_second_run_come_to_the_same(disk: Any, tmp_path: Path) -> None:
    many(disk, 150)
    (disk.root / "0007.flac").write_bytes(b"nothing")
    step = Ingest("folder", disk.root, rules=Rules(copy=True))
    list(run_step(step, tmp_path / "one", Processes(0)))
    first = next(iter(run_step(step, tmp_path / "two", Processes(2))))
    assert (first.parts, first.done) == (3, 0)
    list(run_step(step, tmp_path / "two", Processes(2)))
    for name in ("manifest.jsonl", "dropped.jsonl", "parts/part-00001.tar"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert len(list(read_manifest(tmp_path / "two"))) == 149


def test_a_limit_takes_the_first(disk: Any, take: Any) -> None:
    many(disk, 5)
    assert list(take("folder", disk.root, limit=2)[0]) == ["folder-0000.flac", "folder-0001.flac"]


@pytest.mark.parametrize("corpus", list(CORPORA))
def test_another_folder_is_refused_in_one_line_that_names_the_layout(tmp_path: Path, corpus: str) -> None:
    if corpus == "lhotse":
        pytest.importorskip("lhotse")
    (tmp_path / "holiday").mkdir()
    with pytest.raises(DataError) as caught:
        list(Ingest(corpus, tmp_path / "holiday").rows())
    message = str(caught.value)
    assert "\n" not in message
    assert CORPORA[corpus].layout in message
    assert str(tmp_path / "holiday") in message


def test_no_folder_and_no_such_corpus(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*; wanted .*; .* write hub:OWNER/NAME"):
        list(Ingest("librispeech", tmp_path / "openslr/librispeech_asr").rows())
    with pytest.raises(RegistryError, match="no corpus called 'librispech'; known: librispeech, gigaspeech"):
        list(Ingest("librispech", tmp_path).rows())


@pytest.mark.parametrize(
    "wrong",
    [{"min_seconds": 2.0, "max_seconds": 1.0}, {"sample_rate": 16}, {"sample_rate": 16_000, "copy": False}],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Rules(**wrong)


def test_every_corpus_says_what_it_is() -> None:
    assert len(CORPORA) >= 20
    for name, corpus in CORPORA.items():
        assert name == corpus.name
        assert corpus.layout
        assert corpus.what
        if name not in ("folder", "lhotse", "hub"):
            assert corpus.licence
            assert corpus.home.startswith("https://")
