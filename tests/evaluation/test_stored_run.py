import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.declaration import Places, Suite
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.figures import Target
from stepwave.evaluation.items import Item
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.stored_run import read_run
from stepwave.facts.errors import ConfigError, DataError, ServiceError

from .made_runs import figure, make_run, score


def test_what_evaluate_leaves_is_read_back(
    suite: Suite, places: Places, scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    subject = scripted({"r": "hello where", "two": ServiceError("it was away")})
    told = evaluate(Plan(suite, places), subject, Parts(subject.ears), tmp_path / "run", lambda name, done, total: None)
    run = read_run(tmp_path / "run")
    assert run.figures == told.figures
    assert run.scores == told.scores
    assert (run.suite, run.model, run.revision, run.sample) == ("small", "scripted", "r1", False)
    assert run.checks == ("saying", "writing")
    assert {check: list(answers) for check, answers in run.answers.items()} == {
        "saying": ["one", "two"],
        "writing": ["r"],
    }
    assert run.facts["listener"] == "ears"
    assert run.better("saying", "word error") == "lower"
    assert run.better("writing", "word error") is None


def test_figures_of_the_first_format_and_of_later_ones_are_read(tmp_path: Path) -> None:
    old = {
        "check": "answers",
        "name": "question as heard, word error",
        "value": 17.6,
        "unit": "%",
        "n": 16,
        "failed": 0,
    }
    new = {**figure("answers", 30.0, "later", target={"limit": 10.0, "better": "higher", "colour": "red"}), "size": 3}
    empty = {**figure("answers", 0.0, "empty"), "value": None, "interval": {"low": None, "high": None}}
    folder = make_run(tmp_path / "run", "nano_quick", [old, new, empty], [score("answers", "a", 1.0, shape="round")])
    run = read_run(folder)
    first, second, third = run.figures
    assert (first.interval, first.target, first.group) == (None, None, "")
    assert second.target == Target(10.0, "higher")
    assert math.isnan(third.value)
    assert third.interval is None
    assert run.scores[0].score is not None
    # The suite as it is declared tells what the old run's file does not.
    declared = replace(first, check="speech", name="word error")
    assert run.better(declared.check, declared.name) == "lower"
    assert run.measure("answers", "unheard of") is None


def test_a_suite_that_is_unknown_today_has_no_measures(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", "gone", [figure("x", 1.0)]))
    assert run.measure("x", "right") is None
    assert run.better("x", "right") == "higher"


@pytest.mark.parametrize(
    ("name", "content", "error", "wanted"),
    [
        ("run.json", None, ConfigError, "holds no run"),
        ("report.json", None, ConfigError, "is not scored yet .* stepwave evaluate score"),
        ("run.json", "{", DataError, r"run\.json can't be read"),
        ("run.json", "[]", DataError, "holds no JSON object"),
        ("run.json", '{"format": 99}', ConfigError, "of format 99, and 2 is the last known"),
        ("run.json", '{"suite": "x"}', DataError, "KeyError: 'model'"),
        ("report.json", '{"figures": [{"check": "x"}]}', DataError, "can't be read"),
        ("report.json", '{"figures": [3]}', DataError, "can't be read"),
        ("scores.jsonl", "3\n", DataError, "can't be read"),
        ("x.answers.jsonl", "{}\n", DataError, "can't be read as answers"),
    ],
)
def test_a_damaged_run_is_refused(tmp_path: Path, name: str, content: str | None, error: Any, wanted: str) -> None:
    folder = make_run(tmp_path / "run", "asr", [figure("x", 1.0)])
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(error, match=wanted):
        read_run(folder)


def test_a_line_that_was_being_written_is_left_out(tmp_path: Path) -> None:
    answers = [("x", Item("a", "hello"), Produced("hello"))]
    folder = make_run(tmp_path / "run", "asr", [figure("x", 1.0)], [score("x", "a", 1.0)], answers, sample=True)
    with (folder / "scores.jsonl").open("a") as file:
        file.write(json.dumps(score("x", "b", 1.0))[:20])
    run = read_run(folder)
    assert [each.item for each in run.scores] == ["a"]
    assert run.sample
