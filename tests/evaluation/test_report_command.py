"""`stepwave evaluate report` and `compare`."""

from pathlib import Path

import pytest

from stepwave.commands.main import run

from .made_runs import figure, make_run, score


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    made = []
    for name, amount in (("a", 4.0), ("b", 1.0)):
        scores = [score("x", f"i{n}", amount, "word error", per=10.0) for n in range(20)]
        scores[3] = score("x", "i3", 9.0, "word error", per=10.0)
        figures = [figure("x", 10 * amount, "word error", better="lower")]
        made.append(str(make_run(tmp_path / name, "asr", figures, scores, model=f"model-{name}")))
    return made


def test_report_writes_a_page_and_tables(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "report", *runs, "-o", str(tmp_path / "out"), "--sounds", "none"]) == 0
    shown = capsys.readouterr().out
    assert "report.html (0 sounds inside, 0 linked, 0 missing)" in shown
    assert "model-a and model-b, item by item" in (tmp_path / "out" / "report.html").read_text()
    assert "**model-b**" in (tmp_path / "out" / "report.md").read_text()


def test_compare_tells_differences_and_the_items_that_differ(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", "compare", *runs, "--items", "2"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "asr: model-a -> model-b"
    assert shown[2] == "x: word error"
    assert shown[3].startswith("  42.5 % -> 14.0 %: -28.50 (-")
    assert shown[3].endswith("), p below 0.001, 20 items")
    assert shown[4:8] == [
        "  model-b is better",
        "    i0: 40.0 % -> 10.0 %",
        "    i1: 40.0 % -> 10.0 %",
        "    17 more items differ",
    ]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["report", "nowhere"], "nowhere holds no run"),
        (["report", "RUN", "--sounds", "loud"], "got --sounds loud; wanted one of auto, embed, link, none"),
        (["report", "RUN", "-o", "RUN"], "choose another folder"),
        (["compare", "RUN", "nowhere"], "nowhere holds no run"),
    ],
)
def test_bad_input_is_told_in_a_line(
    runs: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str], wanted: str
) -> None:
    assert run(["evaluate", *(runs[0] if word == "RUN" else word for word in arguments)]) == 1
    shown = capsys.readouterr().err
    assert wanted in shown
    assert "Traceback" not in shown
