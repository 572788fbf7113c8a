"""`stepwave finetune`: the whole journey at tiny size, and what it says where a table or an option is wrong."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stepwave.dialogue.profile import NANO, save_profile
from stepwave.signal.files import read_audio, write_audio
from stepwave.training.memory import KEEP

from ..conftest import Outcome

QUESTION = Path(__file__).resolve().parents[2] / "examples" / "question.wav"
TEXTS = ("one", "two", "three", "four", "five")


@pytest.fixture(autouse=True)
def _in_a_folder_with_recordings(tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of five cuts of a recording, and a tiny model."""
    monkeypatch.chdir(tmp_path)
    for name, value in KEEP.items():  # else the program would start itself anew
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("stepwave.training.finetuning.own_model.use_threads", lambda count: None)
    shutil.copytree(tiny_nano, "tiny")
    save_profile(Path("tiny"), replace(NANO, longest_reading=8))
    samples = read_audio(QUESTION, sample_rate=16_000).samples
    for number in range(len(TEXTS)):
        write_audio(f"{number}.wav", np.ascontiguousarray(samples[500 * number : 9_000 + 2_000 * number]), 16_000)
    table("".join(f"{number}.wav\t{text}\n" for number, text in enumerate(TEXTS)))


def table(content: str) -> None:
    Path("my.tsv").write_text(content, encoding="utf-8")


@pytest.mark.slow
def test_from_a_table_to_a_model_that_speaks_and_writes(program: Callable[..., Outcome]) -> None:
    table(Path("my.tsv").read_text() + "lost.wav\tnobody\n")
    arguments = ("finetune", "my.tsv", "--to", "models/my-model", "--model", "tiny", "--steps", "3", "--voice", "anna")
    done = program(*arguments)
    assert done.code == 0, done.err
    assert "1 of 6 lines left out, no such sound: line 6 (lost.wav)" in done.out
    for shown in ("word error", "text loss", "speech loss", "before:", "after:", "the model: models/my-model"):
        assert shown in done.out
    assert 'stepwave say "Good morning." --model models/my-model --voice "anna"' in done.out
    said = program("say", "one", "--model", "models/my-model", "--voice", "anna", "-o", "said.wav", "--seed", "0")
    assert said.code in (0, 1)  # what babbles may run into its bound
    assert Path("said.wav").stat().st_size > 44
    assert program("transcribe", "1.wav", "--model", "models/my-model").code == 0
    assert program("models", "check", "models/my-model", "--digests").code == 0
    again = program(*arguments, "--json")
    assert again.code == 0
    found = json.loads(again.out.splitlines()[-1])
    assert found["model"] == "models/my-model"
    assert found["steps"] == 3
    assert found["voices"] == ["anna"]
    assert found["before"].keys() == found["after"].keys() == {"text loss", "speech loss", "word error"}
    assert "3/3" not in again.out  # nothing was trained again


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent.tsv",), "absent.tsv can't be read"),
        (("my.tsv", "--task", "asr,sing"), "--task 'asr,sing' came; wanted asr or tts"),
        (("my.tsv", "--task", ""), "--task '' came"),
        (("my.tsv", "--steps", "3", "--minutes", "1"), "give one of them"),
        (("my.tsv", "--steps", "0"), "wanted more than 0 minutes, or 1 step or more"),
        (("my.tsv", "--audio", "elsewhere"), "0 texts with a recording under elsewhere"),
        (("my.tsv", "--model", "nowhere"), "no model 'nowhere'"),
        (("my.tsv", "--device", "tpu"), "the device 'tpu' can't be used"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    program: Callable[..., Outcome], arguments: tuple[str, ...], message: str
) -> None:
    outcome = program("finetune", "--to", "mine", "--model", "tiny", *arguments)
    assert outcome.code == 1
    assert message in outcome.complaint
    assert not Path("mine").exists()


def test_a_table_with_commas_is_told_from_one_with_tabs(program: Callable[..., Outcome]) -> None:
    table("0.wav,one\n1.wav,two\n")
    assert "save it as tab-separated text" in program("finetune", "my.tsv", "--to", "mine", "--model", "tiny").complaint
