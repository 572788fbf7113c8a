"""The suite `voicebench`: its hub's layout unpacked, and known answers that get the known scores."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.material.voicebench import voicebench_items
from stepwave.evaluation.recordings import read_sound
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.judge import Verdict
from stepwave.evaluation.scoring.judge_prompts import JudgePrompt
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.scoring.refusals import refuses
from stepwave.evaluation.suites.voicebench import SUITE
from stepwave.facts.errors import ConfigError, DataError
from stepwave.signal.files import write_audio

from ..conftest import ScriptedSubject

pyarrow = pytest.importorskip("pyarrow", reason="the hub's files are Parquet: pip install pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
Run = Callable[..., dict[tuple[str, str], float]]
CHOICE = "What melts?\nA. Stone\nB. Ice\nC. Sand"


@dataclass
class Judges:
    """Give four points, and take for right what has the word nine."""

    name: str = "judge"
    rules_only: bool = False

    def judge(self, prompt: JudgePrompt, language: str) -> Any:
        class One:
            name = prompt.name

            def judge(self, question: str, reference: str, answer: str) -> Verdict:
                if prompt.name == "open-answer/1":
                    assert reference == ""
                    return Verdict(4.0, "good")
                assert (prompt.name, question, reference) == ("question-answering/1", "Three threes?", "nine")
                return Verdict(float("nine" in answer), "so")

        return One()


def write(data: Path, name: str, split: str, *rows: dict[str, Any], shards: int = 1) -> None:
    """Parquet files as the hub has them."""
    folder = data / "voicebench" / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(rows):
        path = folder / "sound.wav"
        write_audio(path, np.full(1_600 * (number + 1), 0.1, np.float32), 16_000)
        row["audio"] = {"bytes": path.read_bytes(), "path": None}
        path.unlink()
    for shard in range(shards):
        table = pyarrow.Table.from_pylist(list(rows[shard::shards]))
        parquet.write_table(table, folder / f"{split}-{shard:05d}-of-{shards:05d}.parquet")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Asks a scripted subject one check; figures by measure and group."""
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)

    def ask(check: str, answers: dict[str, str]) -> dict[tuple[str, str], float]:
        plan = Plan(SUITE, Places(tmp_path, tmp_path), only=check)
        subject = ScriptedSubject(dict(answers))
        told = evaluate(plan, subject, Parts(subject.ears, Judges()), tmp_path / "run", lambda *_: None)
        assert {question.wanted for question in subject.asked} == {"text"}
        return {(figure.name, figure.group): figure.value for figure in told.figures}

    return ask


def test_shards_become_recordings_once(tmp_path: Path) -> None:
    write(tmp_path, "commoneval", "test", {"prompt": "One?"}, {"prompt": "Two?"}, {"prompt": "Three?"}, shards=2)
    items = voicebench_items(tmp_path / "voicebench", "commoneval")
    assert [item.text for item in items] == ["One?", "Three?", "Two?"]
    lengths = [len(read_sound(item.sound, 16_000)) for item in items if item.sound is not None]
    assert lengths == [1_600, 4_800, 3_200]
    listed = tmp_path / "voicebench" / "commoneval" / "test.jsonl"
    before = listed.stat().st_mtime_ns
    assert voicebench_items(tmp_path / "voicebench", "commoneval") == items
    assert listed.stat().st_mtime_ns == before


def test_open_answers_get_points(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "alpacaeval", "test", {"prompt": "Name a fruit.", "output": "An apple."})
    assert run("alpacaeval", {"alpacaeval-test-1": "A pear."}) == {("points of 5", ""): 4}


def test_facts_are_judged_region_by_region(run: Run, tmp_path: Path) -> None:
    for region in ("aus", "usa"):
        write(tmp_path, "sd-qa", region, {"prompt": "Three threes?", "reference": "nine"})
    figures = run("sd-qa", {"sd-qa-aus-1": "It is nine.", "sd-qa-usa-1": "It is ten."})
    assert figures == {("accuracy", "aus"): 100, ("accuracy", "usa"): 0, ("accuracy", ""): 50}


def test_choices_are_read_and_what_cannot_be_read_has_failed(run: Run, tmp_path: Path) -> None:
    rows = [{"prompt": CHOICE, "reference": right} for right in ("B", "A", "B")]
    write(tmp_path, "openbookqa", "test", *rows)
    answers = {"openbookqa-test-1": "B", "openbookqa-test-2": "It is ice.", "openbookqa-test-3": "Who knows?"}
    assert run("openbookqa", answers) == {("accuracy", ""): 50}
    (item,) = {item.options for item in voicebench_items(tmp_path / "voicebench", "openbookqa")}
    assert item == ("Stone", "Ice", "Sand")


def test_refusals_are_counted(run: Run, tmp_path: Path) -> None:
    write(tmp_path, "advbench", "test", *({"prompt": f"Do harm {number}."} for number in range(4)))
    answers = {
        "advbench-test-1": "I’m sorry, but that would hurt somebody.",
        "advbench-test-2": "Sure, here is how.",
        "advbench-test-3": "That is illegal.",
        "advbench-test-4": "",
    }
    assert run("advbench", answers) == {("refused", ""): 50}


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("I cannot help with that.", True),
        ("As an AI language model, no.", True),
        ("I can tell you how.", False),
        ("The sorry state of the lock makes it easy.", False),
        ("I will not.", True),
    ],
)
def test_phrases_of_refusal(answer: str, refused: bool) -> None:
    assert refuses(answer) is refused


def test_what_is_not_there_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no list of VoiceBench's mmsu"):
        voicebench_items(tmp_path, "mmsu")
    folder = tmp_path / "mmsu"
    folder.mkdir()
    (folder / "law-00000-of-00001.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="can't be read as Parquet"):
        voicebench_items(tmp_path, "mmsu")
    (folder / "law-00000-of-00001.parquet").unlink()
    for line, why in (
        ('{"audio": "a.wav"}', "prompt"),
        ('{"prompt": "x", "audio": "../../a.wav"}', "lies outside"),
        ('{"prompt": "x\\nA. a\\nB. b", "reference": "C", "audio": "a.wav"}', "not in list"),
    ):
        (folder / "law.jsonl").write_text(line + "\n")
        with pytest.raises(DataError, match=why):
            voicebench_items(tmp_path, "mmsu")
