"""Sessions whose language model runs elsewhere: the same answers, and a history that survives whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from torch import nn

import stepwave.dialogue.engine
from stepwave.checkpoints.layouts import Layout
from stepwave.checkpoints.reader import Placement
from stepwave.dialogue.engine import LocalEngine
from stepwave.dialogue.stepwave import Stepwave
from stepwave.dialogue.waiting import given_up_when
from stepwave.facts.conversation import AudioPart, Message, TextPart
from stepwave.facts.errors import ConfigError, ServiceError, TemplateError
from stepwave.facts.events import AudioDelta, Event, Finished, SpeechDelta, TextDelta
from stepwave.generation.sampling import SamplingSettings
from stepwave.signal.resample import Samples
from stepwave.text.prompts import SPEAK
from stepwave.text.template import Prompt, render
from stepwave.vllm.remote.context import Clip
from stepwave.vllm.remote.engine import RemoteEngine
from stepwave.vllm.remote.server import Patience, Server

from .simulated import Fault, Simulated, fails, waits, writes


def spoken(events: Iterator[Event]) -> tuple[str, list[int], int, str]:
    """Text, codes, samples and the reason of the end."""
    told = list(events)
    end = told[-1]
    assert isinstance(end, Finished)
    codes = [code for event in told if isinstance(event, SpeechDelta) for code in event.codes]
    assert end.speech_tokens == len(codes)
    text = "".join(event.text for event in told if isinstance(event, TextDelta))
    return text, codes, sum(len(event.samples) for event in told if isinstance(event, AudioDelta)), end.reason


def test_a_conversation_is_the_same_as_with_the_engine_here(
    talker: Stepwave, local_engine: LocalEngine, question: Samples
) -> None:
    here = Stepwave(local_engine)
    sessions = [one.session(seed=1) for one in (here, talker)]
    for asked in (question, TextPart("And now?")):
        answers = [spoken(session.stream(asked, max_seconds=0.5)) for session in sessions]
        assert answers[0] == answers[1]
        assert answers[0][2] == 960 * len(answers[0][1]) > 0
        assert sessions[0].ids == sessions[1].ids
    assert sessions[1].truncate(0.2) == sessions[0].truncate(0.2)
    keep = len(sessions[0].ids) - 1
    assert sessions[1].forget_oldest(keep) == sessions[0].forget_oldest(keep) == 1
    answers = [spoken(session.stream(question[:8_000], max_seconds=0.3)) for session in sessions]
    assert answers[0] == answers[1]
    assert sessions[0].ids == sessions[1].ids
    assert sessions[1].transcript() == sessions[0].transcript()


def test_transcribing_and_reading_aloud_are_the_same_too(
    talker: Stepwave, local_engine: LocalEngine, question: Samples
) -> None:
    here = Stepwave(local_engine)
    assert talker.transcribe(question) == here.transcribe(question) != ""
    readings = [spoken(one.stream_say("One.")) for one in (talker, here)]
    assert readings[0] == readings[1]
    assert readings[0][0].strip() == "One."


def test_only_what_makes_sound_is_loaded(
    vllm: Simulated, local_engine: LocalEngine, question: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    load = stepwave.dialogue.engine.load_modules

    def noting(layout: Layout, parts: Sequence[str], placement: Placement) -> dict[str, nn.Module]:
        loaded.extend(parts)
        return load(layout, parts, placement)

    monkeypatch.setattr(stepwave.dialogue.engine, "load_modules", noting)
    talker = Stepwave(RemoteEngine(local_engine.layout, Server(vllm.url), vllm.name, vllm.positions, "cpu"))
    talker.warm()
    talker.transcribe(question)
    assert loaded == ["flow", "vocoder"]


def test_sound_is_told_once_and_again_where_it_was_forgotten(
    talker: Stepwave, vllm: Simulated, question: Samples
) -> None:
    def urls() -> list[list[bool]]:
        return [["url" in part for part in body["content_parts"]] for body in vllm.asked]

    session = talker.session()
    for asked in (question, question[:9_000]):
        list(session.stream(asked, text_only=True, max_seconds=0.2))
    assert urls() == [[True], [False, True]]
    vllm.asked.clear()
    vllm.sound.clear()
    list(session.stream(TextPart("And now?"), text_only=True, max_seconds=0.2))
    assert urls() == [[False, False], [True, True]]
    patches = [body["token_ids"].count(talker.engine.tokenizer.special.audio_patch) for body in vllm.asked]
    assert patches == [2, 2]


FAULTS: list[tuple[Fault, str]] = [
    (fails(500, "out of memory"), r"refused \(500\): out of memory"),
    (fails(403, "Scale-out endpoints are disabled."), r"403.*Scale-out"),
    (fails(302, ""), "sends on to another"),
    (writes('{"error": {"message": "the engine died", "code": 500}}', "[DONE]"), "reports an error: the engine died"),
    (writes("[DONE]"), "reason None"),
    (writes('{"choices": [{"index": 0, "finish_reason": "abort", "token_ids": []}]}', "[DONE]"), "'abort'"),
    (writes(ends=False), "broke off"),
    (writes("no json"), "not JSON"),
    (writes('{"choices": [{"token_ids": ["a"]}]}'), "no list of numbers"),
    (writes('{"choices": [7]}'), "no list of numbers"),
    (writes([-7]), "wrote token -7 where no answer has it.*--logits-processors"),
]


@pytest.mark.parametrize(("fault", "message"), FAULTS)
def test_a_question_that_was_not_answered_waits_for_the_next_answer(
    talker: Stepwave, vllm: Simulated, question: Samples, fault: Fault, message: str
) -> None:
    special = talker.engine.tokenizer.special
    session = talker.session()
    list(session.stream(TextPart("Hello."), text_only=True, max_seconds=0.2))
    before = session.ids
    vllm.faults.append(fault)
    with pytest.raises(ServiceError, match=message):
        list(session.stream(question, text_only=True, max_seconds=0.2))
    assert (session.ids, session.turns) == (before, 1)
    assert list(session.stream(text_only=True, max_seconds=0.2))
    assert session.ids.count(special.audio_start) == 1
    assert session.ids[-1] == special.eot
    assert session.turns == 2


def test_what_was_said_before_a_connection_broke_is_the_answer(
    talker: Stepwave, vllm: Simulated, question: Samples
) -> None:
    special = talker.engine.tokenizer.special
    word = talker.engine.tokenizer.encode("One", parse_special=False)[0]
    codes = [special.speech_id(code) for code in range(4)]
    session = talker.session()
    vllm.faults.append(writes([word], codes, [word], codes[:2], ends=False))
    events = session.stream(question)
    told: list[Event] = []
    with pytest.raises(ServiceError, match="broke off"):
        told.extend(iter(events))
    assert session.turns == 1
    closing = [special.speech_padding_id] * 2 + [special.tts_end, special.eot]
    assert session.ids[-len(closing) :] == closing
    assert spoken(session.stream(TextPart("Go on."), max_seconds=0.2))[1]


def test_a_silent_server_is_left(talker: Stepwave, vllm: Simulated, question: Samples) -> None:
    assert isinstance(talker.engine, RemoteEngine)
    talker.engine.server = Server(vllm.url, patience=Patience(silent_seconds=0.2))
    gate = threading.Event()
    vllm.faults.append(waits(gate))
    with pytest.raises(ServiceError, match=r"said nothing for 0\.2 s"):
        list(talker.session().stream(question))
    gate.set()


def test_leaving_off_and_giving_up_end_the_request(talker: Stepwave, vllm: Simulated, question: Samples) -> None:
    session = talker.session()
    events = session.stream(question, max_seconds=4.0)
    assert next(events)
    events.close()
    assert vllm.broken_off.wait(30)
    gate, asked = threading.Event(), []
    vllm.faults.append(waits(gate))
    with given_up_when(lambda: asked.append(1) or len(asked) > 1), pytest.raises(ServiceError, match="given up"):
        list(session.stream(question))
    gate.set()
    assert spoken(session.stream(max_seconds=0.2))[1]
    assert session.turns == 2


def test_interrupted_is_asked_before_each_token(talker: Stepwave, question: Samples) -> None:
    asked: list[int] = []
    session = talker.session()
    told = spoken(session.stream(question, interrupted=lambda: asked.append(1) or len(asked) > 7))
    assert told[3] == "interrupted"
    assert len(told[1]) == 5  # of seven tokens, two are text


def test_settings_travel_with_the_request(talker: Stepwave, vllm: Simulated, question: Samples) -> None:
    talker.engine.profile = replace(
        talker.profile, text=SamplingSettings(0.7, top_p=0.9), speech=SamplingSettings(0.4, repetition_penalty=1.1)
    )
    list(talker.session(seed=5).stream(question, max_seconds=0.2))
    sampling = vllm.asked[-1]["sampling_params"]
    assert (sampling["temperature"], sampling["top_p"], sampling["seed"]) == (1.0, 1.0, 5)
    assert sampling["extra_args"]["stepwave"]["text"]["temperature"] == 0.7
    assert sampling["extra_args"]["stepwave"]["speech"]["repetition_penalty"] == 1.1


def test_a_context_refuses_what_does_not_fit(talker: Stepwave, question: Samples) -> None:
    tokenizer = talker.engine.tokenizer
    context = talker.engine.context()
    asked = [Message("human", (AudioPart(question),)), Message("assistant", SPEAK, eot=False)]
    prompt = render(asked, tokenizer)
    with pytest.raises(TemplateError, match="pieces of sound"):
        context.read(prompt, [])
    with pytest.raises(ConfigError, match="room for 2048 more"):
        context.read(Prompt([1] * 2049, [], []))
    assert len(context) == 0
    context.read(prompt)
    twin = context.fork()
    with pytest.raises(ConfigError, match="inside a piece of sound"):
        context.rewind(prompt.spans[0][0] + 1)
    context.rewind(2)
    assert (len(context), len(twin)) == (2, len(prompt.ids))
    context.read(render(asked, tokenizer), [Clip(question)])
    assert context.ids == [*prompt.ids[:2], *prompt.ids]
