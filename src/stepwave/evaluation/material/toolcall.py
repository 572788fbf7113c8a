"""StepEval-Audio-Toolcall as its hub lays it out (reference facts 9.2).

    FOLDER/NAME_positive.jsonl, NAME_negative.jsonl   a conversation a line; NAME is one of `FILES`
    FOLDER/wav/*.wav                                  the recordings

A conversation is a list of turns with `from` ("human" or another), `value` (a text, or {"type": "wav", "value": path})
and `text` (the words of a recording). The last turn is what the assistant should say, with calls as the model writes
them. No schemas were published: those of the report's four tools are offered under the benchmark's names, with the
arguments that its references have. A conversation may expect a tool beside these four, such as `calculate`; nothing
says how that was offered, so what type such an answer has is not asked of it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stepwave.evaluation.items import Call, Item, Sound, Turn
from stepwave.evaluation.json_lines import numbered_lines
from stepwave.facts.errors import ConfigError, DataError
from stepwave.text.markup import parse_tool_calls
from stepwave.text.schemas import ToolSchema
from stepwave.text.standard_tools import BENCHMARK_NAMES, STANDARD_TOOLS

FILES: Final[Mapping[str, str]] = {
    "timbre": "audio_search",
    "get_date_time": "date_time",
    "get_weather": "weather",
    "web_search": "web_search",
}
"""What files are called, and which tool each puts to the test (our names)."""
ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "audio_search": ("query",),
    "date_time": (),
    "weather": ("location",),
    "web_search": ("query",),
}
"""The arguments that the benchmark's references have, by our names of the tools."""


def _schema(name: str) -> ToolSchema:
    tool = STANDARD_TOOLS[name]
    kept = {key: value for key, value in tool.parameters["properties"].items() if key in ARGUMENTS[name]}
    parameters = {**tool.parameters, "properties": kept, "required": list(ARGUMENTS[name])}
    return ToolSchema(BENCHMARK_NAMES[name], tool.description, parameters)


TOOLS: Final = tuple(_schema(name) for name in ARGUMENTS)
"""What is offered in every conversation."""
FOLDER: Final = "Step-Audio_Toolcall"


def toolcall_items(folder: Path) -> list[Item]:
    """The last question of every conversation that is there, tagged with the `tool` under test and its `kind`.

    Raises ConfigError where there are none, DataError for a line that can't be read.
    """
    root = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    found = [
        (root / f"{name}_{kind}.jsonl", tool, kind)
        for name, tool in FILES.items()
        for kind in ("positive", "negative")
        if (root / f"{name}_{kind}.jsonl").is_file()
    ]
    if not found:
        raise ConfigError(
            f"{folder} holds no conversations of StepEval-Audio-Toolcall (timbre_positive.jsonl and so on); name its "
            "folder with --data"
        )
    return [item for path, tool, kind in found for item in _items(path, tool, kind)]


def _items(path: Path, tool: str, kind: str) -> Iterator[Item]:
    for number, line in numbered_lines(path):
        try:
            yield _item(f"{path.stem}-{number}", json.loads(line), path.parent, tool, kind)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(
                f"{path}, line {number} is no conversation ({type(error).__name__}: {error}); fetch it again"
            ) from None


def _item(name: str, told: Any, folder: Path, tool: str, kind: str) -> Item:
    rows: Sequence[Mapping[str, Any]] = told if isinstance(told, list) else told["conversations"]
    *turns, question, reference = [_turn(row, folder) for row in rows]
    if question.side != "user" or reference.side != "assistant":
        raise ValueError("the last two turns are not a question and its answer")
    asked_for = any(call.name == BENCHMARK_NAMES[tool] for call in reference.calls)
    if asked_for != (kind == "positive"):
        raise ValueError(f"the answer {'calls' if asked_for else 'does not call'} the tool under test in a {kind} one")
    return Item(
        name,
        question.text,
        question.sound,
        (reference.text,) if reference.text else (),
        language=str(told.get("language", "zh")) if isinstance(told, dict) else "zh",
        turns=tuple(turns),
        tools=TOOLS,
        calls=reference.calls,
        tags={"tool": tool, "kind": kind},
    )


def _turn(row: Mapping[str, Any], folder: Path) -> Turn:
    value, text = row["value"], str(row.get("text") or "")
    if row["from"] in ("human", "user"):
        if isinstance(value, Mapping):
            return Turn("user", text, Sound(str(folder / "wav" / Path(str(value["value"])).name)))
        return Turn("user", str(value))
    if row["from"] in ("tool", "function", "input", "observation"):
        return Turn("tool", str(value))
    written = text if isinstance(value, Mapping) else str(value)
    parsed = parse_tool_calls(written)
    if parsed.text.count("<tool_call>") or written.count("<tool_call>") != len(parsed.calls):
        raise ValueError("a call of the assistant is not in the form that the model writes")
    calls = tuple(Call(call.name, json.loads(call.arguments_json)) for call in parsed.calls)
    return Turn("assistant", parsed.text.strip(), calls=calls)
