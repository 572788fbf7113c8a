"""An answer that is begun in a pause: told at once where the question was over, and gone where it was not."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import numpy as np
import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart
from stepwave.facts.errors import ServiceError
from stepwave.facts.events import Event, TextDelta
from stepwave.serving.config import ServerConfig
from stepwave.serving.realtime import items
from stepwave.serving.realtime.conversation import Conversation
from stepwave.serving.realtime.draft import Draft
from stepwave.serving.service import Service
from stepwave.serving.turns import Turns
from stepwave.signal.resample import Samples

from ..conftest import pcm16
from ..scripted import ScriptedSession, ScriptedTalker, said

PIECE = 1_920  # 40 ms of PCM
PAUSE = bytes(48 * 300)  # longer than a pause, shorter than the end of a turn
END = bytes(48 * 1_000)


class Talk:
    """A conversation with a scripted model."""

    def __init__(self, talker: Stepwave) -> None:
        scripted = ScriptedTalker(talker, said("Paris it is", 0.3), said("Rome it is", 0.3))
        self.service = Service(scripted, ServerConfig())
        self.conversation = Conversation(self.service)
        self.session: ScriptedSession = scripted.sessions[0]

    async def send(self, kind: str, **fields: Any) -> None:
        await self.conversation.handle(json.dumps({"type": kind, **fields}))

    async def speak(self, sound: bytes) -> None:
        for start in range(0, len(sound), PIECE):
            piece = base64.b64encode(sound[start : start + PIECE]).decode()
            await self.send("input_audio_buffer.append", audio=piece)

    async def until_asked(self, times: int) -> None:
        while len(self.session.asked) < times or self.service.turns.count:
            await asyncio.sleep(0.005)

    async def told(self) -> list[dict[str, Any]]:
        """All events so far, the answers under way included."""
        while self.conversation.answering:
            await asyncio.sleep(0.005)
        events = []
        while self.conversation.outbox.unsent:
            number, text = await self.conversation.outbox.peek()
            self.conversation.outbox.sent(number)
            events.append(json.loads(text))
        return events

    def fates(self) -> dict[str, float]:
        counts = (self.service.metrics.drafts.labels(fate) for fate in ("kept", "withdrawn"))
        return dict(zip(("kept", "withdrawn"), (count._value.get() for count in counts), strict=True))


def talking(talker: Stepwave, go: Callable[[Talk], Awaitable[None]]) -> None:
    """Run a test's conversation, for at most half a minute."""

    async def inside() -> None:
        talk = Talk(talker)
        try:
            await asyncio.wait_for(go(talk), 30)
        finally:
            await talk.conversation.end()
            await asyncio.to_thread(talk.service.turns.close)

    asyncio.run(inside())


@pytest.fixture
def question(spoken_question: Samples) -> Samples:
    """A spoken question without silence at its ends."""
    loud = np.flatnonzero(np.abs(spoken_question) > 0.02)
    return spoken_question[loud[0] : loud[-1] + 1]


def transcripts(events: list[dict[str, Any]]) -> list[str]:
    return [event["transcript"] for event in events if event["type"] == "response.output_audio_transcript.done"]


def lengths(session: ScriptedSession) -> list[int]:
    parts = [part for message in session.heard for part in message.content or ()]
    return [len(part.samples) for part in parts if isinstance(part, AudioPart)]


def test_an_answer_begun_in_a_pause_is_told_when_the_turn_is_over(tiny_talker: Stepwave, question: Samples) -> None:
    async def go(talk: Talk) -> None:
        await talk.speak(pcm16(question) + PAUSE)
        await talk.until_asked(1)
        assert [event["type"] for event in await talk.told()] == [
            "session.created",
            "input_audio_buffer.speech_started",
        ]
        await talk.speak(END)
        events = await talk.told()
        assert transcripts(events) == ["Paris it is"]
        kinds = [event["type"] for event in events]
        assert kinds.index("input_audio_buffer.speech_stopped") < kinds.index("response.created")
        assert kinds.count("response.output_audio.delta") >= 1
        assert len(talk.session.asked) == 1
        assert len(lengths(talk.session)) == 1
        assert talk.fates() == {"kept": 1, "withdrawn": 0}
        # The next question is an answer of its own.
        await talk.speak(pcm16(question) + END)
        assert transcripts(await talk.told()) == ["Rome it is"]

    talking(tiny_talker, go)


