"""Runs a suite from beginning to end: material, answers, scores, report. Scores a stored run again without a model.

run.json              suite, model, seed, what each check ran on
CHECK.answers.jsonl   the answers, and CHECK/*.wav their sounds
hearings.jsonl        what the listener heard
scores.jsonl          every answer's score under every measure, with the texts compared
report.md, .json, .png
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from stepwave.checkpoints.environment import environment
from stepwave.evaluation.answers import Answer, AnswerFile, make_folder
from stepwave.evaluation.catalogue import find_suite
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Figure, ScoredItem, apply
from stepwave.evaluation.items import items_digest
from stepwave.evaluation.reporting.report import Report, write_report
from stepwave.evaluation.runner import run_check, stored_answers, unanswered
from stepwave.evaluation.scoring.agreement import agreement
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.subject import Subject
from stepwave.facts.errors import ConfigError, OutputError, StepwaveError
from stepwave.signal.atomic import replace_file

RUN_FILE: Final = "run.json"
SCORES_FILE: Final = "scores.jsonl"
FORMAT: Final = 2
"""Of `run.json` and answers. Runs of format 1, which name none, are read; one of a later format is refused."""

Progress = Callable[[str, int, int], None]
"""Called with a check's name, items done and items in all."""


@dataclass(frozen=True)
class Plan:
    """What of a suite is run."""

    suite: Suite
    places: Places
    only: str | None = None
    """A check's name or the first part of several names; None for all."""
    limit: int | None = None
    """At most so many items per check, for a quick look; None for all."""
    seed: int = 0
    """Every random choice of the model follows from it and the item's name."""
    parallel: int = 1
    """How many items are asked at once, where the subject allows it."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"got a limit of {self.limit} items; wanted at least 1, or no limit")
        if self.parallel < 1:
            raise ConfigError(f"got {self.parallel} items at once; wanted at least 1")
        self.suite.chosen(self.only)


def evaluate(
    plan: Plan,
    subject: Subject,
    parts: Parts,
    folder: Path,
    progress: Progress,
) -> Report:
    """Ask, score and report. A check whose material or model part is missing is reported as not measured.

    The report covers all that `folder` holds, so checks can be run one by one.

    Raises:
        ConfigError: `folder` holds answers of another model, suite or seed; or nothing could be measured at all.
        OutputError: results can't be stored.
    """
    facts = _claimed(folder, plan, subject)
    answered: dict[str, list[Answer]] = {check.name: stored_answers(check, folder) for check in plan.suite.checks}
    not_measured: dict[str, str] = {}
    for check in plan.suite.chosen(plan.only):
        try:
            items = check.items(plan.places)[: plan.limit]
            if unanswered(check, items, folder):
                facts["environments"][check.name] = environment()
                facts["material"][check.name] = {
                    "data": check.data,
                    "revision": plan.places.revision,
                    "digest": items_digest(items),
                    "items": len(items),
                }
            answers = run_check(check, items, subject, folder, plan.seed, _for(progress, check), plan.parallel)
        except OutputError:
            raise
        except StepwaveError as error:
            not_measured[check.name] = str(error)
            answered[check.name] = []
        else:
            answered[check.name] = answers
            _store_facts(folder, facts)
    return _scored(plan.suite, answered, not_measured, parts, folder, facts, progress)


def score_again(folder: Path, parts: Parts, progress: Progress) -> Report:
    """Score what an earlier run left in `folder`; no model is loaded, and the material isn't needed.

    Raises ConfigError where there is no such run, or its suite is unknown.
    """
    facts = _facts(folder)
    if facts is None:
        raise ConfigError(f"{folder} holds no run ({RUN_FILE} is missing); name the folder that a run was stored in")
    suite = find_suite(facts["suite"])
    answered = {check.name: stored_answers(check, folder) for check in suite.checks}
    return _scored(suite, answered, {}, parts, folder, facts, progress)


def _scored(
    suite: Suite,
    answered: dict[str, list[Answer]],
    not_measured: dict[str, str],
    parts: Parts,
    folder: Path,
    facts: dict[str, Any],
    progress: Progress,
) -> Report:
    if not any(answered.values()):
        reasons = "; ".join(f"{name}: {reason}" for name, reason in not_measured.items())
        raise ConfigError(f"nothing of {suite.name} could be measured ({reasons or 'there are no items'})")
    remembering = parts.remembering(folder)
    figures: list[Figure] = []
    scores: list[ScoredItem] = []
    agreed: dict[str, Any] = {}
    for check in suite.checks:
        answers = answered[check.name]
        if not answers:
            continue
        evidence = Evidence(AnswerFile(folder, check.name), remembering)
        for done, measure in enumerate(check.measures):
            progress(f"scoring {check.name}", done, len(check.measures))
            made, scored = apply(measure, check.name, answers, evidence)
            figures += made
            scores += scored
        progress(f"scoring {check.name}", len(check.measures), len(check.measures))
        if evidence.judged_twice:
            first, second = zip(*evidence.judged_twice.values(), strict=True)
            agreed[check.name] = asdict(agreement(first, second))
    lines = [json.dumps(asdict(score), ensure_ascii=False) + "\n" for score in scores]
    replace_file(folder / SCORES_FILE, "".join(lines).encode())
    cut = {name: sum(answer.status == "cut" for answer in answers) for name, answers in answered.items()}
    facts = {**facts, "methods": _methods(scores)}
    _store_facts(folder, facts)
    report = Report(
        suite, tuple(figures), not_measured, {**facts, **parts.facts, "agreement": agreed}, cut, tuple(scores)
    )
    write_report(report, folder)
    return report


def _methods(scores: Sequence[ScoredItem]) -> dict[str, dict[str, list[str]]]:
    """What each measure's scores were counted by: `{check: {measure: [names]}}`."""
    named: dict[str, dict[str, list[str]]] = {}
    for each in scores:
        if each.score is not None and each.score.method:
            names = named.setdefault(each.check, {}).setdefault(each.measure, [])
            if each.score.method not in names:
                names.append(each.score.method)
    return named


