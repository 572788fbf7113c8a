import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import Answer, AnswerFile, UnscorableError
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Figure, Measure, Score, ScoredItem, Target, apply
from stepwave.evaluation.items import Item
from stepwave.evaluation.scoring.aggregates import OfAll, OfSums
from stepwave.evaluation.scoring.listener import Listener
from stepwave.evaluation.scoring.parts import Parts

Answers = Callable[..., list[Answer]]


@pytest.fixture
def evidence(tmp_path: Path, listener_of: Callable[[dict[int, str]], Listener]) -> Evidence:
    return Evidence(AnswerFile(tmp_path, "check"), Parts(listener_of({})))


def answers(*texts: str | None) -> list[Answer]:
    """One answer per text; None stands for a failure."""
    return [
        Answer(Item(str(n), ""), "failed", error="broke")
        if text is None
        else Answer(Item(str(n), ""), "finished", text)
        for n, text in enumerate(texts)
    ]


def amount(answer: Answer, evidence: Evidence) -> Score | None:
    """The text is the score: `3/4`, `-` for none, `!` for one that can't be scored."""
    if answer.text == "-":
        return None
    if answer.text == "!":
        raise UnscorableError("unreadable")
    above, below = answer.text.split("/")
    return Score(float(above), float(below))


def one(measure: Measure, answers: list[Answer], evidence: Evidence) -> tuple[Figure, list[ScoredItem]]:
    """The only figure of a measure, and its scores."""
    (figure,), scored = apply(measure, "check", answers, evidence)
    return figure, scored


def test_a_mean_is_a_sum_over_a_sum(evidence: Evidence) -> None:
    figure, scored = one(Measure("m", amount), answers("1/2", "0/8"), evidence)
    assert figure.value == 10
    assert (figure.n, figure.failed) == (2, 0)
    assert figure.interval is not None
    assert figure.interval.low == 0
    assert figure.interval.high == 50
    assert [each.item for each in scored] == ["0", "1"]


def test_failures_are_counted_neither_scored_nor_dropped(evidence: Evidence) -> None:
    figure, scored = one(Measure("m", amount, target=Target(50)), answers("1/2", None, "!"), evidence)
    assert (figure.value, figure.n, figure.failed) == (50, 3, 2)
    assert [each.error for each in scored] == ["", "broke", "unreadable"]
    assert figure.met is False


def test_what_has_no_place_in_a_measure_is_not_counted(evidence: Evidence) -> None:
    figure, _ = one(Measure("m", amount), answers("1/2", "-"), evidence)
    assert (figure.value, figure.n, figure.failed) == (50, 1, 0)


@pytest.mark.parametrize(("texts", "median"), [(["3/1", "1/1", "2/1"], 2), (["4/1", "1/1", "2/1", "3/1"], 2.5)])
def test_median_and_worst(evidence: Evidence, texts: list[str], median: float) -> None:
    middle, _ = one(Measure("m", amount, "s", "median"), answers(*texts), evidence)
    worst, _ = one(Measure("m", amount, "s", "worst"), answers(*texts), evidence)
    assert middle.value == median
    assert middle.interval is not None
    assert worst.value == max(float(text[0]) for text in texts)
    assert worst.interval is None


@pytest.mark.parametrize("average", ["mean", "median", "worst"])
def test_with_nothing_to_score_there_is_no_number_and_no_target_is_met(evidence: Evidence, average: str) -> None:
    measure = Measure("m", amount, "s", average, Target(1))  # type: ignore[arg-type]
    figure, _ = one(measure, answers("!"), evidence)
    assert math.isnan(figure.value)
    assert figure.met is False


def test_targets() -> None:
    assert Target(3).met(3)
    assert not Target(3).met(3.1)
    assert Target(2.5, "higher").met(2.5)
    assert not Target(2.5, "higher").met(2.4)
    assert not Target(2.5, "higher").met(math.nan)


def test_a_wav_that_is_gone_fails_its_answer(evidence: Evidence) -> None:
    def needs_sound(answer: Answer, evidence: Evidence) -> Score:
        return Score(len(evidence.samples("gone.wav")))

    figure, scored = one(Measure("m", needs_sound), answers("x"), evidence)
    assert figure.failed == 1
    assert "gone.wav" in scored[0].error


def counted(answer: Answer, evidence: Evidence) -> Score:
    """True positives over all that was claimed: `1/0`."""
    true, false = map(float, answer.text.split("/"))
    return Score(true, counts=(true, false))


def precision(sums: np.ndarray) -> float:
    return float(100 * sums[0] / sums.sum()) if sums.sum() else math.nan


def test_an_aggregate_of_sums_is_no_mean_of_items(evidence: Evidence) -> None:
    figure, scored = one(Measure("p", counted, aggregate=OfSums(precision)), answers("9/1", "0/1", None), evidence)
    assert figure.value == pytest.approx(100 * 9 / 11)
    assert (figure.n, figure.failed, len(scored)) == (3, 1, 3)
    assert figure.interval is not None
    assert (figure.interval.low, figure.interval.high) == (0, 90)


def test_both_kinds_of_aggregate_draw_the_same(evidence: Evidence) -> None:
    texts = answers("3/1", "0/2", "5/0", "1/1")

    def of_all(scores: Sequence[Any]) -> float:
        return precision(np.array([score.counts for score in scores]).sum(0))

    sums, _ = one(Measure("p", counted, aggregate=OfSums(precision)), texts, evidence)
    everything, _ = one(Measure("p", counted, aggregate=OfAll(of_all)), texts, evidence)
    assert sums.value == everything.value == 900 / 13
    assert sums.interval == everything.interval


def test_an_aggregate_of_nothing_is_no_number(evidence: Evidence) -> None:
    for aggregate in (OfSums(precision), OfAll(len)):
        figure, _ = one(Measure("p", counted, aggregate=aggregate), answers(None), evidence)
        assert math.isnan(figure.value)
        assert figure.interval is not None
        assert math.isnan(figure.interval.low)


def tagged(task: str, *texts: str | None) -> list[Answer]:
    return [
        replace(each, item=Item(f"{task}-{number}", "", tags={"task": task}, label="old"))
        for number, each in enumerate(answers(*texts))
    ]


def test_a_measure_by_a_tag_gives_each_group_and_their_plain_mean(evidence: Evidence) -> None:
    asked = [*tagged("age", "1/1", "0/1", "0/1", "0/1"), *tagged("pitch", "1/1"), *tagged("age", None)]
    figures, scored = apply(Measure("right", amount, by="task", target=Target(60, "higher")), "check", asked, evidence)
    assert [(each.group, each.value, each.n, each.failed) for each in figures] == [
        ("age", 25, 5, 1),
        ("pitch", 100, 1, 0),
        ("", 62.5, 6, 1),
    ]
    assert [each.target is None for each in figures] == [True, True, False]
    assert figures[-1].met is False, "something failed"
    assert figures[-1].interval is not None
    # The mean of pitch, which is 100 in each draw, and of age, which lies between 0 and 75.
    assert (figures[-1].interval.low, figures[-1].interval.high) == (50, 87.5)
    assert (scored[0].group, scored[0].label) == ("age", "old")


def test_a_group_without_any_score_leaves_no_mean(evidence: Evidence) -> None:
    asked = [*tagged("a", "1/1"), *tagged("b", None)]
    figures, _ = apply(Measure("right", amount, by="task"), "check", asked, evidence)
    assert [each.group for each in figures] == ["a", "b", ""]
    assert math.isnan(figures[1].value)
    assert math.isnan(figures[2].value)
    assert figures[2].interval is not None
    assert math.isnan(figures[2].interval.low)
