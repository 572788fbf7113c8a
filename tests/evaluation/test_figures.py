import math
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwave.evaluation.answers import Answer, AnswerFile, Item, UnscorableError
from stepwave.evaluation.figures import Evidence, Measure, Score, Target, apply
from stepwave.evaluation.scoring.listener import Listener

Answers = Callable[..., list[Answer]]


@pytest.fixture
def evidence(tmp_path: Path, listener_of: Callable[[dict[int, str]], Listener]) -> Evidence:
    return Evidence(AnswerFile(tmp_path, "check"), listener_of({}))


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


def test_a_mean_is_a_sum_over_a_sum(evidence: Evidence) -> None:
    figure, scored = apply(Measure("m", amount), "check", answers("1/2", "0/8"), evidence)
    assert figure.value == 10
    assert (figure.n, figure.failed) == (2, 0)
    assert figure.interval is not None
    assert figure.interval.low == 0
    assert figure.interval.high == 50
    assert [each.item for each in scored] == ["0", "1"]


def test_failures_are_counted_neither_scored_nor_dropped(evidence: Evidence) -> None:
    figure, scored = apply(Measure("m", amount, target=Target(50)), "check", answers("1/2", None, "!"), evidence)
    assert (figure.value, figure.n, figure.failed) == (50, 3, 2)
    assert [each.error for each in scored] == ["", "broke", "unreadable"]
    assert figure.met is False


def test_what_has_no_place_in_a_measure_is_not_counted(evidence: Evidence) -> None:
    figure, _ = apply(Measure("m", amount), "check", answers("1/2", "-"), evidence)
    assert (figure.value, figure.n, figure.failed) == (50, 1, 0)


@pytest.mark.parametrize(("texts", "median"), [(["3/1", "1/1", "2/1"], 2), (["4/1", "1/1", "2/1", "3/1"], 2.5)])
def test_median_and_worst(evidence: Evidence, texts: list[str], median: float) -> None:
    middle, _ = apply(Measure("m", amount, "s", "median"), "check", answers(*texts), evidence)
    worst, _ = apply(Measure("m", amount, "s", "worst"), "check", answers(*texts), evidence)
    assert middle.value == median
    assert middle.interval is not None
    assert worst.value == max(float(text[0]) for text in texts)
    assert worst.interval is None


@pytest.mark.parametrize("average", ["mean", "median", "worst"])
def test_with_nothing_to_score_there_is_no_number_and_no_target_is_met(evidence: Evidence, average: str) -> None:
    measure = Measure("m", amount, "s", average, Target(1))  # type: ignore[arg-type]
    figure, _ = apply(measure, "check", answers("!"), evidence)
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

    figure, scored = apply(Measure("m", needs_sound), "check", answers("x"), evidence)
    assert figure.failed == 1
    assert "gone.wav" in scored[0].error
