"""A full disk, a closed folder, Ctrl-C: the answer is written whole or not at all, and one line says why."""

import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.generation import decode

Program = Callable[..., Any]


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "question.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(8_000), 16_000)
    return path


@pytest.mark.parametrize("older", [None, b"an older answer"], ids=["new", "there already"])
def test_a_disk_that_takes_no_more(
    program: Program, tiny_nano: Path, question: Path, here: Path, older: bytes | None
) -> None:
    if older is not None:
        (here / "answer.wav").write_bytes(older)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        outcome = program("reply", question, "-m", tiny_nano, "--max-seconds", "1", "--seed", "4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert outcome.code == 1
    assert "cannot write 'answer.wav': the file would be larger than allowed here" in outcome.complaint
    assert [path.read_bytes() for path in here.iterdir()] == ([] if older is None else [older])


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("nowhere/answer.wav", "that folder does not exist; create it or choose another"),
        (".", "the ending is ''"),
        ("folder.wav", "it is a folder; name a file"),
        ("answer.txt", "the ending is '.txt'; wanted one of .wav, .flac, .ogg, .mp3"),
        ("/dev/null", "the ending is ''"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_told_before_any_work(
    program: Program, question: Path, here: Path, output: str, says: str
) -> None:
    (here / "folder.wav").mkdir()
    for arguments in (["reply", question], ["say", "Hello."]):
        outcome = program(*arguments, "-o", output, "-m", "a model that would be an error if it were looked for")
        assert outcome.code == 1
        assert says in outcome.complaint
    assert [path.name for path in here.iterdir()] == ["folder.wav"]


@pytest.mark.parametrize("arguments", [["reply", "QUESTION"], ["say", "Hello there.", "-o", "answer.wav"]])
def test_an_interrupt_leaves_no_file(
    program: Program,
    tiny_nano: Path,
    question: Path,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    chosen = 0
    choose = decode.choose

    def choose_and_interrupt(*scores: Any) -> Any:
        nonlocal chosen
        chosen += 1
        if chosen == 30:
            signal.raise_signal(signal.SIGINT)
        return choose(*scores)

    monkeypatch.setattr(decode, "choose", choose_and_interrupt)
    outcome = program(*(question if word == "QUESTION" else word for word in arguments), "-m", tiny_nano)
    assert chosen == 30
    assert outcome.code == 130
    assert outcome.complaint == "stepwave: interrupted; no unfinished file is left behind"
    assert outcome.out == ""
    assert not list(here.iterdir())
