"""`stepwave voices`: from a folder of recordings to a voice that is found, played, exported and removed."""

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.signal.files import read_audio

Program = Callable[..., Any]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
QUESTION = EXAMPLES / "question.wav"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("stepwave.tools.voices.opening.demo_folder", lambda: None)


def lines(outcome: Any) -> list[dict[str, Any]]:
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_from_recordings_to_a_voice(program: Program, tmp_path: Path) -> None:
    library = ("--library", tmp_path / "library")
    added = program("voices", "add", QUESTION, *library, "--description", "a calm elderly man", "--gender", "male")
    assert added.code == 0, added.err
    assert "added 'question'" in added.out
    assert "in the library already" in program("voices", "add", QUESTION, *library, "--name", "again").complaint
    [told] = lines(program("voices", "import", EXAMPLES, *library, "--json"))
    assert (told["added"], told["present"], told["skipped"], told["voices"]) == (4, 1, {}, 5)
    assert "0 added, 5 were there already" in program("voices", "import", EXAMPLES, *library).out

    [found] = lines(program("voices", "search", "an old guy", *library, "--json"))
    assert (found["name"], found["whole"], found["gender"]) == ("question", True, "male")
    assert Path(found["clip"]).read_bytes() == QUESTION.read_bytes()
    near = lines(program("voices", "search", "--like", QUESTION, *library, "--json", "--limit", "3"))
    assert near[0]["name"] == "question"
    assert near[0]["likeness"] == pytest.approx(1.0, abs=1e-3)
    assert len(near) == 3
    assert "none of 5 voices fits" in program("voices", "search", "a pirate", *library).out
    assert "question: a calm elderly man (male, 1.7 s)" in program("voices", "list", *library).out
    assert lines(program("voices", "list", *library, "--gender", "female", "--json")) == []

    exported = program("voices", "export", tmp_path / "out", *library)
    assert "5 voices of" in exported.out
    again = lines(program("voices", "import", tmp_path / "out", "--library", tmp_path / "second", "--json"))
    assert again[0]["added"] == 5
    [copy] = lines(program("voices", "search", "an old guy", "--library", tmp_path / "second", "--json"))
    assert {key: copy[key] for key in ("name", "digest", "description")} == {
        key: found[key] for key in ("name", "digest", "description")
    }
    assert "removed 'question'; 4 voices" in program("voices", "remove", "question", *library).out
    assert "no voice 'question'" in program("voices", "remove", "question", *library).complaint


def test_a_clip_is_played_or_written(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[tuple[int, int]] = []
    card = types.ModuleType("sounddevice")
    vars(card).update(play=lambda samples, rate, **_: played.append((len(samples), rate)), PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    program("voices", "add", QUESTION)
    assert program("voices", "play", "question").code == 0
    seconds = read_audio(QUESTION).seconds
    assert played == [(pytest.approx(seconds * 24_000, abs=10), 24_000)]
    assert program("voices", "play", "question", "-o", tmp_path / "out.wav").code == 0
    written = read_audio(tmp_path / "out.wav", sample_rate=None)
    assert (written.sample_rate, written.seconds) == (24_000, pytest.approx(seconds, abs=0.01))
    assert np.abs(written.samples).max() > 0.01
    assert len(played) == 1
    assert "no voice 'nobody'" in program("voices", "play", "nobody").complaint


def test_broken_recordings_are_skipped_and_told(program: Program, tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    (sounds / "broken.wav").write_bytes(b"no sound")
    (sounds / "good.wav").write_bytes(QUESTION.read_bytes())
    outcome = program("voices", "import", sounds)
    assert outcome.code == 0
    assert "1 added, 0 were there already; 1 voices in" in outcome.out
    assert "skipped: 1 no recording, or damaged" in outcome.out
    assert "skipped broken: " in outcome.complaint
    assert str(tmp_path / "data" / "stepwave" / "voices") in outcome.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("search", "old", "--library", "nowhere"), "there is no voice library in nowhere"),
        (("search", "a voice, please", "--library", "nowhere"), "there is no voice library"),
        (("list", "--store", "mysql://me:secret@here/db"), "wanted postgresql://"),
        (("add", "nothing.wav"), "cannot be read"),
        (("import", "nothing.tsv"), "there is no nothing.tsv"),
        (("export", "out"), "there is no voice library"),
    ],
)
def test_what_cannot_be_done_is_told(program: Program, arguments: tuple[str, ...], complaint: str) -> None:
    outcome = program("voices", *arguments)
    assert outcome.code == 1
    assert complaint in outcome.complaint
    assert "secret" not in outcome.complaint
