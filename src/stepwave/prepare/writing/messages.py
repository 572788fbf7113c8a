"""Conversations to be rewritten, from a manifest or from chat messages as other programs store them.

A line of a JSON-lines file is one of ours (a record), `{"messages": [{"role": ..., "content": ...}, ...]}`, or the bare
list. Contents are texts or lists of text parts.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stepwave.data.manifests import MANIFEST, read_line
from stepwave.data.records import Record, Turn
from stepwave.facts.conversation import role_named
from stepwave.facts.errors import DataError, TemplateError
from stepwave.prepare.pipeline.steps import short_digest
from stepwave.prepare.writing.sources import read_lines

UNREAD = "unread"
"""Key in `details` of a row that could not be read: what is wrong with it."""


def read_conversations(path: Path) -> Iterator[Record]:
    """Records of a manifest (its folder or its file) or a file of messages, in order; empty lines are passed over.

    A line of messages that cannot be understood gives a record without turns that says why (`UNREAD`), so that it is
    counted. Raises DataError for a file that cannot be read, or a line that is no JSON.
    """
    file = path / MANIFEST if path.is_dir() else path
    for number, line in enumerate(read_lines(file), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            if isinstance(value, dict) and "kind" in value:
                yield read_line(line, file.parent)
                continue
        except (ValueError, RecursionError, DataError) as problem:
            raise DataError(f"{file}, line {number}: {problem}; wanted a record or messages as JSON") from None
        name = f"chat-{short_digest(value)}"
        try:
            yield Record(name, "conversation", tuple(_turns(value)), file.name)
        except (DataError, TemplateError) as problem:
            yield Record(name, "conversation", (), file.name, details={UNREAD: str(problem)})


def _turns(value: Any) -> Iterator[Turn]:
    messages = value.get("messages") if isinstance(value, dict) else value
    if not isinstance(messages, list) or not messages:
        raise DataError(f"no list of messages in {json.dumps(value)[:100]}")
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise DataError(f"no message with a role: {json.dumps(message)[:100]}")
        if message.get("tool_calls") or message.get("function_call"):
            raise DataError("a message with tool calls")
        yield Turn(role_named(message["role"]), _content(message.get("content")))


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise DataError(f"a message without text: {json.dumps(content)[:100]}")
    return "\n".join(_part(part) for part in content)


def _part(part: Any) -> str:
    if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    raise DataError(f"a part that is no text: {json.dumps(part)[:100]}")


def as_script(record: Record, language: str) -> Record:
    """The record with human and assistant turns to be spoken, where it is a conversation; languages filled in."""
    aloud = record.kind == "conversation"
    turns = tuple(
        replace(turn, language=turn.language or language, spoken=True, speaker=turn.speaker or turn.role)
        if aloud and turn.role in ("human", "assistant")
        else replace(turn, language=turn.language or language)
        for turn in record.turns
    )
    return replace(record, turns=turns)
