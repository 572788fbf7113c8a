"""The step `own-recordings`: a person's recordings and a table of their words become records to fine-tune on.

    file<TAB>text[<TAB>speaker]

A line per recording; paths count from the table's folder, or from another one. A first line may name the columns, in
any order. What can't be used is dropped with its reason, never silently. A few texts are held out with all their
recordings (split `check`), so that a model can be measured on what it did not learn. Nothing is learnt here.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final, Literal, TypeAlias, get_args

from stepwave.data.held_out import CHECK, plain
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import ConfigError, DataError
from stepwave.facts.rates import PIECE_SECONDS
from stepwave.prepare.ingest.entries import row_id
from stepwave.prepare.ingest.listening import BAD_TEXT, MISSING, NO_TEXT, SILENT, Rules, listen
from stepwave.prepare.pipeline.run import DROPPED
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Step, Worker, drawing, one_by_one
from stepwave.prepare.recorded.tasks import reading, transcription
from stepwave.signal.voice_activity import is_silent

Task: TypeAlias = Literal["asr", "tts"]
TASKS: Final[tuple[Task, ...]] = get_args(Task)
WRONG_COLUMNS: Final = "wrong number of columns"
TWICE: Final = "listed twice"
UNFIT: Final = "unfit"
"""In a row's details: why its line can't be used, and what came."""
NO_SPEAKER: Final = "one"
"""Who speaks where the table does not say."""
SOURCE: Final = "own"
SHOWN: Final = 3
"""So many lines are named for each reason."""
LEAST_SECONDS: Final = 0.3
LEAST_TEXTS: Final = 4
"""Fewer leave nothing to learn from beside what is held out."""
_HEADINGS: Final = {
    "file": ("file", "path", "filename", "audio", "wav"),
    "text": ("text", "transcript", "sentence"),
    "speaker": ("speaker", "voice", "name"),
}


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    number: int
    """From 1."""
    file: str
    """As the table has it."""
    text: str
    speaker: str = NO_SPEAKER
    problem: str = ""
    """Why it can't be used, as far as the table shows."""

    @property
    def id(self) -> str:
        """Of its recording."""
        return row_id("line", self.number, Path(self.file).stem)


def speaker_of(clip: Clip) -> str:
    """The table's name for who speaks."""
    return clip.voice.removeprefix(f"{SOURCE}/")


def read_lines(table: Path, audio: Path) -> list[Line]:
    """The lines of a table of recordings that lie in or under `audio`, each with what is wrong with it.

    Raises DataError where there is no such table, it is empty, or nothing in it is in columns.
    """
    try:
        content = table.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as problem:
        raise DataError(
            f"{table} can't be read ({problem.strerror}); wanted a text file of lines file<TAB>text[<TAB>speaker]"
        ) from None
    # Not `splitlines`: a text may hold what Unicode counts as a line's end.
    numbered = enumerate(content.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1)
    rows = [(number, line.split("\t")) for number, line in numbered if line.strip()]
    if not any(len(cells) > 1 for _, cells in rows):
        raise DataError(
            f"{table} has {len(rows)} lines and no tab in them; wanted lines file<TAB>text[<TAB>speaker]: "
            "save it as tab-separated text"
        )
    columns = _headings(rows[0][1])
    lines: list[Line] = []
    seen: set[str] = set()
    for number, cells in rows if columns is None else rows[1:]:
        line = _line(number, [cell.strip() for cell in cells], columns, audio)
        lines.append(replace(line, problem=TWICE) if not line.problem and line.file in seen else line)
        seen.add(line.file)
    return lines


