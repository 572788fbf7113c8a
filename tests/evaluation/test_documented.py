"""What docs/evaluation.md shows has to work."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.judge import Verdict
from stepwave.evaluation.scoring.judge_prompts import JudgePrompt
from stepwave.evaluation.scoring.parts import Parts
from stepwave.signal.files import write_audio

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


class ThirtyJudge:
    """Takes an answer for right that has the word thirty."""

    name = "thirty"

    def judge(self, question: str, reference: str, answer: str) -> Verdict:
        assert (question, reference) == ("How old am I?", "About thirty.")
        return Verdict(float("thirty" in answer), f"judged: {answer}")


class ThirtyJudges:
    """Let it judge by the prompt for paralinguistic questions alone."""

    name = "thirty"
    rules_only = False

    def judge(self, prompt: JudgePrompt, language: str) -> ThirtyJudge:
        assert (prompt.name, language) == ("paralinguistics/1", "en")
        return ThirtyJudge()


@pytest.mark.parametrize(("misheard", "value"), [({}, 100), ({"You are thirty.": "You are dirty."}, 0)])
def test_the_suite_of_the_page_gives_the_known_figure(
    scripted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misheard: dict[str, str], value: float
) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    shown: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0], shown)
    write_audio(tmp_path / "1.wav", np.full(1_600, 0.1, np.float32), 16_000)
    subject = scripted({"age-1": "You are thirty."}, misheard=misheard)
    plan = Plan(shown["SUITE"], Places(tmp_path, tmp_path))
    told = evaluate(
        plan, subject, Parts(subject.ears, ThirtyJudges()), tmp_path / "run", lambda name, done, total: None
    )
    assert [(each.group, each.value) for each in told.figures] == [("age", value), ("", value)]
    assert told.facts["judge"] == "thirty"
    (score,) = told.scores
    assert score.score is not None
    assert score.score.reason.startswith("judged: You are")
    assert (score.group, score.label) == ("age", "30y")
    text = (tmp_path / "run" / "report.md").read_text()
    assert "right, mean by task" in text
    assert "Judge: thirty." in text
