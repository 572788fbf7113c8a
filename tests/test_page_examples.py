"""The examples in README and docs are true: commands and options exist, and the README's Python runs."""

import dataclasses
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import stepwave
from stepwave.commands.main import app
from stepwave.dialogue.stepwave import Stepwave
from stepwave.evaluation.catalogue import suite_names
from stepwave.signal.files import write_audio

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("models/**/*.md")])


def blocks(page: str, languages: str) -> list[str]:
    """The fenced blocks of a page in one of the languages, separated by |."""
    return re.findall(rf"^```(?:{languages})\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def command_lines(page: str) -> list[str]:
    """Every call of `stepwave` in the shell examples of a page, its continued lines joined."""
    indented = re.findall(r"^    (.*\n)", page, re.MULTILINE)
    lines = "".join([*blocks(page, "sh|bash|console"), *indented]).replace("\\\n", " ").splitlines()
    return [line[line.index("stepwave ") :] for line in lines if re.match(r"\s*(\S*/)?stepwave ", line)]


def faults(line: str) -> list[str]:
    """What a line of the shell asks of `stepwave` and the program does not have."""
    command: Any = typer.main.get_command(app)
    known = {option for parameter in command.params for option in parameter.opts}
    missing = []
    for word in shlex.split(line, comments=True)[1:]:
        if word in ("|", ">", "<", "&&", ";"):
            break
        if word.startswith("-") and word != "-" and word.split("=")[0] not in {*known, "--help"}:
            missing.append(word)
        elif hasattr(command, "commands") and not word.startswith("-"):
            # the name of a suite stands where a command would
            name = "SUITE" if command.name == "evaluate" and word in suite_names() else word
            if name not in command.commands:
                return [*missing, word]
            command = command.commands[name]
            known = {option for parameter in command.params for option in parameter.opts}
    return missing


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_options_in_pages_exist(path: Path) -> None:
    found = {line: faults(line) for line in command_lines(path.read_text(encoding="utf-8"))}
    assert {line: missing for line, missing in found.items() if missing} == {}


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("stepwave reply question.wav -o answer.wav --json | jq .heard", []),
        ("stepwave models check models/nano --digests  # headers and contents", []),
        ("stepwave --version", []),
        ("stepwave answer question.wav", ["answer"]),
        ("stepwave reply question.wav --out answer.wav", ["--out"]),
        ("stepwave models chek models/nano", ["chek"]),
        ("stepwave evaluate nano_quick --limit 4", []),
        ("stepwave evaluate nano_quik --limit 4", ["nano_quik"]),
    ],
)
def test_a_wrong_command_is_seen(line: str, missing: list[str]) -> None:
    assert command_lines(f"```sh\n.venv/bin/{line}\n```") == [line]
    assert faults(line) == missing


def test_python_examples_of_the_readme_run(
    tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = blocks((ROOT / "README.md").read_text(encoding="utf-8"), "python")
    question = 0.1 * np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    write_audio(tmp_path / "question.wav", question, 16_000)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stepwave, "load", brief(stepwave.load, tiny_nano))
    names: dict[str, Any] = {}
    for example in examples:
        exec(compile(example, "README.md", "exec"), names)
    assert (tmp_path / "answer.wav").stat().st_size > 44
    assert names["talk"].turns == 2
    assert "s of sound]" in capsys.readouterr().out


def brief(load: Callable[..., Stepwave], folder: Path) -> Callable[[str], Stepwave]:
    """A `load` that opens the model in `folder`, whatever is asked for, and keeps its answers short."""

    def load_tiny(name: str) -> Stepwave:
        model = load(folder, threads=1)
        model.engine.profile = dataclasses.replace(model.engine.profile, longest_answer_seconds=0.5)
        return model

    return load_tiny