@dataclass(frozen=True)
class OwnRecordings(Step):
    """Settings of the step."""

    name: ClassVar[str] = "own-recordings"

    table: Path
    audio: Path
    """Folder that paths in the table count from."""
    digest: str
    """Of the table's content: an edited one is another step."""
    tasks: tuple[Task, ...] = TASKS
    """What is learnt: to write down what is heard, to read aloud as it was said."""
    held_out: int = 0
    """Recordings held out; 0 for a tenth, 20 at most."""
    language: str = "en"
    """ISO 639-1 code of the texts."""
    seed: int = 0
    """What is held out is drawn from it."""

    def __post_init__(self) -> None:
        unknown = [task for task in self.tasks if task not in TASKS]
        if unknown or not self.tasks or self.held_out < 0:
            raise ConfigError(
                f"tasks {', '.join(self.tasks) or 'none'}, {self.held_out} held out; wanted some of "
                f"{', '.join(TASKS)}, and 0 or more held out"
            )

    @classmethod
    def of(cls, table: Path, audio: Path | None = None, tasks: Sequence[Task] = TASKS) -> "OwnRecordings":
        """The step for a table as it is now; recordings lie beside it unless told. Raises DataError."""
        try:
            digest = hashlib.sha256(table.read_bytes()).hexdigest()[:16]
        except OSError as problem:
            raise DataError(f"{table} can't be read ({problem.strerror}); name a table file<TAB>text") from None
        return cls(table, audio or table.parent, digest, tuple(dict.fromkeys(tasks)))

    def rows(self) -> Iterable[Record]:
        """A recording per line, not yet listened to.

        Raises DataError, see `read_lines`; also where fewer than four texts with recordings are there.
        """
        lines = read_lines(self.table, self.audio)
        held_out = self._held_out([line for line in lines if not line.problem])
        for line in lines:
            file = str((self.audio / line.file).resolve()) if line.file else ""
            clip = Clip(line.id, file, voice=f"{SOURCE}/{line.speaker}")
            turn = Turn("human", line.text, clip, spoken=True, language=self.language)
            split = CHECK if plain(line.text) in held_out else "train"
            details = {UNFIT: line.problem} if line.problem else {}
            yield Record(line.id, "speech", (turn,), source=SOURCE, split=split, details=details)

    def open(self) -> Worker:
        """Opens nothing; recordings are read by themselves."""
        # The sound is wanted for a look at it, and stays where it is all the same.
        rules = Rules(LEAST_SECONDS, PIECE_SECONDS, copy=True)

        def work(row: Record) -> Iterable[Outcome] | Outcome:
            if row.details.get(UNFIT):
                return Dropped(row.id, row.details[UNFIT], row.clips[0].file)
            heard = listen(row, rules)
            if isinstance(heard, Dropped):
                return heard
            sound = heard.sounds[row.clips[0].id]
            if is_silent(sound.samples, sound.sample_rate):
                return Dropped(row.id, SILENT, row.clips[0].file)
            return self._learnt(heard.record)

        return one_by_one(work)

    def _learnt(self, row: Record) -> Iterator[Outcome]:
        makers = {"asr": transcription, "tts": reading}
        for task in self.tasks:
            made = makers[task](row)
            yield Kept(replace(made, id=f"{row.id}-{task}"))

    def _held_out(self, lines: Sequence[Line]) -> set[str]:
        """Texts that are held out, made plain."""
        by_text: dict[str, int] = {}
        for line in lines:
            by_text[plain(line.text)] = by_text.get(plain(line.text), 0) + 1
        if len(by_text) < LEAST_TEXTS:
            problems = Counter(line.problem for line in read_lines(self.table, self.audio) if line.problem)
            others = ", ".join(f"{count} {problem}" for problem, count in sorted(problems.items()))
            raise DataError(
                f"{self.table} has {len(by_text)} texts with a recording under {self.audio}, the other lines: "
                f"{others or 'none'}; wanted {LEAST_TEXTS} texts or more: check the paths, or give --audio FOLDER"
            )
        wanted = self.held_out or max(1, min(20, round(len(lines) / 10)))
        chosen: set[str] = set()
        taken = 0
        for text in sorted(by_text, key=lambda each: drawing(self.seed, "held out", each).random()):
            if taken < wanted and len(chosen) < len(by_text) - 1:
                chosen.add(text)
                taken += by_text[text]
        return chosen


def left_out(step: OwnRecordings, folders: Sequence[Path]) -> list[str]:
    """What became of lines that gave nothing, a sentence for each reason, from the folders of finished steps."""
    lines = {line.id: line for line in read_lines(step.table, step.audio)}
    found: dict[str, dict[int, str]] = {}
    for folder in folders:
        with (folder / DROPPED).open(encoding="utf-8") as dropped:
            for entry in map(json.loads, dropped):
                line = lines.get(entry["id"]) or lines.get(entry["id"].rpartition("-")[0])
                if line is not None:
                    found.setdefault(entry["reason"], {})[line.number] = line.file
    return [_told(reason, each, len(lines)) for reason, each in sorted(found.items())]


def _told(reason: str, lines: dict[int, str], of: int) -> str:
    named = [f"line {number} ({file})" for number, file in sorted(lines.items())]
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"{len(named)} of {of} lines left out, {reason}: {', '.join(named[:SHOWN])}{more}"


def _headings(cells: Sequence[str]) -> dict[str, int] | None:
    """Where each column stands, if the first line says so."""
    lower = [cell.strip().lower() for cell in cells]
    found = {
        name: lower.index(written[0])
        for name, usual in _HEADINGS.items()
        if (written := [each for each in usual if each in lower])
    }
    return found if {"file", "text"} <= found.keys() else None


def _line(number: int, cells: Sequence[str], columns: dict[str, int] | None, audio: Path) -> Line:
    """A line by its cells; its problem is the first that is found."""
    if columns is None:
        columns = {"file": 0, "text": 1, **({"speaker": 2} if len(cells) > 2 else {})}
        fits = 1 < len(cells) <= 3
    else:
        fits = len(cells) > max(columns["file"], columns["text"])

    def cell(name: str) -> str:
        place = columns.get(name, len(cells))
        return cells[place] if place < len(cells) else ""

    file, text = cell("file"), cell("text")
    if not fits:
        problem = WRONG_COLUMNS
    elif not text:
        problem = NO_TEXT
    elif "\N{REPLACEMENT CHARACTER}" in text:
        problem = BAD_TEXT
    else:
        problem = "" if file and (audio / file).is_file() else MISSING
    return Line(number, file, text, cell("speaker") or NO_SPEAKER, problem)
