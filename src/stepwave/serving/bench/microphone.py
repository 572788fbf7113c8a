"""A simulated microphone: a room's faint noise in real time, and recordings in it whose place in time is known."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from stepwave.serving.bench.recordings import Recording
from stepwave.serving.realtime.audio_formats import PCM_RATE, AudioFormat
from stepwave.signal.resample import Samples

BLOCK: Final = 960
"""Samples at 24 kHz in a message: 40 ms."""
FLOOR_DB: Final = -65.0
"""Level of the noise, dBFS: a quiet room."""
_PCM: Final = AudioFormat()


@dataclass(frozen=True)
class Speech:
    """A recording as it is said. Times are those of `time.monotonic`."""

    recording: Recording
    begun: float
    """When its first sample is recorded."""

    @property
    def onset(self) -> float:
        """When speech begins."""
        return self.begun + self.recording.onset / PCM_RATE

    @property
    def lasted(self) -> float | None:
        """When it has lasted long enough to stop an answer; None if it never does."""
        return None if self.recording.lasted is None else self.begun + self.recording.lasted / PCM_RATE

    @property
    def end(self) -> float:
        """When the last of it was spoken. Its message leaves up to 40 ms later, as a real microphone's would."""
        return self.begun + self.recording.end / PCM_RATE


class Microphone:
    """Sends 40 ms of sound every 40 ms; what comes late is sent at once, so that its clock is that of real time."""

    def __init__(self, send: Callable[[str], Awaitable[None]], random: np.random.Generator) -> None:
        self.most_late = 0.0
        """The longest, in seconds, that a message left after its time: whether the simulation itself kept up."""
        self._send = send
        self._random = random
        self._begun = time.monotonic()
        self._position = 0
        """Samples that are in messages, sent or about to be."""
        self._to_say: Samples = np.zeros(0, dtype=np.float32)

    def say(self, recording: Recording) -> Speech:
        """Begin with the next message. What was being said is broken off."""
        self._to_say = recording.samples
        return Speech(recording, self._begun + self._position / PCM_RATE)

    async def run(self) -> None:
        """Send until cancelled; raises what `send` raises."""
        while True:
            block = self._next()
            due = self._begun + self._position / PCM_RATE
            await asyncio.sleep(due - time.monotonic())
            self.most_late = max(self.most_late, time.monotonic() - due)
            audio = base64.b64encode(_PCM.encode(block)).decode()
            await self._send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))

    def _next(self) -> Samples:
        noise = self._random.standard_normal(BLOCK, dtype=np.float32) * np.float32(10 ** (FLOOR_DB / 20))
        said, self._to_say = self._to_say[:BLOCK], self._to_say[BLOCK:]
        noise[: len(said)] += said
        self._position += BLOCK
        return noise
