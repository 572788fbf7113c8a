"""A conversation by microphone and loudspeaker of this computer: the server's own sessions, without a network.

Sound comes and goes by two small contracts, so that tests need no sound card; `sound_card.py` holds the real ones.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Literal, Protocol, TypeAlias

from stepwave.serving.realtime.conversation import Conversation
from stepwave.serving.realtime.hearing import MILLISECONDS

_SECOND_BYTES: Final = 48_000

Who: TypeAlias = Literal["you", "model", "tool", "error"]


Consent: TypeAlias = Callable[[str, str], Awaitable[bool]]
"""Asks whether the tool of that name may be run with these arguments, a JSON object."""


async def refused(name: str, arguments: str) -> bool:
    """Nobody can be asked."""
    return False


class Speaker(Protocol):
    """Plays 16-bit PCM at 24 kHz."""

    def play(self, pcm: bytes) -> None:
        """Put more sound behind what is not played yet."""
        ...

    def stop(self) -> float:
        """Drop what is not played yet; seconds that were played since the speaker was last silent or stopped."""
        ...

    @property
    def playing(self) -> bool:
        """Whether sound is left to play."""
        ...


class Terminal:
    """Takes sound from `microphone` (pieces of 16-bit PCM at 24 kHz), and tells what is said to `show`.

    Without `interruptions` the microphone is deaf while the answer plays: for loudspeakers, whose sound it would hear.
    `consent` is asked before a sensitive tool is run.
    """

    def __init__(
        self,
        conversation: Conversation,
        microphone: AsyncIterator[bytes],
        speaker: Speaker,
        show: Callable[[Who, str], None],
        interruptions: bool = False,
        consent: Consent = refused,
    ) -> None:
        self._conversation = conversation
        self._microphone = microphone
        self._speaker = speaker
        self._show = show
        self._interruptions = interruptions
        self._consent = consent
        self._asking: asyncio.Task[None] | None = None
        self._sounding: dict[str, float] = {}  # seconds of each item since the speaker was last silent
        self._called: dict[str, str] = {}  # names of tools, by item

    async def run(self, settings: dict[str, Any] | None = None) -> None:
        """Converse until the microphone ends, and the answer to what it heard last is played. `settings` is a `session`
        of the protocol."""
        heard = {"transcription": {"model": "own"}}
        session = {"type": "realtime", "audio": {"input": heard}, **(settings or {})}
        await self._send({"type": "session.update", "session": session})
        telling = asyncio.create_task(self._tell())
        try:
            async for piece in self._microphone:
                if self._interruptions or not (self._conversation.answering or self._speaker.playing):
                    await self._send({"type": "input_audio_buffer.append", "audio": base64.b64encode(piece).decode()})
            while self._conversation.busy or self._conversation.outbox.unsent or self._speaker.playing:
                await asyncio.sleep(0.05)
        finally:
            telling.cancel()
            self._withdraw()
            await asyncio.gather(telling, return_exceptions=True)
            await self._conversation.end()

    async def _send(self, event: dict[str, Any]) -> None:
        await self._conversation.handle(json.dumps(event))

    async def _tell(self) -> None:
        while True:
            number, text = await self._conversation.outbox.peek()
            await self._take(json.loads(text))
            self._conversation.outbox.sent(number)

    async def _take(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "response.output_audio.delta":
            self._play(event["item_id"], base64.b64decode(event["delta"]))
        elif kind == "input_audio_buffer.speech_started" and self._speaker.playing:
            await self._tell_heard(self._speaker.stop())
        elif kind == "response.output_audio_transcript.done":
            self._show("model", event["transcript"])
        elif kind == "conversation.item.input_audio_transcription.completed":
            self._show("you", event["transcript"])
        elif kind == "response.function_call_arguments.done":
            self._show("tool", f"{event['name']} {event['arguments']}")
        elif kind == "response.output_item.added" and event["item"]["type"] == "mcp_call":
            self._called[event["item"]["id"]] = event["item"]["name"]
        elif kind == "response.mcp_call_arguments.done":
            self._show("tool", f"{self._called.pop(event['item_id'])} {event['arguments']}")
        elif kind == "response.output_item.done":
            self._take_item(event["item"])
        elif kind == "error":
            self._show("error", event["error"]["message"])
        elif kind == "response.done" and event["response"]["status"] == "failed":
            self._show("error", event["response"]["status_details"]["error"]["message"])

    def _play(self, item_id: str, pcm: bytes) -> None:
        if not self._speaker.playing:
            self._sounding.clear()
        self._sounding[item_id] = self._sounding.get(item_id, 0.0) + len(pcm) / _SECOND_BYTES
        self._speaker.play(pcm)

    async def _tell_heard(self, played: float) -> None:
        """Only the first `played` seconds were heard; what stands behind that, as after a call, not at all."""
        cut: list[tuple[str, float]] = []
        for item_id, seconds in self._sounding.items():
            if played < seconds:
                cut.append((item_id, played))
            played = max(0.0, played - seconds)
        for item_id, heard in reversed(cut):
            place = {"item_id": item_id, "content_index": 0, "audio_end_ms": round(heard * MILLISECONDS)}
            await self._send({"type": "conversation.item.truncate", **place})

    def _take_item(self, item: dict[str, Any]) -> None:
        if item["type"] == "mcp_approval_request":
            self._asking = asyncio.create_task(self._ask(item))
        elif item["type"] == "mcp_call":
            self._withdraw()  # however it ended, nobody waits for leave any more
            self._show("tool", item["error"]["message"] if item["error"] else item["output"])

    async def _ask(self, request: dict[str, Any]) -> None:
        approve = await self._consent(request["name"], request["arguments"])
        answer = {"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": approve}
        await self._send({"type": "conversation.item.create", "item": answer})

    def _withdraw(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
