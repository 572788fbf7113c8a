"""Voices of libraries at a server: listed, searched, spoken with by the official client, refused."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import soundfile
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from stepwave.dialogue.stepwave import Stepwave
from stepwave.models.detokenizer import Voice
from stepwave.serving import voices as serving_voices
from stepwave.signal.files import Audio, read_audio
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.library import Offer, VoiceLibrary
from stepwave.tools.voices.offered import OfferedVoices
from stepwave.tools.voices.places import FILE

from .conftest import TOKEN, Running, running
from .realtime.test_official_client import configure, one, run, sound_of, until
from .scripted import ScriptedTalker, said

VOICES = {
    "grandpa": "a calm elderly man, slow",
    "alice": "another Alice",  # the model's own Alice goes before her
    "alloy": "means the model's own voice",
    "pip": "a tiny mouse",
}


class Noting(Stepwave):
    """Keeps which voices were made ready, and in which thread."""

    def __init__(self, talker: Stepwave) -> None:
        super().__init__(talker.engine)
        self.chosen: list[tuple[Any, str]] = []

    def voice(self, choice: Any = None) -> Voice:
        self.chosen.append((choice, threading.current_thread().name))
        return super().voice(choice)


def hum(hertz: float) -> bytes:
    encoded = io.BytesIO()
    sound = 0.3 * np.sin(2 * np.pi * hertz * np.arange(24_000) / 16_000)
    soundfile.write(encoded, sound, 16_000, format="FLAC")
    return encoded.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a library."""
    folder = tmp_path_factory.mktemp("library")
    library = VoiceLibrary(folder, EmbeddedStore(folder))
    for number, (name, description) in enumerate(VOICES.items()):
        data = hum(200 + 50 * number)
        library.add(Offer(name, lambda data=data: data, {"description": description}))  # type: ignore[misc]
    library.store.close()
    return folder


def opened(folder: Path) -> OfferedVoices:
    return OfferedVoices(lambda: [VoiceLibrary(folder, EmbeddedStore(folder, read_only=True))])


@pytest.fixture(scope="module")
def talker(tiny_talker: Stepwave) -> Noting:
    return Noting(tiny_talker)


@pytest.fixture(scope="module")
def server(talker: Noting, folder: Path) -> Iterator[Running]:
    with running(talker, libraries=opened(folder)) as one:
        yield one


