"""The few items that come with each suite: the whole way can be gone with them, and no figure is shown."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from stepwave.evaluation.catalogue import find_suite, suite_names
from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.material.sentences import ENGLISH
from stepwave.evaluation.recordings import checked_digests
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring import measures
from stepwave.evaluation.scoring.judges import RuleJudges
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.stored_run import read_run
from stepwave.facts.errors import ConfigError
from stepwave.signal.resample import Samples

from ..conftest import ScriptedSubject

WITHOUT = {"paralinguistic": {"own"}, "toolcall": {"own"}}
"""Checks of what a user's own preparation makes."""


@dataclass
class Ears:
    """Hear the same words in everything."""

    name: str = "ears"

    def hear(self, samples: Samples, language: str = "en") -> str:
        return "the same words"


@pytest.mark.parametrize("name", suite_names())
def test_a_sample_goes_the_whole_way(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    monkeypatch.setattr(measures, "wideband_pesq", lambda *_: 2.0)  # its package has to be compiled
    suite, places = find_suite(name), Places(tmp_path, tmp_path, sample=True)
    asked = 0
    for check in suite.checks:
        if (name == "asr" and check.name != "own") or check.name in WITHOUT.get(name, ()):
            with pytest.raises(ConfigError, match=f"there is no sample of {check.name}"):
                check.items(places)
            continue
        items = check.items(places)
        assert items
        for item in items[:2]:
            checked_digests(item)  # its recordings are there
        asked += len(items[:2])
    parts = Parts(Ears(), RuleJudges())
    told = evaluate(Plan(suite, places, limit=2), ScriptedSubject(), parts, tmp_path / "run", lambda *_: None)
    assert sum(len(answers) for answers in read_run(tmp_path / "run").answers.values()) == asked
    assert told.facts["sample"] is True
    shown = report.markdown(told)
    assert "no scores" in shown
    assert "sample, no score" in shown


CHINESE = "我不会说英语。"


@pytest.mark.parametrize(
    ("name", "check", "measure", "group", "value"),
    [
        ("asr", "own", "word error", "", 100.0),
        ("covost2", "covost2-zh-en", "BLEU", "", 0.0),
        ("mmau", "mmau-test-mini", "accuracy", "", 0.0),
        ("paralinguistic", "paralinguistic", "accuracy", "", 0.0),
        ("speech_quality", "reading-en", "word error", "", 100.0),
        ("toolcall", "toolcall", "trigger recall", "", 0.0),
        ("uro_bench", "english-basic", "understanding", "Repeat", 0.0),
    ],
)
def test_answers_in_another_language_are_wrong_and_not_failed(
    name: str, check: str, measure: str, group: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    plan = Plan(find_suite(name), Places(tmp_path, tmp_path, sample=True), only=check)
    subject = ScriptedSubject({item.id: CHINESE for item in plan.suite.chosen(check)[0].items(plan.places)})
    subject.misheard = {text: CHINESE for text in ENGLISH}
    told = evaluate(plan, subject, Parts(subject.ears, RuleJudges()), tmp_path / "run", lambda *_: None)
    (figure,) = (each for each in told.figures if (each.name, each.group) == (measure, group))
    assert figure.value == pytest.approx(value)
    assert figure.failed == 0
