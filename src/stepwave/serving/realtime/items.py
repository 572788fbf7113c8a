"""A conversation's items: what was asked, answered, called and returned, as the protocol shows them and as turns."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart, Message, Part, TextPart
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.audio_formats import AudioFormat, InputStream
from stepwave.serving.realtime.client_events import ItemParam
from stepwave.serving.sound_bytes import decode_base64
from stepwave.signal.files import Audio
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import is_silent
from stepwave.text.schemas import ToolSchema

ItemType: TypeAlias = Literal[
    "message", "function_call", "function_call_output",
    "mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response",
]  # fmt: skip
SERVER_LABEL: Final = "stepwave"
"""What the server calls itself where it runs a tool, as if it were an MCP server of its own."""
SILENCE: Final = "(silence)"
"""What the model reads in place of a recording without any sound, which comes of waiting for someone who says nothing:
models take no such recording."""


def new_id(kind: str) -> str:
    """An id nobody can guess, such as `item_4f...`."""
    return f"{kind}_{secrets.token_hex(12)}"


@dataclass(eq=False)
class Item:
    """One item. `sound` is what the model hears of it, samples [n] at 16 kHz, until it has heard it."""

    id: str
    type: ItemType
    role: str | None = None
    content: list[dict[str, Any]] = field(default_factory=list)
    status: str = "completed"
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None
    error: str | None = None
    """What went wrong with a call that the server ran."""
    told: str | None = None
    """What the model is told of such a call, once it is over."""
    approval_request_id: str | None = None
    """Which item asked the user about it, or is answered by this one."""
    approve: bool | None = None
    """The user's answer."""
    reason: str | None = None
    sound: list[Samples] = field(default_factory=list)
    asked: bool = False
    """Whether the model has it already."""

    def to_protocol(self) -> dict[str, Any]:
        """The item as events show it; recordings are left out."""
        shown: dict[str, Any] = {"id": self.id, "object": "realtime.item", "type": self.type, "status": self.status}
        if self.type == "message":
            return {**shown, "role": self.role, "content": [dict(part) for part in self.content]}
        if self.type == "function_call":
            return {**shown, "call_id": self.call_id, "name": self.name, "arguments": self.arguments or ""}
        if self.type == "mcp_list_tools":
            return {**shown, "server_label": SERVER_LABEL, "tools": self.content}
        if self.type == "mcp_call":
            error = None if self.error is None else {"type": "tool_execution_error", "message": self.error}
            call = {"server_label": SERVER_LABEL, "name": self.name, "arguments": self.arguments or ""}
            asked = {"approval_request_id": self.approval_request_id}
            return {**shown, **call, **asked, "output": self.output, "error": error}
        if self.type == "mcp_approval_request":
            return {**shown, "server_label": SERVER_LABEL, "name": self.name, "arguments": self.arguments}
        if self.type == "mcp_approval_response":
            answer = {"approval_request_id": self.approval_request_id, "approve": self.approve}
            return {**shown, **answer, "reason": self.reason}
        return {**shown, "call_id": self.call_id, "output": self.output or ""}

    @property
    def text(self) -> str:
        """What is written in it, or known of what was said."""
        texts = (part.get("text") or part.get("transcript") or "" for part in self.content)
        return "\n".join(filter(None, texts))

    def message(self) -> Message | None:
        """The turn it is to the model; None where it is none by itself, as a call, whose turn is the answer before it.

        One that the server ran is the turn of its result as well.
        """
        if self.type == "function_call_output":
            return Message("input", (TextPart(self.output or ""),))
        if self.type == "mcp_call" and self.told is not None:
            return Message("input", (TextPart(self.told), *map(AudioPart, self.sound)))
        if self.type != "message":
            return None
        if self.role != "user":
            return Message("assistant" if self.role == "assistant" else "system", (TextPart(self.text),))
        parts: list[Part] = []
        sound = iter(self.sound)
        for part in self.content:
            if part["type"] == "input_audio":
                heard = next(sound)
                parts.append(TextPart(SILENCE) if is_silent(heard, INPUT_SAMPLE_RATE) else AudioPart(heard))
            else:
                parts.append(TextPart(part["text"]))
        return Message("human", tuple(parts))


def tool_list(schemas: Sequence[ToolSchema]) -> Item:
    """Which tools the server runs, for the client to know; the model is told of them by itself."""
    listed = [{"name": one.name, "description": one.description, "input_schema": one.parameters} for one in schemas]
    return Item(new_id("mcpl"), "mcp_list_tools", content=listed, asked=True)


def spoken_item(item_id: str, samples: Samples) -> Item:
    """A question that was said."""
    return Item(item_id, "message", "user", [{"type": "input_audio", "transcript": None}], sound=[samples])


def read_item(param: ItemParam, audio_format: AudioFormat, talker: Stepwave) -> Item:
    """The item a client adds. Raises ApiError for one that lacks something, AudioError for sound that can't be used."""
    item = Item(param.id or new_id("item"), param.type)
    if param.type == "message":
        _read_message(item, param, audio_format, talker)
    elif param.type == "function_call":
        item.call_id, item.name, item.arguments = param.call_id or new_id("call"), param.name, param.arguments or "{}"
        item.asked = True
        if not item.name:
            raise ApiError("a function_call item needs a name", code="missing_value", param="item.name")
    elif param.type == "mcp_approval_response":
        if param.approval_request_id is None or param.approve is None:
            raise ApiError(
                "an mcp_approval_response item needs an approval_request_id and approve",
                code="missing_value",
                param="item.approve",
            )
        item.approval_request_id, item.approve, item.reason = param.approval_request_id, param.approve, param.reason
        item.asked = True
    else:
        item.call_id, item.output = param.call_id, param.output
        if not item.call_id or not (item.output or "").strip():
            raise ApiError(
                "a function_call_output item needs a call_id and an output that is not empty",
                code="missing_value",
                param="item.output",
            )
    return item


def _read_message(item: Item, param: ItemParam, audio_format: AudioFormat, talker: Stepwave) -> None:
    if param.role is None or not param.content:
        raise ApiError("a message item needs a role and content", code="missing_value", param="item.role")
    item.role = param.role
    for number, part in enumerate(param.content):
        place = f"item.content.{number}"
        if part.type in ("input_audio", "audio") and param.role == "user":
            samples = decode_audio(part.audio or "", audio_format, f"{place}.audio")
            item.sound.append(talker.hear(Audio(samples, INPUT_SAMPLE_RATE)))
            item.content.append({"type": "input_audio", "transcript": part.transcript})
            continue
        text = part.text if part.text is not None else part.transcript
        if not (text or "").strip():
            raise ApiError("got a part without text; leave it out", code="missing_value", param=f"{place}.text")
        item.content.append({"type": "output_text" if param.role == "assistant" else "input_text", "text": text})


def decode_audio(text: str, audio_format: AudioFormat, param: str) -> Samples:
    """Samples [n] at 16 kHz of a whole recording in base64."""
    stream = InputStream(audio_format)
    return np.concatenate([stream.push(decode_base64(text, param)), stream.finish()])
