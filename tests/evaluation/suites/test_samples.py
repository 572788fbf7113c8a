"""The few items that come with each suite: the whole way can be gone with them, and no figure is shown."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from stepwave.evaluation.catalogue import find_suite, suite_names
from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.recordings import checked_digests
from stepwave.evaluation.reporting import report
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
