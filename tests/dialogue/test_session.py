"""Several turns on one cache: nothing is computed twice, and the history is what was really said."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from stepwave.dialogue.session import Session
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import TextPart
from stepwave.facts.errors import AudioEmptyError, AudioTooLongError, ConfigError, TextError
from stepwave.facts.events import AudioDelta, Event, Finished, SpeechDelta, TextDelta
from stepwave.generation.context import Context
from stepwave.signal.resample import Samples
from stepwave.text.interleave import read_section


def noise(seconds: float, seed: int = 3) -> Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(seconds * 16_000))).astype(np.float32)


def kinds(events: list[Event]) -> set[type[object]]:
    return {type(event) for event in events}


@pytest.fixture
def session(talker: Stepwave) -> Session:
    return talker.session(seed=1)


def test_turns_add_up_and_end_properly(session: Session, talker: Stepwave, question: Samples) -> None:
    special = talker.engine.tokenizer.special
    for turn in (1, 2):
        before = len(session.ids)
        events = list(session.stream(question, max_seconds=0.5))
        assert kinds(events) >= {SpeechDelta, AudioDelta, Finished}
        assert isinstance(events[-1], Finished)
        new = session.ids[before:]
        assert new.count(special.eot) == (3 if turn == 1 else 2)
        assert new[-1] == special.eot
        said = new[new.index(special.tts_start) + 1 :]
        section = read_section(said, special)
        assert section.closed
        assert section.faults == ()
        codes = [code for event in events if isinstance(event, SpeechDelta) for code in event.codes]
        assert section.codes == codes
        samples = sum(len(event.samples) for event in events if isinstance(event, AudioDelta))
        assert samples == 960 * len(codes)
    assert session.turns == 2


def test_the_cache_of_two_turns_is_that_of_the_whole_history(
    session: Session, talker: Stepwave, question: Samples
) -> None:
    other = noise(0.7)
    for asked in (question, other):
        list(session.stream(asked, max_seconds=0.3))
    list(session.stream(TextPart("And now?"), text_only=True, max_seconds=0.2))
    model = talker.engine.language
    whole = Context(model)
    ids = session.ids
    rows = model.encode([question, other])
    with torch.inference_mode():
        hidden = model.prefill(model.decoder.new_cache(), torch.tensor([ids]), rows)
    kept = session._context.hidden()
    assert len(whole) == 0
    torch.testing.assert_close(kept.float(), hidden.float(), rtol=0.1, atol=0.1)


def test_sound_is_encoded_once_for_answer_and_transcript(
    session: Session, talker: Stepwave, question: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, heard = talker.engine.language, []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda pieces: heard.extend(pieces) or encode(pieces))
    for _ in range(2):
        list(session.stream(question, text_only=True, max_seconds=0.3))
    transcript = session.transcript()
    assert len(heard) == 2
    monkeypatch.undo()
    assert transcript == talker.transcribe(question)


def test_a_written_answer_is_the_text_of_the_spoken_one(talker: Stepwave, question: Samples) -> None:
    written = list(talker.session(seed=5).stream(question, text_only=True, max_seconds=0.5))
    spoken = list(talker.session(seed=5).stream(question, max_seconds=0.5))
    assert kinds(written) <= {TextDelta, Finished}
    texts = ["".join(event.text for event in events if isinstance(event, TextDelta)) for events in (written, spoken)]
    assert texts[0] == texts[1]
    assert texts[0]


def test_leaving_off_keeps_what_was_said(session: Session, talker: Stepwave, question: Samples) -> None:
    events: Iterator[Event] = session.stream(question)
    for event in events:
        if isinstance(event, AudioDelta):
            break
    events.close()  # type: ignore[attr-defined]
    assert session.ids[-1] == talker.engine.tokenizer.special.eot
    assert list(session.stream(question, max_seconds=0.2))


def test_the_caller_can_stop_an_answer(session: Session, question: Samples) -> None:
    asked = 0

    def interrupted() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    end = list(session.stream(question, interrupted=interrupted))[-1]
    assert isinstance(end, Finished)
    assert end.reason == "interrupted"


def test_one_answer_at_a_time(session: Session, question: Samples) -> None:
    first = session.stream(question, max_seconds=0.3)
    next(first)
    with pytest.raises(ConfigError, match="still answering"):
        session.stream(question)
    list(first)
    assert list(session.stream(question, max_seconds=0.2))


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (np.zeros(16_000, dtype=np.float32), AudioEmptyError),
        (TextPart(" "), TextError),
        (noise(121), AudioTooLongError),
    ],
    ids=["silence", "no text", "too long"],
)
def test_what_cannot_be_asked_leaves_the_session_as_it_was(
    session: Session, asked: Samples | TextPart, error: type[Exception], question: Samples
) -> None:
    list(session.stream(question, max_seconds=0.2))
    before = session.ids
    with pytest.raises(error):
        session.stream(asked)
    assert session.ids == before
    with pytest.raises(ConfigError, match="max_seconds"):
        session.stream(question, max_seconds=-1.0)


def test_a_conversation_that_is_full_says_so(session: Session, talker: Stepwave, question: Samples) -> None:
    list(session.stream(question, text_only=True, max_seconds=0.2))
    room = session._context.room
    special = talker.engine.tokenizer.special
    for _ in range(room - 340):
        session._context.append(special.eot)
    with pytest.raises(AudioTooLongError, match="room for 2 s more"):
        session.stream(noise(20.0))
    for _ in range(30):
        session._context.append(special.eot)
    with pytest.raises(ConfigError, match="start a new session"):
        session.stream(question)


def test_the_system_prompt_is_the_callers_or_the_tasks(talker: Stepwave, question: Samples) -> None:
    def opening(session: Session, asked: Samples | TextPart) -> str:
        list(session.stream(asked, text_only=True, max_seconds=0.1))
        return talker.engine.tokenizer.decode(session.ids, show_special=True)

    assert opening(talker.session("Be brief."), question).startswith("<|BOT|>system\nBe brief.<|EOT|>")
    assert opening(talker.session(), question).startswith("<|BOT|>system\nAnswer aloud.<|EOT|>")
    assert opening(talker.session(), TextPart("Hi")).startswith("<|BOT|>system\nYou are a helpful assistant.<|EOT|>")
