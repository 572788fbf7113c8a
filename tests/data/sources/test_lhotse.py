"""Lhotse's lists, written by Lhotse: plain cuts and pairs without it, the rest with it, commands never."""

import gzip
import json
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from lhotse import CutSet, Recording, RecordingSet, SupervisionSegment, SupervisionSet

from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.lhotse import LhotseSource
from stepwave.data.sources.opening import open_source
from stepwave.facts.errors import AudioFormatError, DataError

from .conftest import Encode


@pytest.fixture
def corpus(tmp_path: Path, encoded: Encode) -> tuple[RecordingSet, SupervisionSet]:
    """A second of 0.25, then one of 0.5, in each of two recordings."""
    recordings, said = [], []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.wav"
        path.write_bytes(encoded(0.25, 1.0) + encoded(0.5, 1.0)[44:])
        data = bytearray(path.read_bytes())
        data[4:8], data[40:44] = (len(data) - 8).to_bytes(4, "little"), (len(data) - 44).to_bytes(4, "little")
        path.write_bytes(data)
        recordings.append(Recording.from_file(path, recording_id=name))
        for number, text in enumerate(("one", "two")):
            said.append(
                SupervisionSegment(
                    f"{name}-{number}", name, float(number), 1.0, text=f"{name} {text}",
                    language="English", speaker=f"p{name}", gender="Female",
                )
            )  # fmt: skip
    return RecordingSet.from_recordings(recordings), SupervisionSet.from_segments(said)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_cuts_become_records(tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet], ending: str) -> None:
    cuts = CutSet.from_manifests(*corpus).trim_to_supervisions().to_eager()
    cuts.to_file(tmp_path / f"my_cuts.{ending}")
    source = open_source(SourceConfig(str(tmp_path / f"my_cuts.{ending}")))
    assert isinstance(source, LhotseSource)
    assert len(source) == 4
    record = source.record(3)
    assert (record.id, record.kind, record.split) == (list(cuts)[-1].id, "asr", "train")
    human, assistant = record.turns
    assert (human.spoken, human.text, assistant.text, assistant.language) == (True, "b two", "b two", "en")
    clip = record.clips[0]
    assert (clip.file, clip.start, clip.seconds, clip.voice) == (str(tmp_path / "b.wav"), 1.0, 1.0, "pb")
    assert clip.attributes == {"gender": "female"}
    np.testing.assert_allclose(source.samples(clip), np.full(16_000, 0.5), atol=1e-3)


def test_a_cut_has_the_words_of_all_its_supervisions(
    tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet]
) -> None:
    CutSet.from_manifests(*corpus).to_file(tmp_path / "cuts.jsonl")
    record = open_source(SourceConfig(str(tmp_path / "cuts.jsonl"), kind="tts", split="dev")).record(0)
    assert [turn.text for turn in record.turns] == ["a one a two"] * 2
    assert (record.kind, record.split, record.clips[0].seconds) == ("tts", "dev", 2.0)


@pytest.mark.parametrize("named", ["folder", "supervisions"])
def test_a_pair_of_lists_gives_a_record_for_each_supervision(
    tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet], named: str
) -> None:
    corpus[0].to_file(tmp_path / "x_recordings_train.jsonl.gz")
    corpus[1].to_file(tmp_path / "x_supervisions_train.jsonl.gz")
    address = tmp_path if named == "folder" else tmp_path / "x_supervisions_train.jsonl.gz"
    source = open_source(SourceConfig(str(address), kind="speech"))
    assert [source.record(number).turns[0].text for number in range(4)] == ["a one", "a two", "b one", "b two"]
    clip = source.record(1).clips[0]
    assert (clip.id, clip.start) == ("a-1", 1.0)
    np.testing.assert_allclose(source.samples(clip), np.full(16_000, 0.5), atol=1e-3)


