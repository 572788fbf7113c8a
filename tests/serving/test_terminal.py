"""The talk by microphone and loudspeaker, with stand-ins for both; and the sound card's own bookkeeping."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.facts.events import ToolCallRequest
from stepwave.serving.config import ServerConfig
from stepwave.serving.realtime.conversation import Conversation
from stepwave.serving.server_tools import ServerTools
from stepwave.serving.service import Service
from stepwave.serving.sound_card import SoundCard
from stepwave.serving.terminal import Consent, Terminal, refused
from stepwave.signal.resample import Samples
from stepwave.tools.contract import tool

from .conftest import pcm16
from .realtime.test_server_tools import NOON, TIME, TOLD, calling
from .scripted import ScriptedTalker, said


class Loudspeaker:
    """Plays at the speed of sound's own bytes taken by the test."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.left = bytearray()
        self.stops: list[float] = []

    def play(self, pcm: bytes) -> None:
        self.left += pcm

    def stop(self) -> float:
        seconds = len(self.heard) / 48_000
        self.stops.append(seconds)
        self.left.clear()
        return seconds

    @property
    def playing(self) -> bool:
        return bool(self.left)

    def tick(self) -> None:
        """40 ms go by."""
        self.heard += self.left[:1920]
        del self.left[:1920]


async def microphone(data: bytes, speaker: Loudspeaker, pause: float = 0.002) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1920):
        speaker.tick()
        await asyncio.sleep(pause)
        yield data[start : start + 1920]
    while speaker.playing:
        speaker.tick()
        await asyncio.sleep(0)


def converse(
    talker: ScriptedTalker,
    data: bytes,
    headphones: bool,
    tools: ServerTools | None = None,
    consent: Consent = refused,
) -> tuple[Loudspeaker, list[tuple[str, str]]]:
    speaker, shown = Loudspeaker(), []

    async def all_of_it() -> None:
        service = Service(talker, ServerConfig(), tools=tools or ServerTools())
        try:
            async with asyncio.timeout(60):
                terminal = Terminal(
                    Conversation(service),
                    microphone(data, speaker),
                    speaker,
                    lambda who, text: shown.append((who, text)),
                    headphones,
                    consent,
                )
                await terminal.run()
        finally:
            service.turns.close()

    asyncio.run(all_of_it())
    return speaker, shown


def test_a_spoken_question_is_shown_and_answered(tiny_talker: Stepwave, spoken_question: Samples) -> None:
    talker = ScriptedTalker(tiny_talker, said("It is Paris.", 0.4), transcript="What is it?")
    data = pcm16(spoken_question) + bytes(96_000)
    speaker, shown = converse(talker, data, headphones=False)
    assert ("model", "It is Paris.") in shown
    assert ("you", "What is it?") in shown
    assert len(speaker.heard) == 0.4 * 48_000


def test_with_headphones_speech_interrupts_and_the_answer_is_what_was_heard(
    tiny_talker: Stepwave, spoken_question: Samples
) -> None:
    talker = ScriptedTalker(tiny_talker, said("A long story.", 20.0), said("Yes.", 0.1))
    data = 2 * (pcm16(spoken_question) + bytes(96_000))
    speaker, shown = converse(talker, data, headphones=True)
    assert len(speaker.stops) == 1
    assert talker.sessions[0].shortened == [pytest.approx(speaker.stops[0], abs=0.001)]
    assert 0 < speaker.stops[0] < 10
    assert ("model", "Yes.") in shown


def test_tools_are_run_and_shown(tiny_talker: Stepwave, spoken_question: Samples) -> None:
    talker = ScriptedTalker(tiny_talker, calling(TIME, text="One moment.", seconds=0.2), said("It is noon.", 0.2))
    data = pcm16(spoken_question) + bytes(96_000)
    speaker, shown = converse(talker, data, headphones=False, tools=ServerTools([NOON]))
    assert [line for line in shown if line[0] != "you"] == [
        ("model", "One moment."),
        ("tool", f"date_time {TIME.arguments_json}"),
        ("tool", TOLD),
        ("model", "It is noon."),
    ]
    assert len(speaker.heard) == 0.4 * 48_000


@pytest.mark.parametrize("allowed", [True, False])
def test_a_sensitive_tool_is_asked_about(tiny_talker: Stepwave, spoken_question: Samples, allowed: bool) -> None:
    opened: list[str] = []
    asked: list[tuple[str, str]] = []

    def open_door(which: str) -> str:
        """Opens a door."""
        opened.append(which)
        return "It is open."

    async def consent(name: str, arguments: str) -> bool:
        asked.append((name, arguments))
        return allowed

    call = ToolCallRequest("open_door", '{"which": "front"}')
    talker = ScriptedTalker(tiny_talker, calling(call), said("Well.", 0.1))
    tools = ServerTools([tool(open_door, sensitive=True)])
    _, shown = converse(talker, pcm16(spoken_question) + bytes(96_000), False, tools, consent)
    assert asked == [("open_door", '{"which": "front"}')]
    assert opened == (["front"] if allowed else [])
    results = [text for who, text in shown if who == "tool"][1:]
    assert ("It is open." in results) is allowed
    assert any("consent" in text for text in results) is not allowed


def test_what_follows_a_call_is_not_heard_either_where_speech_interrupts_before_it(
    tiny_talker: Stepwave, spoken_question: Samples
) -> None:
    first, later = calling(TIME, text="A long story.", seconds=20.0), said("It is noon.", 20.0)
    talker = ScriptedTalker(tiny_talker, first, later, said("Yes.", 0.1))
    data = 2 * (pcm16(spoken_question) + bytes(96_000))
    speaker, _ = converse(talker, data, headphones=True, tools=ServerTools([NOON]))
    assert 0 < speaker.stops[0] < 10
    # The scripted session knows one answer at a time: what is asked of it is the later item, which has no sound left.
    assert talker.sessions[0].shortened[0] == 0.0


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in for `sounddevice` whose streams the test drives."""

    made: list[Any] = []

    class Stream:
        def __init__(self, callback: Any, **shape: Any) -> None:
            self.callback, self.shape, self.open = callback, shape, False
            made.append(self)

        def start(self) -> None:
            self.open = True

        def close(self) -> None:
            self.open = False

    class PortAudioError(Exception):
        pass

    module = SimpleNamespace(made=made, RawOutputStream=Stream, RawInputStream=Stream, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def test_the_sound_card_plays_what_there_is_and_counts_it(portaudio: Any) -> None:
    async def use() -> None:
        with SoundCard() as card:
            output, entry = portaudio.made
            assert output.shape["samplerate"] == 24_000
            card.play(b"\1\0" * 1_000)
            out = bytearray(1_920)
            output.callback(out, 960, None, None)
            assert bytes(out) == b"\1\0" * 960
            output.callback(out, 960, None, None)
            assert bytes(out) == b"\1\0" * 40 + bytes(1_840)
            assert not card.playing
            assert card.stop() == pytest.approx(1_000 / 24_000)
            entry.callback(b"heard", 960, None, None)
            assert await anext(card) == b"heard"
        assert not output.open
        assert not entry.open

    asyncio.run(use())


def test_a_missing_sound_card_is_told(portaudio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise portaudio.PortAudioError("no default output device")

    monkeypatch.setattr(portaudio, "RawOutputStream", refuse)

    async def use() -> None:
        with pytest.raises(ConfigError, match="no default output device"):
            SoundCard().__enter__()

    asyncio.run(use())
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match="sounddevice"):
        SoundCard()
