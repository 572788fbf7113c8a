"""A client's list of messages as a conversation of ours: its system prompt, its tools, and the turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart, Part, TextPart, TokensPart
from stepwave.facts.conversation import Message as Turn
from stepwave.facts.errors import AudioError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.serving.errors import ApiError
from stepwave.serving.http.chat_request import (
    AssistantMessage,
    Call,
    ChatRequest,
    SystemMessage,
    TextContent,
    Tool,
    ToolMessage,
    UserMessage,
)
from stepwave.serving.http.kept_answers import KeptAnswers
from stepwave.serving.sound_bytes import decode_base64
from stepwave.signal.files import MAX_SECONDS
from stepwave.text.markup import write_tool_call
from stepwave.text.schemas import ToolSchema


@dataclass(frozen=True)
class History:
    """All that a `Session` is to be told before it answers."""

    system: str | None
    """The system prompt; None for the model's own."""
    tools: tuple[ToolSchema, ...]
    """What the model may call."""
    turns: tuple[Turn, ...]
    """What was said, the question last."""
    heard_seconds: float
    """Sound in it."""


def history(request: ChatRequest, talker: Stepwave, kept: KeptAnswers) -> History:
    """Read the messages; recordings are decoded here, which takes its time.

    Raises ApiError for messages in an order that can't be, broken base64, an unknown earlier answer or a call that
    nobody made; AudioError for a recording that can't be used, MarkupError for tools that can't be told.
    """
    system: list[str] = []
    turns: list[Turn] = []
    calls: set[str] = set()
    seconds = 0.0
    for number, message in enumerate(request.messages):
        place = f"messages.{number}"
        if isinstance(message, SystemMessage):
            if turns:
                raise ApiError(
                    f"{place}: a {message.role} message came after others; put it at the beginning", 400,
                    "invalid_value", place,
                )  # fmt: skip
            system.append(_text(message.content))
        elif isinstance(message, UserMessage):
            turn = _question(message, talker, place)
            sounds = [part.samples for part in turn.content or () if isinstance(part, AudioPart)]
            seconds += sum(map(len, sounds)) / INPUT_SAMPLE_RATE
            if seconds > MAX_SECONDS:
                raise ApiError(
                    f"{place}: the recordings of all messages last over {MAX_SECONDS:g} s; leave out the oldest", 400,
                    "invalid_value", place,
                )  # fmt: skip
            turns.append(turn)
        elif isinstance(message, AssistantMessage):
            calls.update(call.id for call in message.tool_calls or ())
            turns.append(_answer(message, kept, place))
        else:
            turns.append(_result(message, calls, place))
    if not turns or isinstance(request.messages[-1], AssistantMessage):
        raise ApiError(
            "the messages end without a question; put a user or tool message last", 400, "invalid_value", "messages"
        )
    tools = () if request.tool_choice == "none" else _tools(request.tools or ())
    return History("\n\n".join(filter(None, system)) or None, tools, tuple(turns), seconds)


def _question(message: UserMessage, talker: Stepwave, place: str) -> Turn:
    parts: list[Part] = []
    for number, part in enumerate(message.content):
        if isinstance(part, TextContent):
            parts.append(TextPart(part.text))
            continue
        where = f"{place}.content.{number}.input_audio.data"
        file = decode_base64(part.input_audio.data, where)
        try:
            parts.append(AudioPart(talker.hear(file)))
        except AudioError as error:
            raise ApiError(f"{where}: {error}", 400, "invalid_audio", where) from error
    return Turn("human", tuple(parts))


def _answer(message: AssistantMessage, kept: KeptAnswers, place: str) -> Turn:
    calls = "".join(_markup(call, f"{place}.tool_calls") for call in message.tool_calls or ())
    said = _text(message.content or ())
    ids = kept.find(message.audio.id) if message.audio is not None else None
    if ids is not None:
        return Turn("assistant", (TokensPart(ids),))  # the calls that it made are in it
    if not said and not calls:
        if message.audio is not None:
            raise ApiError(
                f"{place}: the spoken answer '{message.audio.id}' is not kept any more; send its transcript as content",
                400, "audio_expired", f"{place}.audio",
            )  # fmt: skip
        raise ApiError(f"{place}: an assistant message came without content; leave it out", 400, "invalid_value", place)
    return Turn("assistant", said + calls)


def _result(message: ToolMessage, calls: set[str], place: str) -> Turn:
    if message.tool_call_id not in calls:
        raise ApiError(
            f"{place}: no message before made the call '{message.tool_call_id}'; "
            "send the assistant message with its tool_calls first",
            400, "invalid_value", f"{place}.tool_call_id",
        )  # fmt: skip
    return Turn("input", (TextPart(_text(message.content)),))


def _markup(call: Call, place: str) -> str:
    try:
        arguments = json.loads(call.function.arguments)
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        raise ApiError(f"{place}: the arguments of '{call.id}' are no JSON object", 400, "invalid_value", place)
    return write_tool_call(call.function.name, arguments)


def _tools(tools: Sequence[Tool]) -> tuple[ToolSchema, ...]:
    return tuple(
        ToolSchema(
            tool.function.name,
            tool.function.description or "",
            {"type": "object", "properties": {}} if tool.function.parameters is None else tool.function.parameters,
        )
        for tool in tools
    )


def _text(parts: Sequence[TextContent]) -> str:
    return "".join(part.text for part in parts)
