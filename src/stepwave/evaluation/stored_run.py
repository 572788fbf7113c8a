"""A run as its folder tells it: who was asked, every answer, every score, the figures. No model, no material.

Fields of figures and scores that this version doesn't know are passed over, and what older runs lack has its default.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from stepwave.evaluation.answers import Answer, AnswerFile, read_lines
from stepwave.evaluation.catalogue import find_suite
from stepwave.evaluation.evaluate import FORMAT, RUN_FILE, SCORES_FILE
from stepwave.evaluation.figures import Figure, Measure, Score, ScoredItem, Target
from stepwave.evaluation.reporting.report import NAME
from stepwave.evaluation.scoring.metrics import Interval
from stepwave.facts.errors import ConfigError, DataError, RegistryError

_ANSWERS: Final = ".answers.jsonl"
_Record = TypeVar("_Record")


@dataclass(frozen=True, eq=False)
class StoredRun:
    """What a run left."""

    folder: Path
    suite: str
    model: str
    revision: str
    sample: bool
    """Whether it was asked a sample that comes with the suite, to try the way: such a run has no scores to show."""
    facts: Mapping[str, Any]
    """What `run.json` and `report.json` tell besides: seed, subject, listener, judge, material."""
    figures: tuple[Figure, ...]
    not_measured: Mapping[str, str]
    """Checks that could not run, with the reason."""
    scores: tuple[ScoredItem, ...]
    answers: Mapping[str, Mapping[str, Answer]]
    """By check and item."""

    @property
    def checks(self) -> tuple[str, ...]:
        """Checks with answers: those with figures first, in their order."""
        return tuple(dict.fromkeys([figure.check for figure in self.figures] + sorted(self.answers)))

    def figure(self, check: str, measure: str = "", group: str = "") -> Figure | None:
        """The figure of a check for a group (empty: all items, or the mean of groups); without a name, the first."""
        found = (each for each in self.figures if (each.check, each.group) == (check, group))
        return next((each for each in found if not measure or each.name == measure), None)

    def measure(self, check: str, name: str) -> Measure | None:
        """The measure as its suite declares it today; None where there is no such suite or measure any more."""
        try:
            declared = find_suite(self.suite).checks
        except RegistryError:
            return None
        measures = (each for known in declared if known.name == check for each in known.measures)
        return next((each for each in measures if each.name == name), None)

    def better(self, check: str, name: str) -> Literal["lower", "higher"] | None:
        """Which way a measure is better, as far as its figure, target or declaration tells."""
        figure = self.figure(check, name)
        if figure is not None and (figure.better or figure.target):
            return figure.better or (figure.target.better if figure.target else None)
        declared = self.measure(check, name)
        return None if declared is None else declared.direction


def read_run(folder: Path) -> StoredRun:
    """Read a run's folder.

    Raises:
        ConfigError: there is no run, it was not scored yet, or it is of a later format.
        DataError: one of its files is damaged.
    """
    facts = _read(folder / RUN_FILE, "holds no run", "name the folder that a run was stored in")
    if facts.get("format", 1) > FORMAT:
        raise ConfigError(
            f"{folder} is a run of format {facts['format']}, and {FORMAT} is the last known; use a newer Stepwave"
        )
    report = _read(folder / f"{NAME}.json", "is not scored yet", f"stepwave evaluate score {folder}")
    try:
        figures = tuple(_figure(each) for each in report["figures"])
        scores = tuple(_score(each) for each in read_lines(folder / SCORES_FILE))
        return StoredRun(
            folder,
            str(facts["suite"]),
            str(facts["model"]),
            str(facts["revision"]),
            bool(facts.get("sample", False)),
            {**report, **facts},
            figures,
            {str(name): str(reason) for name, reason in report.get("not_measured", {}).items()},
            scores,
            {
                path.name.removesuffix(_ANSWERS): AnswerFile(folder, path.name.removesuffix(_ANSWERS)).answers
                for path in sorted(folder.glob(f"*{_ANSWERS}"))
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"the run in {folder} can't be read: {type(error).__name__}: {error}") from error


def _read(path: Path, lacking: str, wanted: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path.parent} {lacking} ({path.name} is missing); {wanted}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} can't be read: it holds no JSON object")
    return content


def _figure(record: Mapping[str, Any]) -> Figure:
    value = record["value"]
    return _known(
        Figure,
        {
            **record,
            "value": float("nan") if value is None else float(value),
            "interval": _interval(record.get("interval")),
            "target": None if record.get("target") is None else _known(Target, record["target"]),
        },
    )


def _interval(record: Mapping[str, float | None] | None) -> Interval | None:
    """None also for an interval without ends, which is what a figure of nothing has."""
    if record is None or record["low"] is None or record["high"] is None:
        return None
    return Interval(float(record["low"]), float(record["high"]))


def _score(record: Mapping[str, Any]) -> ScoredItem:
    scored = record["score"]
    score = None if scored is None else _known(Score, {**scored, "counts": tuple(scored.get("counts", ()))})
    return _known(ScoredItem, {**record, "score": score})


def _known(kind: Callable[..., _Record], record: Mapping[str, Any]) -> _Record:
    names = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in record.items() if name in names})
