"""What a simulated microphone sends, and that recordings are where it says."""

import asyncio
import base64
import json

import numpy as np
import pytest

from stepwave.serving.bench.microphone import BLOCK, FLOOR_DB, Microphone, Speech
from stepwave.serving.bench.recordings import as_recording
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.signal.resample import Samples

from .test_recordings import RATE, sound


async def sent_by(seconds: float, blocks: int, most: int = 12) -> tuple[Samples, Speech, float]:
    """Say a tone of that length after so many messages; the samples of `most` messages [n], and when they began."""
    messages: list[str] = []
    over = asyncio.Event()

    async def send(message: str) -> None:
        messages.append(message)
        if len(messages) == blocks:
            spoken.append(microphone.say(as_recording("tone", sound(("tone", seconds)), TurnSettings())))
        if len(messages) == most:
            over.set()

    spoken: list[Speech] = []
    microphone = Microphone(send, np.random.default_rng(0))
    task = asyncio.create_task(microphone.run())
    await over.wait()
    task.cancel()
    events = [json.loads(message) for message in messages[:most]]
    assert {event["type"] for event in events} == {"input_audio_buffer.append"}
    data = b"".join(base64.b64decode(event["audio"]) for event in events)
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768, spoken[0], microphone._begun


def test_recordings_are_where_it_says() -> None:
    heard, speech, begun = asyncio.run(sent_by(seconds=0.2, blocks=3))
    assert len(heard) == 12 * BLOCK
    start = round((speech.begun - begun) * RATE)
    tone = sound(("tone", 0.2))
    assert np.abs(heard[start : start + len(tone)] - tone).max() < 0.01
    before, after = heard[:start], heard[start + len(tone) :]
    for quiet in (before, after):
        assert 10 * np.log10(np.mean(quiet**2)) == pytest.approx(FLOOR_DB, abs=1)


def test_times_of_speech() -> None:
    recording = as_recording("one", sound(("silence", 0.5), ("tone", 1.0), ("silence", 0.2)), TurnSettings())
    speech = Speech(recording, 10.0)
    assert (speech.onset, speech.lasted, speech.end) == pytest.approx((10.5, 11.25, 11.5))
