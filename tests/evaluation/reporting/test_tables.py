import re
from pathlib import Path

import pytest

from stepwave.evaluation.reporting.published import Column, Table, tables_of
from stepwave.evaluation.reporting.tables import (
    Cell,
    best_of,
    cell_of,
    escaped_markdown,
    labels,
    markdown,
    rows_of,
)
from stepwave.evaluation.stored_run import StoredRun, read_run

from ..made_runs import NASTY, figure, make_run, score

TASKS = ("gender", "age", "timbre", "scenario", "event", "emotion", "pitch", "rhythm", "speed", "style", "vocal")
URO = {"Repeat": 90.0, "LCSTS": 70.0, "MLC": 60.0, "OpenBook": 40.0, "Alpaca": 50.0, "Claude": 30.0}


def column_of(suite: str, key: str) -> tuple[Table, Column]:
    return next((table, column) for table in tables_of(suite) for column in table.columns if column.key == key)


def cell(run: StoredRun, key: str) -> Cell:
    return cell_of(*column_of(run.suite, key), run)


def test_a_run_stands_in_the_columns_of_its_checks(tmp_path: Path) -> None:
    figures = [
        figure("librispeech-test-clean", 48.456, "word error", better="lower", n=2620, failed=3),
        figure("librispeech-test-clean", 1.0, "time", unit="s"),
    ]
    run = read_run(make_run(tmp_path / "run", "asr", figures))
    assert cell(run, "librispeech-test-clean") == Cell(48.456, "48.46", "45.5–51.5", "n 2,620, 3 failed")
    assert cell(run, "fleurs-ja") == Cell(None, "–", "", "")
    # An average of what is partly missing would be of something else than the report's.
    assert cell(run, "mean-english") == Cell(None, "–", "", "")


def test_an_average_is_the_runs_own_or_that_of_its_parts(tmp_path: Path) -> None:
    figures = [figure("paralinguistic", 40.0, group=task, by="task") for task in TASKS]
    figures.append(figure("paralinguistic", 41.25, by="task", n=550))
    own = read_run(make_run(tmp_path / "a", "paralinguistic", figures))
    assert cell(own, "mean") == Cell(41.25, "41.25", "38.2–44.2", "n 550")
    assert cell(own, "pitch") == Cell(40.0, "40.0", "37.0–43.0", "n 50")
    some = read_run(make_run(tmp_path / "some", "paralinguistic", figures[3:]))
    assert cell(some, "mean") == Cell()
    assert cell(some, "pitch").value == 40
    figures = [figure("chinese-basic", value, group=name, by="dataset", n=10) for name, value in URO.items()]
    scores = [score("chinese-basic", f"{name}{n}", n / 9, group=name) for name in URO for n in range(10)]
    parts = read_run(make_run(tmp_path / "b", "uro_bench", figures, scores))
    assert cell(parts, "zh-basic/u").value == 80
    assert cell(parts, "zh-basic/lcsts").value == 70
    average = cell(parts, "zh-basic")
    assert average.value == pytest.approx(sum(URO.values()) / 6)
    assert average.count == "n 60"
    # Bootstrapped from the scores of the items, whose mean is 50 in every set.
    low, high = map(float, average.interval.split("–"))
    assert 40 < low < 50 < high < 60


def test_a_figure_is_found_by_its_measure_where_a_group_has_several(tmp_path: Path) -> None:
    names = ("trigger precision", "trigger recall", "type accuracy", "parameter accuracy")
    figures = [figure("toolcall", 10.0 * n, name, group="weather", by="tool") for n, name in enumerate(names, 1)]
    run = read_run(make_run(tmp_path / "run", "toolcall", figures))
    keys = ("trigger-precision", "trigger-recall", "type-accuracy", "parameter-accuracy")
    assert [cell(run, f"weather/{key}").value for key in keys] == [10, 20, 30, 40]


def test_a_sample_has_no_figures(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", "big_bench_audio", [figure("big-bench-audio", 66.6, n=3)], sample=True))
    assert cell(run, "accuracy") == Cell(None, "–", "", "n 3")
    (table,) = tables_of("big_bench_audio")
    rows = rows_of(table, [run], labels([run]))
    assert [row.kind for row in rows] == ["published"] * 4 + ["sample"]
    text = markdown(table, rows)
    assert "| SAMPLE nano | run r1 | – (n 3) |" in text
    assert "66.6" not in text


def test_rows_are_those_of_the_report_then_the_runs(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", "mmau", [figure("mmau-test-mini", 99.0, group="music", by="track")]))
    other = read_run(make_run(tmp_path / "other", "asr", [figure("x", 1.0)]))
    (table,) = tables_of("mmau")
    rows = rows_of(table, [run, other], labels([run, other]))
    assert [(row.system, row.source) for row in rows[-4:]] == [
        ("Step-Audio 2", "report, table 3"),
        ("Step-Audio 2", "README"),
        ("Step-Audio 2 mini", "README"),
        ("nano", "run r1"),
    ]
    assert [each.text for each in rows[0].cells] == ["73.1", "76.9", "66.1", "73.9"]
    assert best_of(table, rows, 3) == 99
    assert best_of(table, rows, 1) == 83.5
    (errors,) = tables_of("asr")
    assert best_of(errors, rows_of(errors, [], {}), 0) == 5.95


def test_markdown_has_the_reports_columns_a_table_for_each_heading() -> None:
    (table,) = tables_of("asr")
    text = markdown(table, rows_of(table, [], {}))
    assert "| system | source | FLEURS Arabian WER | Common Voice yue CER | FLEURS Japanese CER |" in text
    assert "| Doubao LLM ASR | report, table 1 | N/A | 9.20 | N/A |" in text
    assert text.count("| Kimi-Audio |") == 4
    assert len({line.count("|") for line in text.split("**In-house**")[1].splitlines() if line}) == 1


def test_names_tell_models_apart(tmp_path: Path) -> None:
    def run(folder: str, **facts: str) -> StoredRun:
        return read_run(make_run(tmp_path / folder, facts.pop("suite", "asr"), [figure("x", 1.0)], **facts))

    one, other = run("a"), run("b", suite="mmau")
    assert list(labels([one, other]).values()) == ["nano", "nano"]
    later = run("c", revision="0123456789abcdef")
    assert list(labels([one, later]).values()) == ["nano r1", "nano 0123456789"]
    again = run("d")
    assert list(labels([one, again]).values()) == ["nano (a)", "nano (d)"]
    mine, yours = run("e", model="runs/models/mine/"), run("f", model="runs/others/mine")
    assert list(labels([mine]).values()) == ["mine"]
    assert list(labels([mine, yours]).values()) == ["mine r1 (e)", "mine r1 (f)"]


def test_a_name_is_no_markdown() -> None:
    text = escaped_markdown(f"{NASTY}\n# *x* [a](b) `c` _d_")
    assert "\n" not in text
    assert not re.search(r"(?<!\\)[`|<>\[\]_*#&]", text)
