"""Runs as folders, written by hand, with figures and scores that are known beforehand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stepwave.evaluation.answers import AnswerFile, Produced
from stepwave.evaluation.items import Item

NASTY = '<script>alert("x")</script><img src=https://example.org/x onerror=alert(1)> {{style}} \'& | \u202e'
"""What a stranger's answer may hold."""


def figure(check: str, value: float, name: str = "right", **more: Any) -> dict[str, Any]:
    """A figure as `report.json` has it: of 50 items, with an interval of 3 to both sides, higher is better."""
    known = {"unit": "%", "n": 50, "failed": 0, "target": None, "by": "", "group": "", "better": "higher"}
    interval = {"low": value - 3, "high": value + 3}
    return {"check": check, "name": name, "value": value, "interval": interval, **known, **more}


def score(check: str, item: str, amount: float | None, measure: str = "right", **more: Any) -> dict[str, Any]:
    """A line of `scores.jsonl`; an amount of None has failed."""
    own = {name: more.pop(name) for name in ("per", "reference", "hypothesis", "predicted", "reason") if name in more}
    scored = None if amount is None else {"amount": amount, "per": 1.0, **own}
    told = {"check": check, "measure": measure, "item": item, "score": scored, "group": "", "label": ""}
    return {**told, "error": "" if scored else "ServiceError: it was away", **more}


def make_run(
    folder: Path,
    suite: str,
    figures: Sequence[Mapping[str, Any]],
    scores: Sequence[Mapping[str, Any]] = (),
    answers: Sequence[tuple[str, Item, Produced | Exception]] = (),
    **facts: Any,
) -> Path:
    """Write a run; `facts` go into `run.json`, besides model `nano`, revision `r1`."""
    folder.mkdir(parents=True)
    told = {"format": 2, "suite": suite, "model": "nano", "revision": "r1", "seed": 0, **facts}
    (folder / "run.json").write_text(json.dumps(told))
    report = {"suite": suite, "figures": list(figures), "not_measured": {}, "listener": "ears"}
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "scores.jsonl").write_text("".join(json.dumps(each) + "\n" for each in scores))
    for check, item, answer in answers:
        file = AnswerFile(folder, check)
        if isinstance(answer, Exception):
            file.store_failure(item, answer)
        else:
            file.store(item, answer)
    return folder
