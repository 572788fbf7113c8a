"""What a model is asked and what it answered, as records in a file that outlives the run.

A check's answers are JSON lines, its sounds wav files beside them. Lines are only ever added; the newest line about an
item counts. So a run can be stopped at any moment and taken up again, and scoring needs the files alone. What runs of
the first format left is read.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from stepwave.evaluation.items import Item, item_from_json, to_json
from stepwave.facts.errors import DataError, OutputError
from stepwave.facts.rates import INPUT_SAMPLE_RATE, OUTPUT_SAMPLE_RATE
from stepwave.signal.files import read_audio, write_audio
from stepwave.signal.resample import Samples

Status: TypeAlias = Literal["finished", "cut", "failed"]
"""finished: the model ended by itself; cut: it ran into its limit; failed: there is no answer, `error` says why."""


class UnscorableError(Exception):
    """An answer that is there but cannot be scored; it counts as failed."""


@dataclass(frozen=True)
class Arrival:
    """A piece of sound reaching the listener."""

    after: float
    """Seconds since the question's end."""
    seconds: float
    """How long the piece lasts."""


@dataclass(frozen=True)
class MadeCall:
    """A tool call that the model made; it was not run."""

    name: str
    arguments: str
    """As the model wrote them: a JSON object, if it kept to the form."""
    after: float = 0.0
    """Seconds since the question's end; 0 where nobody timed it."""


@dataclass(frozen=True)
class EarlierAnswer:
    """What a model said in an earlier round of a conversation."""

    text: str = ""
    sound: str | None = None
    """The wav of it, relative to the run's folder; None for no sound."""


@dataclass(frozen=True)
class Answer:
    """What came back for an item."""

    item: Item
    """The question itself, so that the file explains itself."""
    status: Status
    """How it ended."""
    text: str = ""
    """The transcript, or the answer's text."""
    heard: str = ""
    """The model's own transcript of a spoken question."""
    sound: str | None = None
    """The wav of what it said, relative to the run's folder; None for no sound."""
    original: str | None = None
    """The wav that `sound` is compared with: the recording that it was made from, or the same text in another voice."""
    sound_seconds: float = 0.0
    """How long `sound` lasts."""
    seconds: float = 0.0
    """Wall-clock time from the question's end to the answer's."""
    arrivals: tuple[Arrival, ...] = ()
    """When each piece of sound came; empty where nobody timed it."""
    error: str = ""
    """Why it failed: the error's type and message."""
    calls: tuple[MadeCall, ...] = ()
    """Tool calls that the model made, in order."""
    prompt: str = ""
    """What the model was told, word for word (`question.written_prompt`)."""
    digests: tuple[str, ...] = ()
    """SHA-256 of each recording that it heard (`Item.sounds`)."""
    earlier: tuple[EarlierAnswer, ...] = ()
    """Its answers in the rounds before, where the item is a conversation."""


@dataclass(frozen=True, eq=False)
class Produced:
    """What came of a question, before it is stored; the fields are those of `Answer`. Sounds are mono at 24 kHz."""

    text: str = ""
    heard: str = ""
    sound: Samples | None = None
    original: Samples | None = None
    cut: bool = False
    seconds: float = 0.0
    arrivals: tuple[Arrival, ...] = ()
    calls: tuple[MadeCall, ...] = ()
    prompt: str = ""
    earlier: "tuple[Produced, ...]" = ()


@dataclass
class AnswerFile:
    """The answers to one check under a run's folder: `NAME.answers.jsonl` and `NAME/*.wav`."""

    folder: Path
    """The run's folder; it is made where it does not exist."""
    name: str
    """The check's name."""
    answers: dict[str, Answer] = field(init=False)
    """The newest answer to each item, by the item's id."""

    def __post_init__(self) -> None:
        self.answers = {answer.item.id: answer for answer in self._read()}

    @property
    def path(self) -> Path:
        """The file of records."""
        return self.folder / f"{self.name}.answers.jsonl"

    def sound(self, relative: str) -> Samples:
        """Samples `[n]` of a wav that an answer names, at 16 kHz, as scores take them; AudioError where it is gone."""
        return read_audio(self.folder / relative, sample_rate=INPUT_SAMPLE_RATE).samples

    def store(self, item: Item, produced: Produced, digests: tuple[str, ...] = ()) -> Answer:
        """Keep what the model gave, sounds first, so that a record never names a wav that is not there."""
        earlier = tuple(
            EarlierAnswer(each.text, self._write(item, each.sound, f".round{number}"))
            for number, each in enumerate(produced.earlier, 1)
        )
        answer = Answer(
            item,
            "cut" if produced.cut else "finished",
            produced.text,
            produced.heard,
            self._write(item, produced.sound, ""),
            self._write(item, produced.original, ".original"),
            0.0 if produced.sound is None else len(produced.sound) / OUTPUT_SAMPLE_RATE,
            produced.seconds,
            produced.arrivals,
            calls=produced.calls,
            prompt=produced.prompt,
            digests=digests,
            earlier=earlier,
        )
        return self._append(answer)

    def store_failure(self, item: Item, error: Exception) -> Answer:
        """Keep that the model gave nothing, and why."""
        return self._append(Answer(item, "failed", error=f"{type(error).__name__}: {error}"))

    def clear(self) -> None:
        """Forget every answer."""
        self.path.unlink(missing_ok=True)
        self.answers.clear()

    def _write(self, item: Item, samples: Samples | None, suffix: str) -> str | None:
        if samples is None or len(samples) == 0:
            return None
        relative = f"{self.name}/{re.sub(r'[^A-Za-z0-9_-]', '_', item.id)}{suffix}.wav"
        make_folder(self.folder / self.name)
        write_audio(self.folder / relative, samples, OUTPUT_SAMPLE_RATE)
        return relative

    def _append(self, answer: Answer) -> Answer:
        make_folder(self.folder)
        append_line(self.path, _record(answer))
        self.answers[answer.item.id] = answer
        return answer

    def _read(self) -> list[Answer]:
        try:
            return [_answer(record) for record in read_lines(self.path)]
        except (ValueError, KeyError, TypeError, DataError) as error:
            raise DataError(f"{self.path} can't be read as answers: {error}") from error


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add one JSON line and make it durable. A line that an earlier run left half-written is dropped first.

    Raises OutputError where the disk is full or writing is not allowed.
    """
    line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
    try:
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    file.seek(0)
                    file.truncate(file.read().rfind(b"\n") + 1)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; free some space or choose another folder") from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Every whole JSON line of a file; none where there is no file. A half-written last line is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def _record(answer: Answer) -> dict[str, Any]:
    plain = {each.name: getattr(answer, each.name) for each in fields(answer)}
    lists = {name: [asdict(each) for each in plain[name]] for name in ("arrivals", "calls", "earlier")}
    return {**plain, **lists, "item": to_json(answer.item)}


def _answer(record: dict[str, Any]) -> Answer:
    arrivals = tuple(Arrival(**arrival) for arrival in record["arrivals"])
    read = {
        "calls": tuple(MadeCall(**call) for call in record.get("calls", ())),
        "digests": tuple(record.get("digests", ())),
        "earlier": tuple(EarlierAnswer(**each) for each in record.get("earlier", ())),
    }
    item = item_from_json(record["item"])
    return Answer(**{**record, "item": item, "arrivals": arrivals, **read})


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if need be; OutputError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; choose another") from error
