"""Questions of our own making: what `stepwave prepare` notes of sounds (`qa`), and its tool dialogues (`tools`).

Where a list of what training keeps away from lies among the checks (`data.held_out`), or the manifest has other splits
than `train`, only these are asked.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from stepwave.data.held_out import HELD_OUT_FILE, read_held_out
from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.data.records import Turn as Told
from stepwave.evaluation.items import Call, Item, Side, Turn
from stepwave.evaluation.recordings import sound_of
from stepwave.facts.errors import ConfigError, DataError
from stepwave.text.schemas import ToolSchema

TASKS: Final = {"vocal_sound": "vocal"}
"""Aspects that the report's table calls otherwise."""
_SIDES: Final[dict[str, Side]] = {"human": "user", "assistant": "assistant", "input": "tool"}


def questions_about_sound(folder: Path, checks: Path) -> list[Item]:
    """Every `qa` record that was kept from training, tagged with its `task`; options are the answers that a task has.

    The question is written behind the recording. Raises ConfigError where there is none, DataError for a damaged
    manifest.
    """
    records = _kept(folder, checks, "qa")
    answers: dict[str, set[str]] = {}
    for record in records:
        answers.setdefault(_task(record), set()).add(str(record.details["answer"]))
    return [_about_sound(record, tuple(sorted(answers[_task(record)]))) for record in records]


def tool_dialogues(folder: Path, checks: Path) -> list[Item]:
    """Every question of the `tools` records that were kept from training: it is to be answered with a call, or not.

    Tagged with the tool under test: the one that is called, or for a question without a call each of those offered in
    turn. Raises as `questions_about_sound`.
    """
    return [item for record in _kept(folder, checks, "tools") for item in _questions(record)]


def _kept(folder: Path, checks: Path, kind: str) -> list[Record]:
    held_out = read_held_out(checks) if (checks / HELD_OUT_FILE).is_file() else None
    found = [record for record in read_manifest(folder) if record.kind == kind]
    kept = [record for record in found if record.split != "train" or (held_out is not None and held_out.holds(record))]
    if held_out is None and not kept:
        kept = found  # nobody says what was trained on
    if not kept:
        raise ConfigError(
            f"{folder} holds {len(found)} records of the kind {kind}, none of them kept from training; name another "
            "folder with --data, or another list of what is kept with --checks"
        )
    return kept


def _task(record: Record) -> str:
    try:
        aspect = str(record.details["type"])
        _ = record.details["answer"]
    except KeyError as missing:
        raise DataError(
            f"record {record.id} is no question about an aspect of a sound: {missing} is not told"
        ) from None
    return TASKS.get(aspect, aspect)


def _about_sound(record: Record, options: tuple[str, ...]) -> Item:
    heard = next((turn for turn in record.turns if turn.clip is not None), None)
    asked = [turn for turn in record.turns if turn.role == "human" and turn.clip is None and turn.text]
    answer = record.turns[-1]
    if heard is None or heard.clip is None or not asked or answer.role != "assistant":
        raise DataError(f"record {record.id} is no question about a sound; wanted a sound, a question and an answer")
    label = str(record.details["answer"])
    return Item(
        record.id,
        heard.text,
        sound_of(heard.clip),
        (label,),
        language=asked[0].language or "en",
        instruction=asked[0].text,
        options=options,
        label=label,
        tags={"task": _task(record), "source": record.source},
    )


def _questions(record: Record) -> Iterator[Item]:
    tools = _schemas(record)
    for place, (question, answer) in enumerate(zip(record.turns, record.turns[1:], strict=False)):
        if question.role != "human" or answer.role != "assistant" or question.clip is None:
            continue
        calls = tuple(Call(call.name, call.arguments) for call in answer.calls)
        # Without a call every tool is one that should not be called; so that each has as many, they take turns.
        tested = calls[0].name if calls else tools[place % len(tools)].name
        yield Item(
            f"{record.id}-{place}",
            question.text,
            sound_of(question.clip),
            (answer.text,) if answer.text else (),
            language=question.language or "en",
            turns=tuple(_turns(record.turns[:place])),
            tools=tools,
            calls=calls,
            tags={"tool": tested, "kind": "positive" if calls else "negative"},
        )


def _turns(turns: Sequence[Told]) -> Iterator[Turn]:
    for turn in turns:
        if turn.role in _SIDES:
            side = _SIDES[turn.role]
            sound = sound_of(turn.clip) if turn.clip is not None and side == "user" else None
            yield Turn(side, turn.text, sound, tuple(Call(call.name, call.arguments) for call in turn.calls))


def _schemas(record: Record) -> tuple[ToolSchema, ...]:
    try:
        told: list[Any] = [each["function"] for each in record.details["tools"]]
        schemas = tuple(ToolSchema(each["name"], each["description"], each["parameters"]) for each in told)
    except (KeyError, TypeError) as problem:
        raise DataError(f"record {record.id} does not tell its tools ({type(problem).__name__}: {problem})") from None
    if not schemas:
        raise DataError(f"record {record.id} is a tool dialogue that offers no tool")
    return schemas
