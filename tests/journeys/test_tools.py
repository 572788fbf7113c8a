"""A spoken request, a call, its result, a spoken answer: one journey for each tool, offline.

SCRIPTED: nano makes no calls yet, so its words, calls and speech codes are written here. Hearing, history, prompts, the
tools, their servers and the sound of the answers are real, and nano's own.
"""

import json
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import stepwave
from stepwave.checkpoints.locate import nano_folders
from stepwave.dialogue.language import LanguageContext
from stepwave.dialogue.results import Reply
from stepwave.dialogue.saved import save_session
from stepwave.dialogue.session import Session
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import Event, Finished, SpeechDelta, TextDelta, ToolCallRequest
from stepwave.tools.clock import clock
from stepwave.tools.contract import Tool, tool
from stepwave.tools.mcp.attached import Attached
from stepwave.tools.mcp.config import McpServer
from stepwave.tools.voices.opening import open_libraries
from stepwave.tools.voices.search_tool import audio_search
from stepwave.tools.web.fetching import Limits
from stepwave.tools.web.search.choosing import open_engine
from stepwave.tools.web.search.tool import web_search
from stepwave.tools.web.weather.service import Service
from stepwave.tools.web.weather.tool import weather

from ..tools.web.conftest import replaying

ROOT = Path(__file__).resolve().parents[2]
QUESTION = ROOT / "examples" / "question.wav"
VOICES = ROOT / "models" / "voices"
FOLDER = nano_folders()[0]
pytestmark = pytest.mark.skipif(not (FOLDER / "config.json").is_file(), reason=f"no weights at {FOLDER}")
NOON = datetime(2026, 12, 2, 11, 50, tzinfo=UTC)


@pytest.fixture(scope="module")
def nano() -> Stepwave:
    return stepwave.load("nano", threads=2)


@pytest.fixture(scope="module")
def codes(nano: Stepwave) -> tuple[int, ...]:
    """What a spoken answer is made of: the codes of real speech."""
    return tuple(nano.voice(QUESTION).prompt_codes.tolist())


@dataclass
class Talk:
    """The scripted model: what it will say, and what it had read before each of its answers."""

    nano: Stepwave
    codes: tuple[int, ...]
    scripts: deque[list[Event]] = field(default_factory=deque)
    read: list[str] = field(default_factory=list)

    def says(self, text: str, *calls: ToolCallRequest) -> None:
        """Its next answer, with the calls at its end."""
        self.scripts.append(
            [TextDelta(text), SpeechDelta(self.codes), *calls, Finished("stop", 5, len(self.codes), 0.1)]
        )

    def decode(self, context: LanguageContext) -> Iterator[Event]:
        self.read.append(self.nano.engine.tokenizer.decode(context.ids))
        yield from self.scripts.popleft()

    def reply(self, *tools: Tool, session: Session | None = None) -> Reply:
        """Ask nano aloud."""
        return self.nano.reply(QUESTION, tools=tools, session=session)

    def heard_and_spoken(self, reply: Reply, answers: int) -> None:
        """The request was heard; each answer sounds, in the voice and for as long as its codes last."""
        assert reply.heard is not None
        assert reply.heard.lower().strip("?") == "what is the capital of france"
        assert len(reply.samples) == answers * len(self.codes) * 960
        assert np.sqrt(np.mean(reply.samples**2)) > 0.01


