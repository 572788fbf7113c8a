"""Answers that are there already as a subject: made elsewhere, by anything, and put into a folder.

FOLDER/answers.jsonl   an object a line: `id` of the item, `text` and/or `sound` (a path, relative to the folder),
                       and if wanted `check` (where an id is in several), `heard`, `seconds`, and `calls`, a list of
                       {"name", "arguments"} with the arguments as an object
FOLDER/about.json      optional: {"name": what answered, "revision": which state of it, ...}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stepwave.checkpoints.inspection import file_digest
from stepwave.evaluation.answers import MadeCall, Produced
from stepwave.evaluation.json_lines import numbered_lines
from stepwave.evaluation.question import Question, Wanted, written_prompt
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.facts.errors import ConfigError, DataError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.signal.files import read_audio

LIST: Final = "answers.jsonl"
ABOUT: Final = "about.json"
_KEYS: Final = {"id", "check", "text", "heard", "sound", "seconds", "calls"}


class ReadyAnswers:
    """See `subject.Subject`. An item without an answer fails.

    Raises ConfigError where the folder holds no list, DataError for a line that is no answer.
    """

    at_once = 64

    def __init__(self, folder: Path) -> None:
        self._folder, path = folder, folder / LIST
        if not path.is_file():
            raise ConfigError(f"{folder} has no {LIST}; docs/evaluation.md shows how answers are laid out")
        about = _about(folder / ABOUT)
        self.name = str(about.get("name", f"answers:{folder}"))
        self.revision = str(about.get("revision", file_digest(path)[:10]))
        self.facts: dict[str, Any] = {"kind": "ready answers", "answers": file_digest(path), "about": about}
        self._answers: dict[tuple[str, str], Mapping[str, Any]] = {}
        for number, line in numbered_lines(path):
            record = _checked(line, f"{path}, line {number}")
            self._answers[record.get("check", ""), record["id"]] = record

    def prepare(self, wanted: Wanted) -> None:
        """See `Subject.prepare`: whether there is an answer is seen item by item."""

    def ask(self, question: Question) -> Produced:
        """See `Subject.ask`."""
        record = self._answers.get((question.check, question.item)) or self._answers.get(("", question.item))
        if record is None:
            raise DataError(f"{self._folder / LIST} has no answer to {question.item} of {question.check}")
        sound = record.get("sound")
        samples = None if sound is None else read_audio(self._folder / sound, sample_rate=OUTPUT_SAMPLE_RATE).samples
        return Produced(
            record.get("text", ""),
            record.get("heard", ""),
            samples,
            seconds=record.get("seconds", 0.0),
            calls=tuple(
                MadeCall(call["name"], json.dumps(call.get("arguments", {}), ensure_ascii=False))
                for call in record.get("calls", ())
            ),
            prompt=written_prompt(question.system, question.turns, question.tools),
        )


def open_subject(target: str, options: SubjectOptions) -> ReadyAnswers:
    """The answers in a folder; see `ReadyAnswers`."""
    return ReadyAnswers(Path(target))


def _about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}); wanted an object with name and revision") from error
    if not isinstance(about, dict):
        raise DataError(f"{path} holds no object; wanted one with name and revision")
    return about


def _checked(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: this is not JSON ({error}); wanted an object with id, and text or sound") from error
    if not isinstance(record, dict) or not isinstance(record.get("id"), str) or not record.keys() <= _KEYS:
        raise DataError(f"{place}: this is no answer; wanted an object with id, and any of {', '.join(sorted(_KEYS))}")
    texts = all(isinstance(record.get(name, ""), str) for name in ("check", "text", "heard", "sound"))
    timed = isinstance(record.get("seconds", 0.0), int | float)
    calls = record.get("calls", [])
    named = isinstance(calls, list) and all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in calls)
    if not (texts and timed and named) or not record.keys() & {"text", "sound", "calls"}:
        raise DataError(f"{place}: wanted a text, a sound's path or calls, each call with a name; seconds as a number")
    return record
