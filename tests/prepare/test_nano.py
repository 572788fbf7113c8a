"""The steps of nano's preparation: the lists that they leave for others."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from stepwave.data.recordings import read_recordings
from stepwave.prepare.nano import NanoPreparation
from stepwave.prepare.synthesis import Utterance


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Lists of people's recordings; the sounds themselves are not read here."""
    folder = tmp_path / "data"
    lines = {
        "librispeech-251/transcripts.whisper-base.tsv": [f"{number}-1.flac\tA sentence." for number in range(60)],
        "asterisk-en/transcripts.tsv": ["hello.flac\tHello there."],
        "ljspeech-32/transcripts.tsv": ["LJ001.flac\tRead aloud."],
        "text/short.txt": ["Not a list of recordings."],
    }
    for name, rows in lines.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("\n".join(rows), encoding="utf-8")
    return folder


def test_lists_made_in_relative_folders_can_be_read_from_anywhere(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = Path("runs")
    spoken = [Utterance("Yes.", "flite/slt", 1.0, "asr"), Utterance("Is it?", "kokoro/af_nova", 1.0, "check")]
    for one in spoken:
        one.path(runs / "audio").parent.mkdir(parents=True, exist_ok=True)
        one.path(runs / "audio").write_bytes(b"sound")
    (runs / "utterances.jsonl").write_text("".join(json.dumps(asdict(one)) + "\n" for one in spoken))
    NanoPreparation(Path(shared.name), runs).run(["recordings"], lambda _: None)
    monkeypatch.chdir("/")
    heard = read_recordings(tmp_path / runs / "recordings.jsonl")
    (question,) = read_recordings(tmp_path / runs / "checks" / "questions.jsonl")
    assert all(Path(one.path).is_absolute() for one in [*heard, question])
    assert Path(question.path).read_bytes() == b"sound"
    assert [one.split for one in heard].count("check") == 51
    assert {one.use for one in heard} == {"real", "ljspeech", "asr"}
