"""A conversation by microphone and loudspeaker of this computer: the server's own sessions, without a network.

Sound comes and goes by two small contracts, so that tests need no sound card; `sound_card.py` holds the real ones.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal, Protocol, TypeAlias

from stepwave.serving.realtime.conversation import Conversation
from stepwave.serving.realtime.hearing import MILLISECONDS

Who: TypeAlias = Literal["you", "model", "tool", "error"]


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
    """

    def __init__(
        self,
        conversation: Conversation,
        microphone: AsyncIterator[bytes],
        speaker: Speaker,
        show: Callable[[Who, str], None],
        interruptions: bool = False,
    ) -> None:
        self._conversation = conversation
        self._microphone = microphone
        self._speaker = speaker
        self._show = show
        self._interruptions = interruptions
        self._sounding: str | None = None

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
            self._sounding = event["item_id"]
            self._speaker.play(base64.b64decode(event["delta"]))
        elif kind == "input_audio_buffer.speech_started" and self._speaker.playing:
            played = round(self._speaker.stop() * MILLISECONDS)
            place = {"item_id": self._sounding, "content_index": 0, "audio_end_ms": played}
            await self._send({"type": "conversation.item.truncate", **place})
        elif kind == "response.output_audio_transcript.done":
            self._show("model", event["transcript"])
        elif kind == "conversation.item.input_audio_transcription.completed":
            self._show("you", event["transcript"])
        elif kind == "response.function_call_arguments.done":
            self._show("tool", f"{event['name']} {event['arguments']}")
        elif kind == "error":
            self._show("error", event["error"]["message"])
        elif kind == "response.done" and event["response"]["status"] == "failed":
            self._show("error", event["response"]["status_details"]["error"]["message"])
