import re
from pathlib import Path
from typing import Any

import pytest

from stepwave.evaluation.reporting.published import tables_of
from stepwave.evaluation.reporting.radar import Axis, axes, drawn_as, radar
from stepwave.evaluation.reporting.tables import labels, rows_of
from stepwave.evaluation.stored_run import read_run

from ..made_runs import figure, make_run

TASKS = ("gender", "age", "timbre", "scenario", "event", "emotion", "pitch", "rhythm", "speed", "style", "vocal")


def laid(suites: tuple[str, ...], *runs: Any) -> list[Any]:
    return [(table, rows_of(table, runs, labels(runs))) for suite in suites for table in tables_of(suite)]


def test_the_worst_lies_at_a_quarter_and_the_best_at_the_rim() -> None:
    accuracy = Axis("MMAU", "higher", {"a": 50.0, "b": 70.0, "c": 90.0})
    assert [accuracy.reach(name) for name in "abcd"] == [0.25, 0.625, 1.0, None]
    errors = Axis("ASR", "lower", {"a": 3.0, "b": 6.0, "c": 12.0})
    assert [errors.reach(name) for name in "abc"] == pytest.approx([1.0, 0.75, 0.25])
    assert Axis("one", "lower", {"a": 3.0}).reach("a") == 1


def test_averages_are_the_axes_where_runs_have_three_of_them(tmp_path: Path) -> None:
    runs = [
        read_run(make_run(tmp_path / suite, suite, [figure(check, 10.0, group=group) for check, group in figures]))
        for suite, figures in {
            "paralinguistic": [("paralinguistic", group) for group in (*TASKS, "")],
            "mmau": [("mmau-test-mini", group) for group in ("sound", "speech", "music", "")],
            "covost2": [("covost2-en-zh", ""), ("covost2-zh-en", "")],
        }.items()
    ]
    found = axes(laid(("paralinguistic", "mmau", "covost2"), *runs), ["nano"])
    assert [axis.name for axis in found] == ["Paralinguistic", "MMAU", "CoVoST 2"]
    assert found[0].values["Step-Audio 2"] == 76.55
    assert found[0].values["Step-Audio 2 mini"] == 80
    # Figure 1's footnote: Qwen-Omni is Qwen2.5-Omni here.
    assert found[1].values["Qwen-Omni"] == 71.5
    assert [axis.values["nano"] for axis in found] == [10, 10, 10]


def test_else_the_columns_that_runs_have(tmp_path: Path) -> None:
    figures = [figure("mmau-test-mini", 50.0, group=group) for group in ("sound", "speech", "music")]
    run = read_run(make_run(tmp_path / "run", "mmau", figures))
    assert [axis.name for axis in axes(laid(("mmau",), run), ["nano"])] == ["Sound", "Speech", "Music"]


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    figures = [
        figure("toolcall", 50.0, "trigger recall", group=tool) for tool in ("weather", "web_search", "date_time")
    ]
    found = axes(laid(("toolcall",), read_run(make_run(tmp_path / "run", "toolcall", figures))), ["nano"])
    assert [axis.name for axis in found] == [
        "Date and time Trigger recall",
        "Weather Trigger recall",
        "Web search Trigger recall",
    ]


def test_two_axes_make_no_chart_and_a_sample_none_at_all(tmp_path: Path) -> None:
    figures = [figure("mmau-test-mini", 50.0, group=group) for group in ("sound", "speech", "music")]
    run = read_run(make_run(tmp_path / "a", "mmau", figures[:2]))
    sample = read_run(make_run(tmp_path / "b", "mmau", figures, sample=True))
    assert axes(laid(("mmau",), run), ["nano"]) == []
    assert axes(laid(("mmau",), sample), ["nano"]) == []


def test_systems_of_figure_1_are_drawn() -> None:
    drawn = {drawn_as(row) for _, rows in laid(("asr", "mmau", "cvss")) for row in rows}
    assert drawn == {"GPT-4o Audio", "Kimi-Audio", "Qwen-Omni", "Step-Audio 2", "Step-Audio 2 mini", None}


def test_the_chart_has_a_line_for_each_system_and_gaps_where_it_has_no_figure() -> None:
    values = {"a": [1.0, 2.0, 3.0, 4.0], "b": [4.0, 3.0, None, 1.0], "c": [None, None, 5.0, 5.0]}
    found = [
        Axis(f"axis {n}", "higher", {name: each[n] for name, each in values.items() if each[n] is not None})  # type: ignore[misc]
        for n in range(4)
    ]
    chart = radar(found, [("a", "published"), ("b", "run"), ("c", "published")])
    paths = re.findall(r'<g class="line-\d (\w+)"><title>(\w)</title><path d="([^"]*)"/>(.*?)</g>', chart)
    assert [(kind, name) for kind, name, *_ in paths] == [("published", "a"), ("run", "b")]
    closed, broken = paths[0][2], paths[1][2]
    assert (closed.count("M"), closed.count("L")) == (1, 4)
    assert (broken.count("M"), broken.count("L")) == (2, 2)
    assert paths[1][3].count("<circle") == 3
    # The best of the first axis, straight up, lies at the rim.
    assert broken.startswith("M320.0 62.0")
    assert '<td class="number">–</td>' in chart
