import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation import stored_run
from stepwave.evaluation.answers import Produced
from stepwave.evaluation.comparing import compare_stored, pooled_interval
from stepwave.evaluation.declaration import Check, Suite
from stepwave.evaluation.figures import Measure
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.scoring.aggregates import Aggregate, OfAll, OfSums
from stepwave.evaluation.stored_run import StoredRun, read_run
from stepwave.facts.errors import ConfigError

from .made_runs import figure, make_run, score


def run_of(folder: Path, amounts: dict[str, float | None], per: float = 10.0, **facts: Any) -> StoredRun:
    """Errors per ten words of each item."""
    scores = [score("x", item, amount, "word error", per=per) for item, amount in amounts.items()]
    return read_run(make_run(folder, "small", [figure("x", 0.0, "word error", better="lower")], scores, **facts))


def test_the_difference_is_that_of_the_items_in_both(tmp_path: Path) -> None:
    amounts: dict[str, float | None] = {f"i{n}": 4.0 for n in range(20)}
    first = run_of(tmp_path / "a", {**amounts, "only": 9.0, "lost": None})
    second = run_of(tmp_path / "b", {**dict.fromkeys(amounts, 1.0), "i3": 7.0, "lost": 2.0})
    (found,) = compare_stored(first, second)
    assert found.comparison is not None
    assert (found.comparison.items, found.comparison.only_first, found.comparison.only_second) == (
        20,
        ("only",),
        ("lost",),
    )
    assert (found.comparison.first, found.comparison.second) == (pytest.approx(40), pytest.approx(13))
    assert found.comparison.difference == pytest.approx(-27)
    assert found.comparison.interval.low < -27 < found.comparison.interval.high < 0
    assert found.comparison.p_value < 0.001
    assert (found.failed_first, found.failed_second, found.asked_differently) == (1, 0, 0)
    assert found.winner == "second"
    assert len(found.differing) == 20
    assert {(each.first, each.second) for each in found.differing[:-1]} == {(40, 10), (40, 70)}
    (back,) = compare_stored(second, first)
    assert back.winner == "first"


def test_the_same_answers_differ_in_nothing(tmp_path: Path) -> None:
    amounts: dict[str, float | None] = {f"i{n}": float(n) for n in range(5)}
    (found,) = compare_stored(run_of(tmp_path / "a", amounts), run_of(tmp_path / "b", amounts))
    assert found.comparison is not None
    assert (found.comparison.difference, found.comparison.p_value) == (0, 1)
    assert (found.winner, found.differing) == (None, ())


def test_few_items_make_no_winner(tmp_path: Path) -> None:
    first = run_of(tmp_path / "a", {"i1": 3.0, "i2": 3.0, "i3": 4.0})
    (found,) = compare_stored(first, run_of(tmp_path / "b", {"i1": 1.0, "i2": 2.0, "i3": 3.0}))
    assert found.comparison is not None
    assert found.comparison.interval.high < 0
    assert found.comparison.p_value > 0.05
    assert found.winner is None


def test_an_item_that_asked_something_else_is_not_compared(tmp_path: Path) -> None:
    runs = []
    for name, text in (("a", "good morning"), ("b", "good evening")):
        items = [Item("i1", "hello", Sound(f"/{name}/hello.wav")), Item("i2", text)]
        answers = [("x", item, Produced("hi")) for item in items]
        scores = [score("x", item.id, 1.0) for item in items]
        runs.append(read_run(make_run(tmp_path / name, "small", [figure("x", 1.0)], scores, answers)))
    (found,) = compare_stored(*runs)
    assert found.asked_differently == 1
    assert found.comparison is not None
    assert found.comparison.items == 1


def test_what_cant_be_compared_says_why(tmp_path: Path) -> None:
    plain, sample = run_of(tmp_path / "a", {"i1": 1.0}), run_of(tmp_path / "b", {"i1": 2.0}, sample=True)
    other = run_of(tmp_path / "c", {"i2": 1.0})
    (found,) = compare_stored(plain, sample)
    assert (found.comparison, found.why_not) == (None, "what a sample gives is no score")
    assert len(found.differing) == 1
    (found,) = compare_stored(plain, other)
    assert (found.comparison, found.why_not) == (None, "no item was scored in both")
    counted = [score("x", "i1", 1.0, "word error")]
    counted[0]["score"]["counts"] = [1, 2]
    unknown = read_run(make_run(tmp_path / "d", "small", [figure("x", 0.0, "word error")], counted))
    (found,) = compare_stored(plain, unknown)
    assert (found.comparison, found.why_not) == (None, "this figure can't be told from sums over items")
    with pytest.raises(ConfigError, match="name two runs of one suite"):
        compare_stored(plain, read_run(make_run(tmp_path / "e", "asr", [figure("x", 1.0)])))


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two runs of a suite whose figure is made of counts, by an aggregate of one's own."""

    def made(aggregate: Aggregate) -> list[StoredRun]:
        measure = Measure("precision", lambda answer, evidence: None, aggregate=aggregate, better="higher")
        check = Check("x", "calls", "nothing", lambda places: [], "answer", (measure,))
        monkeypatch.setattr(stored_run, "find_suite", lambda name: Suite("small", "counts", (check,)))
        runs = []
        for name, hits in (("a", 1.0), ("b", 3.0)):
            scores = [score("x", f"i{n}", hits / 4, "precision") for n in range(12)]
            for each in scores:
                each["score"]["counts"] = [hits, 4.0]
            runs.append(read_run(make_run(tmp_path / name, "small", [figure("x", 0.0, "precision")], scores)))
        return runs

    return made


def test_a_figure_of_sums_is_compared_by_its_own_function(counted: Any) -> None:
    first, second = counted(OfSums(lambda sums: float(100 * sums[0] / sums[1])))
    (found,) = compare_stored(first, second)
    assert found.comparison is not None
    assert (found.comparison.first, found.comparison.second) == (25, 75)
    assert found.winner == "second"
    interval = pooled_interval(first, first.figures)
    assert interval is not None
    assert (interval.low, interval.high) == (25, 25)


def test_a_figure_that_is_no_sum_is_not(counted: Any) -> None:
    first, second = counted(OfAll(lambda scores: float(len(scores))))
    (found,) = compare_stored(first, second)
    assert "can't be told from sums" in found.why_not
    assert pooled_interval(first, first.figures) is None


def test_the_interval_of_a_mean_is_narrower_than_those_of_its_parts(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    scores, figures = [], []
    for group in ("a", "b", "c", "d"):
        figures.append(figure("x", 50.0, group=group, by="task"))
        scores += [score("x", f"{group}{n}", float(generator.random() < 0.5), group=group) for n in range(100)]
    run = read_run(make_run(tmp_path / "run", "small", figures, scores))
    alone = [pooled_interval(run, [each]) for each in run.figures]
    together = pooled_interval(run, run.figures)
    assert together is not None
    assert together.low < 50 < together.high
    widths = [each.high - each.low for each in alone if each is not None]
    # The mean of four has half the spread of one.
    assert together.high - together.low == pytest.approx(np.mean(widths) / math.sqrt(4), rel=0.15)
    assert pooled_interval(run, []) is None
