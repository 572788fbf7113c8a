"""One answer as the protocol tells it: items that open, fill and close while the model's events come."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from stepwave.facts.events import AudioDelta, Finished, TextDelta, ToolCallRequest
from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.audio_formats import OutputStream
from stepwave.serving.realtime.items import Item, new_id
from stepwave.serving.realtime.settings import Settings
from stepwave.serving.tool_rounds import Answered, RoundEvent, Working

Status: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]
Reason: TypeAlias = Literal["turn_detected", "client_cancelled", "max_output_tokens"]
Put: TypeAlias = Callable[[dict[str, Any]], object]


class Response:
    """Turns the model's events into the protocol's, handing each to `put`; `finish` must come last, once.

    `added` gets every item of the answer when it opens; `is_ours` tells which calls the server runs. Without a
    `conversation` the items are told as output of the response alone.
    """

    def __init__(
        self,
        settings: Settings,
        put: Put,
        added: Callable[[Item], object],
        is_ours: Callable[[ToolCallRequest], bool],
        metadata: dict[str, str] | None = None,
        conversation: str | None = None,
        voice: str = "default",
    ) -> None:
        self.id = new_id("resp")
        self.over = False
        self.sounded = 0.0
        """Seconds of sound handed out so far."""
        self._settings = settings
        self._put = put
        self._added = added
        self._is_ours = is_ours
        self._metadata = metadata
        self._conversation = conversation
        self._voice = voice
        self._items: list[Item] = []
        self._message: Item | None = None
        self._calls: list[Item] = []  # of the server's, and not over
        self._counted = 0
        self._sound = OutputStream(settings.output_format)
        self._finished: Finished | None = None
        put({"type": "response.created", "response": self._state("in_progress")})

    @property
    def in_conversation(self) -> bool:
        """Whether the answer becomes part of the conversation; that to a side question does not."""
        return self._conversation is not None

    @property
    def items(self) -> list[Item]:
        """The answer's items so far."""
        return self._items

    def new_items(self) -> list[Item]:
        """The items since this was asked last: those of a round, where it is asked after each."""
        new = self._items[self._counted :]
        self._counted = len(self._items)
        return new

    def take(self, event: RoundEvent) -> None:
        """Tell one event of the model, or of a tool that the server runs for it."""
        if isinstance(event, TextDelta):
            part = self._open()
            key = "transcript" if self._settings.spoken else "text"
            part[key] += event.text
            kind = "response.output_audio_transcript.delta" if self._settings.spoken else "response.output_text.delta"
            self._put({"type": kind, **self._place(), "delta": event.text})
        elif isinstance(event, AudioDelta):
            self._open()
            self._sound_out(self._sound.push(event.samples))
            self.sounded += len(event.samples) / event.sample_rate
        elif isinstance(event, ToolCallRequest):
            self._call(event)
        elif isinstance(event, Working):
            self._put({"type": "response.mcp_call.in_progress", **self._at(self._calls[0])})
        elif isinstance(event, Answered):
            self._answer(event)
        elif isinstance(event, Finished):
            self._finished = event

    def ask(self, name: str, arguments: str) -> Item:
        """Ask the client's user whether the call under way may be run, with `arguments`, a JSON object."""
        item = Item(new_id("mcpr"), "mcp_approval_request", status="in_progress", asked=True)
        item.name, item.arguments = name, arguments
        self._calls[0].approval_request_id = item.id
        self._begin(item)
        self._end(item, "completed")
        return item

    def finish(
        self, status: Status, input_tokens: int, reason: Reason | None = None, error: ApiError | None = None
    ) -> None:
        """Close what is open and tell how it ended."""
        if self._finished is not None and self._finished.reason == "length" and status == "completed":
            status, reason = "incomplete", "max_output_tokens"
        if status in ("completed", "incomplete"):
            self._flush()
        self._close("completed" if status == "completed" else "incomplete")
        while self._calls:
            self._fail("the answer was stopped before the tool had finished")
        self.over = True
        state = self._state(status)
        details: dict[str, Any] = {"type": status}
        if reason is not None:
            details["reason"] = reason
        if error is not None:
            details["error"] = {"type": error.kind, "code": error.code, "message": str(error)}
        state["status_details"] = details if status != "completed" else None
        state["usage"] = self._usage(input_tokens)
        self._put({"type": "response.done", "response": state})

    def _open(self) -> dict[str, Any]:
        """The content part of the message, opened when the first of it comes."""
        if self._message is not None:
            return self._message.content[0]
        spoken = self._settings.spoken
        content = {"type": "output_audio", "transcript": ""} if spoken else {"type": "output_text", "text": ""}
        item = Item(new_id("item"), "message", "assistant", status="in_progress", asked=True)
        self._begin(item)
        item.content.append(content)
        self._message = item
        self._sound = OutputStream(self._settings.output_format)
        part = {"type": "audio", "transcript": ""} if spoken else {"type": "text", "text": ""}
        self._put({"type": "response.content_part.added", **self._place(), "part": part})
        return content

    def _begin(self, item: Item) -> None:
        self._items.append(item)
        place = {"response_id": self.id, "output_index": len(self._items) - 1}
        self._put({"type": "response.output_item.added", **place, "item": item.to_protocol()})
        self._added(item)

    def _flush(self) -> None:
        if self._message is not None:
            self._sound_out(self._sound.finish())

    def _sound_out(self, data: bytes) -> None:
        if data and self._message is not None:
            delta = base64.b64encode(data).decode()
            self._put({"type": "response.output_audio.delta", **self._place(), "delta": delta})

    def _close(self, status: str) -> None:
        item = self._message
        if item is None:
            return
        content = item.content[0]
        key = "transcript" if self._settings.spoken else "text"
        content_text = content[key] = content[key].strip()
        if self._settings.spoken:
            self._put({"type": "response.output_audio.done", **self._place()})
            done = {"type": "response.output_audio_transcript.done", "transcript": content_text}
            part = {"type": "audio", "transcript": content_text}
        else:
            done = {"type": "response.output_text.done", "text": content_text}
            part = {"type": "text", "text": content_text}
        self._put({**done, **self._place()})
        self._put({"type": "response.content_part.done", **self._place(), "part": part})
        self._end(item, status)
        self._message = None

    def _call(self, event: ToolCallRequest) -> None:
        self._flush()
        self._close("completed")
        ours = self._is_ours(event)
        item = Item(new_id("mcp" if ours else "item"), "mcp_call" if ours else "function_call", asked=True)
        item.status, item.name, item.arguments = "in_progress", event.name, ""
        if not ours:
            item.call_id = new_id("call")
        self._begin(item)
        item.arguments = event.arguments_json
        place = {"response_id": self.id, **self._at(item)}
        if ours:
            self._put({"type": "response.mcp_call_arguments.delta", **place, "delta": item.arguments})
            self._put({"type": "response.mcp_call_arguments.done", **place, "arguments": item.arguments})
            self._calls.append(item)
            return
        place["call_id"] = item.call_id
        self._put({"type": "response.function_call_arguments.delta", **place, "delta": item.arguments})
        done = {"type": "response.function_call_arguments.done", "name": item.name, "arguments": item.arguments}
        self._put({**done, **place})
        self._end(item, "completed")

    def _answer(self, event: Answered) -> None:
        """The first call under way is over: the model is to read its result."""
        item = self._calls[0]
        item.told, item.asked = event.told, False
        item.sound = [] if event.clip is None else [event.clip]
        if event.outcome.status != "done":
            self._fail(event.outcome.text)
            return
        del self._calls[0]
        item.output = event.outcome.text
        self._put({"type": "response.mcp_call.completed", **self._at(item)})
        self._end(item, "completed")

    def _fail(self, reason: str) -> None:
        item = self._calls.pop(0)
        item.error = reason
        self._put({"type": "response.mcp_call.failed", **self._at(item)})
        self._end(item, "incomplete")

    def _end(self, item: Item, status: str) -> None:
        item.status = status
        place = {"response_id": self.id, "output_index": self._items.index(item)}
        self._put({"type": "response.output_item.done", **place, "item": item.to_protocol()})
        if self._conversation is not None:
            self._put({"type": "conversation.item.done", "previous_item_id": None, "item": item.to_protocol()})

    def _at(self, item: Item) -> dict[str, Any]:
        return {"item_id": item.id, "output_index": self._items.index(item)}

    def _place(self) -> dict[str, Any]:
        assert self._message is not None
        return {"response_id": self.id, **self._at(self._message), "content_index": 0}

    def _state(self, status: str) -> dict[str, Any]:
        output = {"format": self._settings.output_format.to_protocol(), "voice": self._voice}
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": None,
            "output": [item.to_protocol() for item in self._items],
            "conversation_id": self._conversation,
            "output_modalities": ["audio" if self._settings.spoken else "text"],
            "audio": {"output": output},
            "metadata": self._metadata,
            "usage": None,
        }

    def _usage(self, input_tokens: int) -> dict[str, Any]:
        text = self._finished.text_tokens if self._finished is not None else 0
        speech = self._finished.speech_tokens if self._finished is not None else 0
        return {
            "total_tokens": input_tokens + text + speech,
            "input_tokens": input_tokens,
            "output_tokens": text + speech,
            "output_token_details": {"text_tokens": text, "audio_tokens": speech},
        }