def _for(progress: Progress, check: Check) -> Callable[[int, int], None]:
    return lambda done, total: progress(check.name, done, total)


def _claimed(folder: Path, plan: Plan, subject: Subject) -> dict[str, Any]:
    """The facts of the run in `folder`, stored if it is new, compared with those of today if it is not."""
    facts = {"suite": plan.suite.name, "model": subject.name, "revision": subject.revision, "seed": plan.seed}
    earlier = _facts(folder)
    if earlier is None:
        make_folder(folder)
        begun = {
            "format": FORMAT,
            **facts,
            "sample": plan.places.sample,
            "subject": dict(subject.facts),
            "environments": {},
            "material": {},
        }
        _store_facts(folder, begun)
        return begun
    for name in ("suite", "revision", "seed"):
        if earlier.get(name) != facts[name]:
            raise ConfigError(
                f"{folder} holds answers for {name} {earlier.get(name)}, and now {name} is {facts[name]}; "
                "choose another folder with -o, or delete that one"
            )
    if bool(earlier.get("sample")) != plan.places.sample:
        raise ConfigError(
            f"{folder} holds answers to {'a sample' if earlier.get('sample') else 'the data itself'}, and this run is "
            "on the other; choose another folder with -o"
        )
    return {"material": {}, **earlier}


def _store_facts(folder: Path, facts: dict[str, Any]) -> None:
    replace_file(folder / RUN_FILE, json.dumps(facts, indent=1).encode())


def _facts(folder: Path) -> dict[str, Any] | None:
    path = folder / RUN_FILE
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} can't be read ({error}); choose another folder, or delete that one") from error
    if facts.get("format", 1) > FORMAT:
        raise ConfigError(
            f"{path} is of format {facts['format']}, and {FORMAT} is the last known; use a newer Stepwave"
        )
    return facts