def told(server: Running, **query: str) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(f"http://{server.address}/v1/stepwave/voices", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


GRANDPA = {"name": "grandpa", "description": VOICES["grandpa"], "default": False, "library": True}
OTHER_ALICE = {"name": "library:alice", "description": VOICES["alice"], "default": False, "library": True}
ALLOY = {"name": "library:alloy", "description": VOICES["alloy"], "default": False, "library": True}
PIP = {"name": "pip", "description": VOICES["pip"], "default": False, "library": True}
ALICE = {"name": "alice", "default": True, "library": False}
BOB = {"name": "bob", "default": False, "library": False}


def test_stored_voices_are_listed_then_those_of_libraries_by_names_that_mean_them(server: Running) -> None:
    assert told(server) == {"voices": [ALICE, BOB, GRANDPA, OTHER_ALICE, ALLOY, PIP], "more": False}


def test_a_bound_is_told(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_voices, "MOST_LISTED", 1)
    monkeypatch.setattr(serving_voices, "MOST_FOUND", 1)
    assert told(server) == {"voices": [ALICE, BOB, GRANDPA], "more": True}
    assert told(server, query="a mouse or an old man")["more"] is True


@pytest.mark.parametrize(
    ("query", "found"),
    [("old man", [GRANDPA]), ("pip", [PIP]), ("BO", [BOB]), ("the voice of", []), ("\x00\"' OR *", []), ("", None)],
)
def test_voices_are_searched(server: Running, query: str, found: list[Any] | None) -> None:
    assert told(server, query=query) == {"voices": [ALICE, BOB] if found is None else found, "more": False}


def test_a_search_has_bounds_and_wants_the_token(server: Running) -> None:
    address, headers = f"http://{server.address}/v1/stepwave/voices", {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.get(address, params={"query": "a" * 201}, headers=headers).status_code == 400
    assert httpx.get(address).status_code == 401


def test_a_text_is_read_aloud_in_a_librarys_voice_made_in_the_models_thread(server: Running, talker: Noting) -> None:
    with server.client as client:
        answer = client.audio.speech.create(model="nano", voice="grandpa", input="A river.", response_format="wav")
    assert read_audio(answer.content).seconds > 0.2
    clip, thread = talker.chosen[-1]
    assert (clip.samples == read_audio(hum(200)).samples).all()
    assert thread == "model"


def test_a_chat_is_answered_in_a_librarys_voice(tiny_talker: Stepwave, folder: Path) -> None:
    talker = ScriptedTalker(tiny_talker, said("So?", 0.2))
    with running(talker, libraries=opened(folder)) as server, server.client as client:
        answer = client.chat.completions.create(
            model="nano",
            messages=[{"role": "user", "content": "Who are you?"}],
            modalities=["text", "audio"],
            audio={"voice": "pip", "format": "wav"},
        )
    assert answer.choices[0].message.audio is not None
    (asked,) = talker.sessions[-1].asked
    assert (asked["voice"].samples == read_audio(hum(350)).samples).all()


def test_a_stored_voice_and_openais_go_before_a_librarys(server: Running, talker: Noting) -> None:
    with server.client as client:
        for name, meant in (("alice", "alice"), ("alloy", None)):
            client.audio.speech.create(model="nano", voice=name, input="A river.", response_format="wav")
            assert talker.chosen[-1][0] == meant
        for name, hertz in (("library:alice", 250), ("library:alloy", 300), ("library:pip", 350)):
            client.audio.speech.create(model="nano", voice=name, input="A river.", response_format="wav")
            assert (talker.chosen[-1][0].samples == read_audio(hum(hertz)).samples).all()


def test_a_session_answers_in_a_librarys_voice(server: Running) -> None:
    async def talk(connection: AsyncRealtimeConnection) -> None:
        session = await configure(connection, audio={"output": {"voice": "grandpa"}})
        assert session.audio.output.voice == "grandpa"
        message: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
        await connection.conversation.item.create(item=message)
        await connection.response.create()
        events = await until(connection, "response.done")
        assert one(events, "response.created").response.audio.output.voice == "grandpa"
        assert len(sound_of(events)) > 4800

    run(server, talk)


def test_an_unknown_voice_changes_nothing(server: Running) -> None:
    async def talk(connection: AsyncRealtimeConnection) -> None:
        await configure(connection, audio={"output": {"voice": "grandpa"}})
        await connection.session.update(
            session={"type": "realtime", "instructions": "Sing.", "audio": {"output": {"voice": "nobody"}}}
        )
        error = (await until(connection, "error"))[-1].error
        assert error.message.startswith("no voice 'nobody'; stored voices: alice, bob; /v1/stepwave/voices lists")
        assert (error.code, error.param) == ("invalid_value", "voice")
        session = await configure(connection)
        assert (session.audio.output.voice, session.instructions) == ("grandpa", "")

    run(server, talk)
    with server.client as client, pytest.raises(openai.BadRequestError, match="no voice 'nobody'") as caught:
        client.audio.speech.create(model="nano", voice="nobody", input="A river.")
    assert caught.value.code == "invalid_value"


def test_one_response_may_have_another_librarys_voice(tiny_talker: Stepwave, folder: Path) -> None:
    talker = ScriptedTalker(tiny_talker, said("One.", 0.1), said("Two.", 0.1), said("Three.", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await configure(connection, audio={"output": {"voice": "pip"}})
        voices: list[Any] = [None, {"audio": {"output": {"voice": {"id": "grandpa"}}}}, None]
        for response in voices:
            message: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Count."}]}
            await connection.conversation.item.create(item=message)
            await connection.response.create(**({} if response is None else {"response": response}))
            await until(connection, "response.done")

    with running(talker, libraries=opened(folder)) as server:
        run(server, talk)
    session = talker.sessions[0]
    pip, grandpa = (read_audio(hum(hertz)).samples for hertz in (350, 200))
    spoken: list[Audio] = [asked["voice"] for asked in session.asked]
    assert all(np.array_equal(one.samples, two) for one, two in zip(spoken, (pip, grandpa, pip), strict=True))
    assert session.voices == [None, None, None]  # named anew, so one that a tool had found would be over


def test_libraries_that_cannot_be_read_cost_nobody_the_stored_voices(tiny_talker: Stepwave, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no library" * 1000)
    with running(tiny_talker, libraries=opened(tmp_path)) as server, server.client as client:
        assert told(server) == {"voices": [ALICE, BOB], "more": False}
        assert read_audio(client.audio.speech.create(model="nano", voice="bob", input="A river.").content).seconds > 0
        with pytest.raises(openai.InternalServerError, match="the voice 'grandpa' could not be read") as caught:
            client.audio.speech.create(model="nano", voice="grandpa", input="A river.")
    assert str(tmp_path) not in str(caught.value)