def test_paths_count_from_the_working_directory_or_the_list(
    tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    CutSet.from_manifests(*corpus).to_file(tmp_path / "cuts.jsonl")
    text = (tmp_path / "cuts.jsonl").read_text().replace(f"{tmp_path}/", "")
    (tmp_path / "cuts.jsonl").write_text(text)
    monkeypatch.chdir(here)
    source = LhotseSource(SourceConfig("../cuts.jsonl"))
    assert source.record(0).clips[0].file == str(tmp_path / "a.wav")
    (here / "a.wav").write_bytes((tmp_path / "a.wav").read_bytes())
    assert source.record(0).clips[0].file == str(here / "a.wav")


def test_lists_in_a_store_have_their_sounds_beside_them(
    tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet]
) -> None:
    CutSet.from_manifests(*corpus).to_file(tmp_path / "cuts.jsonl")
    text = (tmp_path / "cuts.jsonl").read_text().replace(f"{tmp_path}/", "sounds/")
    files = fsspec.filesystem("memory")
    files.pipe("/lhotse/cuts.jsonl.gz", gzip.compress(text.encode()))
    files.pipe("/lhotse/sounds/a.wav", (tmp_path / "a.wav").read_bytes())
    source = open_source(SourceConfig("memory://lhotse/cuts.jsonl.gz"))
    clip = source.record(0).clips[0]
    assert clip.file == "memory://lhotse/sounds/a.wav"
    assert len(source.samples(clip)) == 32_000


def test_what_only_lhotse_can_read_is_read_by_it(tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet]) -> None:
    whole = CutSet.from_manifests(*corpus)
    changed = [
        whole.subset(first=1).perturb_volume(0.5),
        whole.subset(first=1).pad(3.0),
        whole.subset(first=1).resample(8000),
    ]
    for number, cuts in enumerate(changed):
        cuts.to_file(tmp_path / f"{number}_cuts.jsonl")
    quiet, padded, plain = (LhotseSource(SourceConfig(str(tmp_path / f"{number}_cuts.jsonl"))) for number in range(3))
    samples = quiet.samples(quiet.record(0).clips[0])
    assert (samples.dtype, len(samples)) == (np.float32, 32_000)
    assert float(samples[8000]) == pytest.approx(0.125, abs=1e-3)
    assert padded.record(0).clips[0].seconds == 3.0
    assert padded.record(0).turns[1].text == "a one a two"
    assert len(padded.samples(padded.record(0).clips[0])) == 48_000
    assert plain.record(0).clips[0].file == str(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(b"nonsense")
    with pytest.raises(AudioFormatError, match="Lhotse cannot read it"):
        quiet.samples(quiet.record(0).clips[0])


def edited(folder: Path, corpus: tuple[RecordingSet, SupervisionSet], **changes: Any) -> LhotseSource:
    CutSet.from_manifests(*corpus).to_file(folder / "cuts.jsonl")
    cut = json.loads((folder / "cuts.jsonl").read_text().splitlines()[0])
    for name, value in changes.items():
        if value is None:
            del cut[name]
        elif name == "source":
            cut["recording"]["sources"][0].update(value)
        else:
            cut[name] = value
    (folder / "cuts.jsonl").write_text(json.dumps(cut) + "\n")
    return LhotseSource(SourceConfig(str(folder / "cuts.jsonl")))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"source": {"type": "command", "source": "touch stolen"}}, "a shell command, which is never run"),
        ({"supervisions": []}, "the entry has no words"),
        ({"duration": None}, "it lacks 'duration'"),
        ({"start": "soon"}, "could not convert"),
    ],
)
def test_a_cut_that_is_none_is_told_with_its_line(
    tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet], changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(DataError, match=rf"cuts\.jsonl, line 1: .*{complaint}"):
        edited(tmp_path, corpus, **changes).record(0)


def test_a_command_hidden_in_a_mix_is_refused(tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet]) -> None:
    CutSet.from_manifests(*corpus).pad(3.0).to_file(tmp_path / "cuts.jsonl")
    text = (tmp_path / "cuts.jsonl").read_text().replace('"type": "file"', '"type": "command"')
    (tmp_path / "cuts.jsonl").write_text(text)
    with pytest.raises(DataError, match="never run"):
        LhotseSource(SourceConfig(str(tmp_path / "cuts.jsonl"))).record(0)


def test_what_is_missing_of_a_pair_is_told(tmp_path: Path, corpus: tuple[RecordingSet, SupervisionSet]) -> None:
    corpus[1].to_file(tmp_path / "supervisions.jsonl")
    with pytest.raises(DataError, match=r"has no recordings\.jsonl beside it"):
        open_source(SourceConfig(str(tmp_path)))
    corpus[0].subset(first=1).to_file(tmp_path / "recordings.jsonl")
    with pytest.raises(DataError, match=r"line 3: there is no recording 'b' in .*recordings\.jsonl"):
        open_source(SourceConfig(str(tmp_path))).record(2)
    corpus[1].to_file(tmp_path / "other_supervisions.jsonl")
    with pytest.raises(DataError, match=r"2 lists of supervisions \(other_supervisions\.jsonl, supervisions\.jsonl\)"):
        open_source(SourceConfig(str(tmp_path)))