def test_speech_that_goes_on_takes_it_back(tiny_talker: Stepwave, question: Samples) -> None:
    async def go(talk: Talk) -> None:
        await talk.speak(pcm16(question) + PAUSE)
        await talk.until_asked(1)
        (before,) = lengths(talk.session)
        await talk.speak(pcm16(question))
        while talk.session.withdrawn < 1:
            await asyncio.sleep(0.005)
        assert talk.session.heard == []
        await talk.speak(END)
        events = await talk.told()
        assert transcripts(events) == ["Paris it is"]
        (whole,) = lengths(talk.session)
        assert whole >= 1.9 * before
        assert talk.fates()["withdrawn"] >= 1

    talking(tiny_talker, go)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "session.update", "session": {"type": "realtime", "instructions": "Answer in verse."}},
        {
            "kind": "conversation.item.create",
            "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "In verse."}]},
        },
    ],
)
def test_what_the_client_changes_takes_it_back(
    tiny_talker: Stepwave, question: Samples, change: dict[str, Any]
) -> None:
    async def go(talk: Talk) -> None:
        await talk.speak(pcm16(question) + PAUSE)
        await talk.until_asked(1)
        await talk.send(**change)
        await talk.speak(END)
        assert transcripts(await talk.told()) == ["Paris it is"]
        assert talk.session.withdrawn == 1
        assert len(talk.session.asked) == 1
        texts = [str(message.content) for message in talk.session.heard] + [str(told) for told in talk.session.told]
        assert any("verse" in text for text in texts)

    talking(tiny_talker, go)


def test_nothing_is_begun_where_the_client_asks_for_answers_itself(tiny_talker: Stepwave, question: Samples) -> None:
    async def go(talk: Talk) -> None:
        turns = {"type": "server_vad", "create_response": False}
        session = {"type": "realtime", "audio": {"input": {"turn_detection": turns}}}
        await talk.send("session.update", session=session)
        await talk.speak(pcm16(question) + PAUSE + END)
        await talk.told()
        assert talk.session.asked == []

    talking(tiny_talker, go)


def test_a_conversation_that_ends_in_a_pause_leaves_nothing_running(tiny_talker: Stepwave, question: Samples) -> None:
    async def go(talk: Talk) -> None:
        await talk.speak(pcm16(question) + PAUSE)
        await talk.conversation.end()
        while talk.service.turns.count:
            await asyncio.sleep(0.005)

    talking(tiny_talker, go)


def test_events_wait_for_whoever_takes_them_and_errors_do_too() -> None:
    undone: list[str] = []

    def failing() -> Iterator[Event]:
        yield TextDelta("one")
        raise ServiceError("the model is gone")

    async def go(turns: Turns) -> None:
        draft = Draft(turns, failing, lambda: undone.append("undone"))
        events = draft.events()
        assert await anext(events) == TextDelta("one")
        with pytest.raises(ServiceError, match="gone"):
            await anext(events)
        await draft.stop()
        assert undone == []

    with Turns() as turns:
        asyncio.run(go(turns))


def test_what_is_withdrawn_stops_before_it_is_undone() -> None:
    happened: list[str] = []

    def endless() -> Iterator[Event]:
        try:
            for number in range(1_000_000):
                yield TextDelta(str(number))
        finally:
            happened.append("closed")

    async def go(turns: Turns) -> None:
        draft = Draft(turns, endless, lambda: happened.append("undone"))
        while not turns.count:
            await asyncio.sleep(0.005)
        await draft.withdraw()
        assert turns.count == 0

    with Turns() as turns:
        asyncio.run(go(turns))
    assert happened[-1] == "undone"
    assert np.isin(happened, ["closed", "undone"]).all()


def test_the_sound_of_a_question_goes_when_it_is_answered(
    tiny_talker: Stepwave, question: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    sounds: list[weakref.ref[Samples]] = []

    class KnownPart(AudioPart):
        def __init__(self, samples: Samples) -> None:
            super().__init__(samples)
            sounds.append(weakref.ref(samples))

    monkeypatch.setattr(items, "AudioPart", KnownPart)

    async def go(talk: Talk) -> None:
        talk.service.talker = tiny_talker
        talk.conversation = Conversation(talk.service)  # with a session that reads what it is told
        settings = {"type": "realtime", "output_modalities": ["text"], "max_output_tokens": 8}
        await talk.send("session.update", session=settings)
        await talk.speak(pcm16(question) + PAUSE)
        await talk.speak(END)
        assert "response.output_text.done" in [event["type"] for event in await talk.told()]
        assert len(sounds) == 1
        assert sounds[0]() is None

    gc.disable()  # whatever held it has to let go by itself
    try:
        talking(tiny_talker, go)
    finally:
        gc.enable()