@pytest.fixture
def talk(nano: Stepwave, codes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> Talk:
    made = Talk(nano, codes)
    spoken = type(nano.engine.context()).decode

    def decode(context: LanguageContext, *settings: object) -> Iterator[Event]:
        # What it heard is written down by nano itself, in a context of its own, when the scripts are over.
        return made.decode(context) if made.scripts else spoken(context, *settings)  # type: ignore[arg-type]

    monkeypatch.setattr(type(nano.engine.context()), "decode", decode)
    return made


def test_date_and_time(talk: Talk) -> None:
    talk.says("One moment.", ToolCallRequest("date_time", '{"time_zone": "Tokyo"}'))
    talk.says("It is ten to nine in the evening.")
    reply = talk.reply(clock(lambda zone: NOON.astimezone(zone)))
    (call,) = reply.rounds[0].calls
    assert json.loads(call.text)["time"] == "20:50"
    assert call.text in talk.read[1]
    talk.heard_and_spoken(reply, answers=2)


def test_the_weather(talk: Talk) -> None:
    with replaying() as server:
        service = Service(f"{server.address}/v1/forecast", f"{server.address}/v1/search", (server.place,), Limits(5))
        talk.says("Let me look.", ToolCallRequest("weather", '{"location": "Oslo"}'))
        talk.says("Light snow, at four below zero.")
        reply = talk.reply(weather(service, lambda zone: NOON.astimezone(zone)))
    (call,) = reply.rounds[0].calls
    assert json.loads(call.text)["condition"] == "light snow"
    assert call.text in talk.read[1]
    talk.heard_and_spoken(reply, answers=2)


def test_searching_documents(talk: Talk, program: Callable[..., object]) -> None:
    program("tools", "index", ROOT / "examples" / "documents", "--to", "town.index")
    talk.says("I will search.", ToolCallRequest("web_search", '{"query": "Lantern Museum opening hours"}'))
    talk.says("It opens at half past ten.")
    reply = talk.reply(web_search(open_engine("index:town.index")))
    (call,) = reply.rounds[0].calls
    assert call.untrusted
    assert "Open from 10:30 to 17:15" in call.text
    assert call.text in talk.read[1]
    talk.heard_and_spoken(reply, answers=2)


@pytest.mark.skipif(not (VOICES / "voices.sqlite").is_file(), reason=f"no voices at {VOICES}")
def test_searching_voices(talk: Talk) -> None:
    """The answer goes on in the voice that was found, and the next one too, until the model's own is asked for."""
    found = audio_search(lambda: open_libraries(VOICES))
    talk.says("", ToolCallRequest("audio_search", '{"query": "a deep slow male voice"}'))
    talk.says("How do you like this one?")
    session = talk.nano.session()
    reply = talk.reply(found, session=session)
    (call,) = reply.rounds[0].calls
    assert call.voice is not None
    assert call.voice.clip is not None
    assert "description" in call.text
    assert session.voice is not None
    assert session.ids.count(session.engine.tokenizer.special.audio_start) == 2  # the question and the clip
    own, other = np.split(reply.samples, 2)
    assert np.abs(own - other).mean() > 0.01
    talk.heard_and_spoken(reply, answers=2)
    talk.says("", ToolCallRequest("audio_search", '{"query": "your normal voice"}'))
    talk.says("Back again.")
    again = talk.reply(found, session=session)
    assert again.rounds[0].calls[0].voice is not None
    assert session.voice is None
    np.testing.assert_allclose(np.split(again.samples, 2)[1], own, atol=1e-4)


def test_a_tool_of_ones_own_and_one_of_an_mcp_server(talk: Talk) -> None:
    def ring(times: int) -> str:
        """Rings the bell.

        Args:
            times: How often
        """
        return "Ding! " * times

    server = ROOT / "examples" / "mcp" / "weather_server.py"
    talk.says("I will ring and look.", ToolCallRequest("ring", '{"times": 2}'),
              ToolCallRequest("forecast", '{"city": "Rome"}'))  # fmt: skip
    talk.says("Done. It will be sunny.")
    with Attached([McpServer("weather", (sys.executable, str(server)))]) as servers:
        reply = talk.reply(tool(ring), *servers.tools)
    first, second = reply.rounds[0].calls
    assert (first.text, second.text) == ("Ding! Ding! ", "Tomorrow in Rome: sunny, 21 degrees.")
    talk.heard_and_spoken(reply, answers=2)


@pytest.mark.skipif(not (VOICES / "voices.sqlite").is_file(), reason=f"no voices at {VOICES}")
def test_a_conversation_with_several_tools_is_taken_up_another_day(talk: Talk, here: Path) -> None:
    """What was said, found and heard, and whose voice speaks, outlive the program."""
    tools = clock(lambda zone: NOON.astimezone(zone)), audio_search(lambda: open_libraries(VOICES))
    session = talk.nano.session(seed=1)
    talk.says("", ToolCallRequest("date_time", '{"time_zone": "Oslo"}'))
    talk.says("", ToolCallRequest("audio_search", '{"query": "an old woman"}'))
    talk.says("It is ten to one.")
    talk.reply(*tools, session=session)
    save_session(session, here / "talk.safetensors")
    resumed = talk.nano.resume(here / "talk.safetensors")
    assert resumed.ids == session.ids
    talk.says("As I said.")
    once = talk.reply(*tools, session=session)
    talk.says("As I said.")
    again = talk.reply(*tools, session=resumed)
    assert talk.read[-1] == talk.read[-2]
    assert '"time": "12:50"' in talk.read[-1]
    np.testing.assert_allclose(once.samples, again.samples, atol=1e-3)
