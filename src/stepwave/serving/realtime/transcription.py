"""Questions written down by the model itself, after their answers: no answer waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Final

from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.serving.errors import api_error
from stepwave.serving.realtime.items import Item
from stepwave.serving.realtime.response import Put
from stepwave.serving.service import Service
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import is_silent

PATIENCE_SECONDS: Final = 0.25
"""After a commit a client's `response.create` gets so long to come before the question is written down."""
_KIND: Final = "conversation.item.input_audio_transcription"


class Transcription:
    """Writes down the questions of one session. `answered` returns when no answer is being made."""

    def __init__(self, service: Service, put: Put, answered: Callable[[], Awaitable[None]]) -> None:
        self._service = service
        self._put = put
        self._answered = answered
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something is still to be written down."""
        return bool(self._tasks)

    def start(self, item: Item, samples: Samples) -> None:
        """Write down samples [n] at 16 kHz, the question `item`, when there is time; what goes wrong is told.

        Silence is no words, and costs no time.
        """
        task = asyncio.create_task(self._write(item, samples))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Break off what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, item: Item, samples: Samples) -> None:
        place = {"item_id": item.id, "content_index": 0}
        await asyncio.sleep(PATIENCE_SECONDS)
        await self._answered()
        words = ""
        try:
            if not is_silent(samples, INPUT_SAMPLE_RATE):
                writing = self._service.turns.stream(lambda: self._service.talker.stream_transcribe(samples))
                async with aclosing(writing) as parts:
                    async for part in parts:
                        words += part
                        self._put({"type": f"{_KIND}.delta", **place, "delta": part})
        except Exception as error:
            told = api_error(error)
            shown = {"type": told.kind, "code": told.code, "message": str(told), "param": None}
            self._put({"type": f"{_KIND}.failed", **place, "error": shown})
            return
        item.content[0]["transcript"] = words
        usage = {"type": "duration", "seconds": round(len(samples) / INPUT_SAMPLE_RATE, 3)}
        self._put({"type": f"{_KIND}.completed", **place, "transcript": words, "usage": usage})
