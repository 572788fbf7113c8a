import io
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stepwave.evaluation import evaluate as room
from stepwave.evaluation.declaration import Places, Suite
from stepwave.evaluation.evaluate import Plan, evaluate, score_again
from stepwave.evaluation.items import Sound, items_digest
from stepwave.evaluation.reporting import report as report_module
from stepwave.evaluation.reporting.report import print_report
from stepwave.evaluation.scoring.parts import Parts
from stepwave.facts.errors import ConfigError


def silent(name: str, done: int, total: int) -> None:
    """No progress."""


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The pictures asked for; drawing them takes a while and is tested by itself."""
    paths: list[Path] = []
    monkeypatch.setattr(report_module, "draw", lambda figures, scores, path, title: paths.append(path))
    return paths


@pytest.fixture
def ears(model: Any, parts_of: Callable[[Any], Parts]) -> Parts:
    model.misheard = {"good morning": "good evening"}
    return parts_of(model)


@pytest.fixture
def plan(suite: Suite, places: Places) -> Plan:
    return Plan(suite, places)


def test_a_run_gives_figures_and_files(plan: Plan, model: Any, ears: Parts, tmp_path: Path, drawn: list[Path]) -> None:
    model.answers = {"r": "hello bear"}
    report = evaluate(plan, model, ears, tmp_path / "run", silent)
    spoken, written = report.figures
    assert (spoken.check, spoken.value, spoken.n, spoken.failed, spoken.met) == ("saying", 20, 2, 0, False)
    assert (written.check, written.value, written.met) == ("writing", 50, None)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"run.json", "saying.answers.jsonl", "saying", "hearings.jsonl", "scores.jsonl"} <= names
    assert {"report.md", "report.json"} <= names
    assert drawn == [tmp_path / "run" / "report.png"]
    stored = json.loads((tmp_path / "run" / "report.json").read_text())
    assert stored["figures"][0]["value"] == 20
    assert stored["figures"][0]["met"] is False
    assert (stored["model"], stored["revision"], stored["listener"]) == ("scripted", "r1", "ears")
    scores = [json.loads(line) for line in (tmp_path / "run" / "scores.jsonl").read_text().splitlines()]
    assert (scores[0]["score"]["reference"], scores[0]["score"]["hypothesis"]) == ("good morning", "good evening")


def test_the_table_shows_values_targets_and_what_went_wrong(
    plan: Plan, model: Any, ears: Parts, tmp_path: Path
) -> None:
    model.lacking, model.answers = {"transcript"}, {"two": RuntimeError("no breath left")}
    report = evaluate(plan, model, ears, tmp_path / "run", silent)
    console = Console(width=160, record=True, file=io.StringIO())
    print_report(report, console)
    for text in (console.export_text(), (tmp_path / "run" / "report.md").read_text()):
        assert "50.0 %" in text
        assert "<= 10 %" in text
        assert "writing: NOT MEASURED: no part for transcript" in text
        assert "saying: failed 1 times: RuntimeError: no breath left" in text
        assert "threads" in text


def test_a_failure_alone_misses_the_target(plan: Plan, model: Any, ears: Parts, tmp_path: Path) -> None:
    model.answers = {"one": RuntimeError("no breath left")}
    figure = evaluate(replace(plan, only="saying"), model, ears, tmp_path / "run", silent).figures[0]
    assert (figure.value, figure.n, figure.failed, figure.met) == (0, 2, 1, False)


def test_scoring_again_needs_neither_model_nor_material_nor_listening(
    plan: Plan, model: Any, ears: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recording: Sound
) -> None:
    monkeypatch.setattr(room, "find_suite", {"small": plan.suite}.__getitem__)
    model.answers = {"r": "hello bear"}
    first = evaluate(plan, model, ears, tmp_path / "run", silent)
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "run", moved)
    Path(recording.path).unlink()
    listened = ears.listener.listened
    again = score_again(moved, ears, silent)
    assert again.figures == first.figures
    assert ears.listener.listened == listened == 2


def test_checks_run_one_by_one_are_reported_together(plan: Plan, model: Any, ears: Parts, tmp_path: Path) -> None:
    model.answers = {"r": "hello bear"}
    evaluate(replace(plan, only="writing"), model, ears, tmp_path / "run", silent)
    report = evaluate(replace(plan, only="saying"), model, ears, tmp_path / "run", silent)
    assert [figure.check for figure in report.figures] == ["saying", "writing"]
    assert set(report.facts["environments"]) == {"saying", "writing"}


def test_scoring_what_is_no_run_is_refused(tmp_path: Path, ears: Parts) -> None:
    with pytest.raises(ConfigError, match="holds no run"):
        score_again(tmp_path, ears, silent)


@pytest.mark.parametrize(("field", "value"), [("revision", "r2"), ("seed", 5)])
def test_answers_of_two_states_are_never_mixed(
    plan: Plan, model: Any, ears: Parts, tmp_path: Path, field: str, value: Any
) -> None:
    plan = replace(plan, only="saying")
    evaluate(plan, model, ears, tmp_path / "run", silent)
    if field == "revision":
        model.revision = value
    else:
        plan = replace(plan, seed=value)
    with pytest.raises(ConfigError, match="choose another folder"):
        evaluate(plan, model, ears, tmp_path / "run", silent)


def test_where_nothing_can_be_measured_it_is_an_error(plan: Plan, model: Any, ears: Parts, tmp_path: Path) -> None:
    model.lacking = {"reading", "transcript"}
    with pytest.raises(ConfigError, match="no part for reading"):
        evaluate(plan, model, ears, tmp_path / "run", silent)


def test_a_quick_look_takes_few_items(plan: Plan, model: Any, ears: Parts, tmp_path: Path) -> None:
    report = evaluate(replace(plan, only="saying", limit=1), model, ears, tmp_path / "run", silent)
    assert report.figures[0].n == 1
    with pytest.raises(ConfigError, match="limit of 0"):
        replace(plan, limit=0)


def test_no_number_is_null_in_the_file(plan: Plan, model: Any, ears: Parts, tmp_path: Path) -> None:
    model.answers = dict.fromkeys(("one", "two"), RuntimeError("no breath left"))
    report = evaluate(replace(plan, only="saying"), model, ears, tmp_path / "run", silent)
    assert math.isnan(report.figures[0].value)
    stored = json.loads((tmp_path / "run" / "report.json").read_text())
    assert stored["figures"][0]["value"] is None
    assert stored["figures"][0]["failed"] == 2


def test_a_run_tells_what_it_asked_of_whom(plan: Plan, model: Any, ears: Parts, tmp_path: Path) -> None:
    evaluate(replace(plan, only="saying"), model, ears, tmp_path / "run", silent)
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["format"] == 2
    assert facts["subject"] == {"kind": "scripted"}
    assert facts["material"]["saying"]["items"] == 2
    assert facts["material"]["saying"]["digest"] == items_digest(plan.suite.checks[0].items(plan.places))


def test_a_run_of_a_later_format_is_refused(tmp_path: Path, ears: Parts) -> None:
    (tmp_path / "run.json").write_text('{"format": 3, "suite": "small"}')
    with pytest.raises(ConfigError, match="use a newer Stepwave"):
        score_again(tmp_path, ears, silent)
