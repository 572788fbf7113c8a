"""Who judges a whole run: named by an option, kept in the run's folder, and compared with each other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.figures import Measure
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.judge import Judge, JudgeUnavailableError, Verdict
from stepwave.evaluation.scoring.judge_prompts import JUDGE_PROMPTS, JudgePrompt
from stepwave.evaluation.scoring.judges import EndpointJudges, Judges, RememberingJudges, RuleJudges, open_judges
from stepwave.evaluation.scoring.measures import judged_by
from stepwave.evaluation.scoring.parts import Parts
from stepwave.facts.errors import ConfigError
from stepwave.signal.files import write_audio

RIGHT, POINTS = JUDGE_PROMPTS["question-answering/1"], JUDGE_PROMPTS["open-answer/1"]


class CountingJudges:
    """Takes an answer for right that holds one of its words, and counts how often it was asked; or gives no verdict."""

    rules_only = False

    def __init__(self, *words: str, silent: bool = False) -> None:
        self.words, self.asked, self.silent = words, 0, silent
        self.name = " or ".join(words)

    def judge(self, prompt: JudgePrompt, language: str) -> Judge:
        judges = self

        class One:
            name = f"{judges.name}, {prompt.name}, {language}"

            def judge(self, question: str, reference: str, answer: str) -> Verdict:
                judges.asked += 1
                if judges.silent:
                    raise JudgeUnavailableError("nobody is there")
                return Verdict(float(any(word in answer for word in judges.words)), "so it seems")

        return One()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("rules", "rules/1 (no judge): contains"),
        ("rules:fuzzy", "rules/1 (no judge): fuzzy"),
        ("http://127.0.0.1:1/v1#some-model", "some-model, temperature 0, seed 0"),
    ],
)
def test_judges_are_named_by_an_option(text: str, name: str) -> None:
    assert open_judges(text).name == name


@pytest.mark.parametrize("text", ["", "nobody", "http://127.0.0.1:1/v1", "ftp://127.0.0.1#model", "#model"])
def test_what_names_no_judge_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"got a judge .*wanted rules, rules:exact"):
        open_judges(text)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match="no rule 'guess'; known: exact, contains, fuzzy"):
        open_judges("rules:guess")


def test_rules_judge_by_words_in_every_language_and_give_no_points() -> None:
    rules = RuleJudges()
    assert rules.judge(RIGHT, "en").judge("?", "Paris", "It is Paris, of course.").score == 1
    assert rules.judge(RIGHT, "zh").judge("?", "北京", "是北京。").score == 1
    with pytest.raises(UnscorableError, match="rules give no points"):
        rules.judge(POINTS, "en")


def test_an_endpoint_has_one_judge_a_prompt() -> None:
    judges = open_judges("http://127.0.0.1:1/v1#some-model")
    assert isinstance(judges, EndpointJudges)
    assert judges.judge(RIGHT, "en") is judges.judge(RIGHT, "zh")
    assert "question-answering/1" in judges.judge(RIGHT, "en").name
    assert "open-answer/1" in judges.judge(POINTS, "en").name


def test_verdicts_are_kept_in_the_run_s_folder(tmp_path: Path) -> None:
    judges = CountingJudges("yes")
    for _ in range(2):
        kept = RememberingJudges(judges, tmp_path)
        assert kept.name == "yes"
        assert kept.judge(RIGHT, "en").judge("q", "r", "yes").score == 1
        assert kept.judge(POINTS, "en").judge("q", "r", "yes").score == 1
    assert judges.asked == 2


def judged_twice(scripted: Any, folder: Path, second: Judges, *measures: Measure) -> report.Report:
    """The report on four answers, of which the judge takes two for right, with a second judge."""
    write_audio(folder / "q.wav", np.full(1_600, 0.1, np.float32), 16_000)
    sound = Sound(str(folder / "q.wav"))
    items = [Item(name, "what", sound=sound, references=("that",)) for name in ("a", "b", "c", "d")]
    suite = Suite("made", "for a test", (Check("made", "answers", "four", lambda places: items, "answer", measures),))
    subject = scripted({"a": "one", "b": "two", "c": "three", "d": "four"})
    parts = Parts(subject.ears, CountingJudges("one", "two"), second)
    return evaluate(Plan(suite, Places(folder, folder)), subject, parts, folder / "run", lambda *_: None)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without a picture."""
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)


RIGHT_ONES = Measure("right", judged_by("question-answering/1"))


@pytest.mark.usefixtures("undrawn")
def test_a_second_judge_is_in_no_figure_but_compared(scripted: Any, tmp_path: Path) -> None:
    told = judged_twice(scripted, tmp_path, CountingJudges("one", "three"), RIGHT_ONES)
    assert told.figures[0].value == 50
    assert told.facts["second judge"] == "one or three"
    assert told.facts["agreement"]["made"]["percent"] == 50
    assert told.facts["agreement"]["made"]["kappa"] == pytest.approx(0)
    assert "made: the judge and a second one, one or three, agree on 50 % of 4 answers" in report.markdown(told)


@pytest.mark.usefixtures("undrawn")
def test_what_two_measures_ask_is_compared_once(scripted: Any, tmp_path: Path) -> None:
    again = Measure("right again", judged_by("question-answering/1"))
    told = judged_twice(scripted, tmp_path, CountingJudges("one", "three"), RIGHT_ONES, again)
    assert [figure.value for figure in told.figures] == [50, 50]
    assert told.facts["agreement"]["made"]["items"] == 4


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("prompt", ["question-answering/1", "open-answer/1"])
def test_a_second_judge_without_verdicts_fails_nothing(scripted: Any, tmp_path: Path, prompt: str) -> None:
    # Of points the rules can say nothing, and a judge that is not there says nothing of anything.
    second = RuleJudges() if prompt == "open-answer/1" else CountingJudges(silent=True)
    told = judged_twice(scripted, tmp_path, second, Measure("right", judged_by(prompt)))
    assert told.figures[0].failed == 0
    assert told.facts["agreement"] == {}
