"""The program's commands: what they print and write, and with which exit code they end."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave import __version__
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.errors import CheckpointError

Program = Callable[..., Any]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recordings") / "question.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    return path


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_version_and_help(program: Program) -> None:
    assert program("--version").out == f"stepwave {__version__}\n"
    page = program("--help")
    assert page.code == 0
    for command in ("reply", "transcribe", "say", "models", "prepare", "train", "evaluate"):
        assert command in page.out
    for command in ("reply", "transcribe", "say"):
        assert "Examples:\n    stepwave " + command in program(command, "--help").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["reply"],
        ["reply", "a.wav", "b.wav"],
        ["reply", "a.wav", "--max-seconds", "0"],
        ["reply", "a.wav", "--threads", "0"],
        ["reply", "a.wav", "--text", "-o", "b.wav"],
        ["reply", "a.wav", "--text", "--voice", "bob"],
        ["transcribe"],
        ["say", "Hello."],
        ["sing"],
        ["reply", "--loud", "a.wav"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(program: Program, arguments: list[str]) -> None:
    outcome = program(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Usage: stepwave" in outcome.err


def test_reply_tells_and_writes(program: Program, recording: Path, tiny_nano: Path, tmp_path: Path) -> None:
    outcome = program("reply", recording, "-m", tiny_nano, "--max-seconds", "1", "--seed", "4", "--threads", "1")
    assert outcome.code == 0
    for name in ("heard: ", "answer: ", "sound:  answer.wav ("):
        assert any(line.startswith(name) for line in outcome.out.splitlines())
    sound = soundfile.info(tmp_path / "answer.wav")
    assert (sound.samplerate, sound.channels) == (24_000, 1)
    assert "the answer was cut short" in outcome.complaint


def test_reply_as_json(program: Program, recording: Path, tiny_nano: Path, tmp_path: Path) -> None:
    told = json.loads(
        program("reply", recording, "-m", tiny_nano, "-o", "a.flac", "--voice", "bob", "--seed", "4", "--json").out
    )
    assert told.keys() == {"file", "heard", "text", "answer", "seconds", "complete", "timings"}
    assert told["file"] == str(recording)
    assert told["answer"] == "a.flac"
    assert told["seconds"] == pytest.approx(soundfile.info(tmp_path / "a.flac").duration, abs=0.001)
    assert told["timings"].keys() == {"first_sound", "answer", "transcript"}


def test_reply_in_writing_leaves_no_file(program: Program, recording: Path, tiny_nano: Path, tmp_path: Path) -> None:
    outcome = program("reply", recording, "-m", tiny_nano, "--text", "--json", "--max-seconds", "1")
    assert outcome.code == 0
    assert json.loads(outcome.out)["answer"] is None
    assert not list(tmp_path.iterdir())


def test_an_answer_without_sound_is_a_failure(
    program: Program, recording: Path, tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stepwave, "stream_reply", None)
    monkeypatch.setattr("stepwave.dialogue.session.speak", lambda events, sound: iter(()))
    outcome = program("reply", recording, "-m", tiny_nano)
    assert outcome.code == 1
    assert "gave no sound" in outcome.complaint
    assert not list(tmp_path.iterdir())


def test_transcribe_goes_on_after_a_bad_file(
    program: Program, recording: Path, tiny_nano: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"hello")
    outcome = program("transcribe", recording, "bad.wav", recording, "-m", tiny_nano)
    assert outcome.code == 1
    assert outcome.out.count(f"{recording}: ") == 2
    assert "'bad.wav' is no recording that can be read" in outcome.complaint
    outcome = program("transcribe", "bad.wav", recording, "-m", tiny_nano, "--json")
    records = [json.loads(line) for line in outcome.out.splitlines()]
    assert [record.keys() for record in records] == [{"file", "error"}, {"file", "text"}]
    assert outcome.code == 1


def test_transcribe_one_file_prints_its_words_alone(
    program: Program, recording: Path, tiny_nano: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stepwave, "transcribe", lambda self, audio, progress: "What time\x1b[2J is\nit?")
    outcome = program("transcribe", recording, "-m", tiny_nano)
    assert (outcome.code, outcome.out, outcome.err) == (0, "What time [2J is it?\n", "")


def test_a_model_that_fails_ends_transcribing(
    program: Program, recording: Path, tiny_nano: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Stepwave, audio: Path, progress: object) -> str:
        raise CheckpointError("the decoder is damaged")

    monkeypatch.setattr(Stepwave, "transcribe", fail)
    outcome = program("transcribe", recording, recording, "-m", tiny_nano)
    assert outcome.code == 1
    assert outcome.complaint == "stepwave: the decoder is damaged"


def test_say_writes_sound(program: Program, tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = program("say", "Hello there.", "-o", "a.wav", "-m", tiny_nano, "--seed", "1", "--json")
    told = json.loads(outcome.out)
    assert told.keys() == {"file", "text", "seconds", "cut", "timings"}
    assert outcome.code == int(bool(told["cut"]))
    assert soundfile.info(tmp_path / "a.wav").duration == pytest.approx(told["seconds"], abs=0.001)


def test_say_tells_what_may_be_missing(program: Program, tiny_nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stepwave.dialogue.results import Reading

    samples = np.zeros(2400, dtype=np.float32)
    monkeypatch.setattr(Stepwave, "say", lambda *arguments: Reading(samples, 24_000, ("Oh\nno.",)))
    outcome = program("say", "Oh\nno.", "-o", "a.wav", "-m", tiny_nano)
    assert outcome.code == 1
    assert "words may be missing in 'Oh\\nno.'" in outcome.complaint


def test_say_reads_standard_input(
    program: Program, tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    from stepwave.dialogue.results import Reading

    said: list[str] = []

    def say(self: Stepwave, text: str, *others: object) -> Reading:
        said.append(text)
        return Reading(np.zeros(2400, dtype=np.float32), 24_000, ())

    monkeypatch.setattr(Stepwave, "say", say)
    monkeypatch.setattr(sys, "stdin", io.StringIO("A story."))
    assert program("say", "-", "-o", "a.wav", "-m", tiny_nano).code == 0
    assert said == ["A story."]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert "empty text" in program("say", "-", "-o", "a.wav", "-m", tiny_nano).complaint


def test_a_line_break_in_a_message_stays_one_line(program: Program, tiny_nano: Path) -> None:
    assert "two\\nlines.wav" in program("transcribe", "two\nlines.wav", "-m", tiny_nano).complaint


def test_a_terminal_sees_what_is_going_on(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from stepwave.commands import console

    def work() -> str:
        with console.Steps() as steps:
            steps.now("listening")
            steps.describe("answering")
            steps.share(0.5)
        return capfd.readouterr().err

    assert work() == ""
    monkeypatch.setattr(console, "Console", lambda **options: Console(force_terminal=True, **options))
    assert "answering" in work()


def test_the_package_is_a_program_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["stepwave", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("stepwave", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"stepwave {__version__}\n"
