"""Several turns on one cache: nothing is computed twice, and the history is what was really said."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from stepwave.dialogue.history import shortened, turn_spans
from stepwave.dialogue.session import Session
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart, Message, TextPart
from stepwave.facts.errors import AudioEmptyError, AudioTooLongError, ConfigError, StepwaveError, TextError
from stepwave.facts.events import AudioDelta, Event, Finished, SpeechDelta, TextDelta
from stepwave.generation.context import Context
from stepwave.signal.resample import Samples
from stepwave.text.interleave import read_section
from stepwave.text.prompts import SPEAK
from stepwave.text.schemas import ToolSchema, tool_schemas_message
from stepwave.text.template import render


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


def weather_tool() -> ToolSchema:
    return ToolSchema("weather", "Tells the weather.", {"type": "object", "properties": {"place": {"type": "string"}}})


def test_turns_that_were_added_are_read_with_the_next_question(talker: Stepwave, question: Samples) -> None:
    session = talker.session(system="Be brief.", seed=1, tools=[weather_tool()])
    session.add(Message("human", (TextPart("Name a river."),)))
    session.add(Message("assistant", (TextPart("The Rhine."),)))
    session.add(Message("human", (AudioPart(question),)))
    session.add(Message("human", (TextPart("And in one word?"),)))
    assert session.ids == []
    list(session.stream(max_seconds=0.3))
    tokenizer = talker.engine.tokenizer
    given = render(
        [
            Message("system", "Be brief."),
            tool_schemas_message([weather_tool()]),
            Message("human", (TextPart("Name a river."),)),
            Message("assistant", (TextPart("The Rhine."),)),
            Message("human", (AudioPart(question), TextPart("And in one word?"))),
            Message("assistant", SPEAK, eot=False),
        ],
        tokenizer,
    )
    assert session.ids[: len(given.ids)] == given.ids


def test_a_tool_result_is_answered(talker: Stepwave, question: Samples) -> None:
    session = talker.session(seed=1, tools=[weather_tool()])
    list(session.stream(question, max_seconds=0.3))
    before = len(session.ids)
    session.add_result("Sunny, 20 degrees.")
    list(session.stream(max_seconds=0.3))
    turn = render(
        [Message("input", (TextPart("Sunny, 20 degrees."),)), Message("assistant", SPEAK, eot=False)],
        talker.engine.tokenizer,
    )
    assert session.ids[before : before + len(turn.ids)] == turn.ids
    with pytest.raises(TextError, match="empty tool result"):
        session.add_result("  ")


def test_a_question_that_fails_leaves_what_was_added(talker: Stepwave) -> None:
    session = talker.session(seed=1)
    session.add(Message("human", (TextPart("Name a river."),)))
    with pytest.raises(ConfigError, match="no voice 'nobody'"):
        session.stream(voice="nobody")
    assert list(session.stream(max_seconds=0.3))
    with pytest.raises(ConfigError, match="nothing was asked"):
        session.stream()
    for message, wanted in (
        (Message("human", (TextPart(" "),)), "empty text"),
        (Message("human", ()), "empty 'human' turn"),
        (Message("assistant", None), "open 'assistant' turn"),
    ):
        with pytest.raises(StepwaveError, match=wanted):
            session.add(message)


def test_new_instructions_come_first_or_as_a_further_turn(talker: Stepwave, question: Samples) -> None:
    session = talker.session("Be brief.", seed=1)
    session.instruct("Be kind.", [weather_tool()])
    list(session.stream(question, max_seconds=0.3))
    tokenizer = talker.engine.tokenizer
    first = render([Message("system", "Be kind."), tool_schemas_message([weather_tool()])], tokenizer).ids
    assert session.ids[: len(first)] == first
    before = len(session.ids)
    session.instruct("Be quick.", [weather_tool()])
    list(session.stream(question, max_seconds=0.3))
    further = render([Message("system", "Be quick.")], tokenizer).ids
    assert session.ids[before : before + len(further)] == further


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.5])
def test_an_answer_is_shortened_to_what_was_heard(talker: Stepwave, question: Samples, seconds: float) -> None:
    session = talker.session(seed=1)
    events = list(session.stream(question, max_seconds=1.5))
    said = [code for event in events if isinstance(event, SpeechDelta) for code in event.codes]
    start = session.ids.index(talker.engine.tokenizer.special.tts_start) + 1
    text = session.truncate(seconds)
    special = talker.engine.tokenizer.special
    section = read_section(session.ids[start:], special)
    assert section.codes == said[: round(25 * seconds)]
    assert section.closed
    assert section.faults == ()
    assert session.ids[-1] == special.eot
    assert talker.engine.tokenizer.decode(section.text_ids).strip() == text
    kept = session.ids
    list(session.stream(question, max_seconds=0.3))
    assert session.ids[: len(kept)] == kept


def test_what_was_heard_to_its_end_stays_whole(talker: Stepwave, question: Samples) -> None:
    session = talker.session(seed=1)
    with pytest.raises(ConfigError, match="no finished spoken answer"):
        session.truncate(1.0)
    list(session.stream(question, max_seconds=0.5))
    before = session.ids
    session.truncate(60.0)
    assert session.ids == before


def test_the_oldest_turns_are_forgotten_and_the_rest_is_as_if_read_alone(talker: Stepwave, question: Samples) -> None:
    session = talker.session("Be brief.", seed=1)
    others = [noise(0.7, seed) for seed in range(3)]
    for asked in others:
        list(session.stream(asked, max_seconds=0.3))
    whole, last = session.ids, len(session.ids)
    assert session.room == session._context.model.decoder.config.max_positions - last
    assert session.forget_oldest(len(whole)) == 0
    assert session.ids == whole
    assert session.forget_oldest(2 * len(whole) // 3 + 20) == 1
    head = render([Message("system", "Be brief.")], talker.engine.tokenizer).ids
    kept = session.ids
    assert kept[: len(head)] == head
    assert kept[len(head) :] == whole[len(whole) - len(kept) + len(head) :]
    special = talker.engine.tokenizer.special
    assert kept[len(head)] == special.bot
    model = talker.engine.language
    rows = model.encode(others[1:])
    with torch.inference_mode():
        hidden = model.prefill(model.decoder.new_cache(), torch.tensor([kept]), rows)
    torch.testing.assert_close(session._context.hidden().float(), hidden.float(), rtol=0.1, atol=0.1)
    list(session.stream(question, max_seconds=0.3))
    assert session.ids[: len(kept)] == kept
    # All of it, if need be.
    assert session.forget_oldest(0) == 3
    assert session.ids == head
    with pytest.raises(ConfigError, match="no finished spoken answer"):
        session.truncate(0.1)
    list(session.stream(question, max_seconds=0.3))


def test_a_turn_is_taken_out_and_the_rest_is_as_if_read_without_it(talker: Stepwave, question: Samples) -> None:
    session = talker.session("Be brief.", seed=1)
    others = [noise(0.7, seed) for seed in range(3)]
    for asked in others:
        list(session.stream(asked, max_seconds=0.3))
    whole, special = session.ids, talker.engine.tokenizer.special
    spans = turn_spans(whole, special)
    assert len(spans) == 7  # the system prompt, three questions and three answers
    start, end = spans[3]
    session.replace(start, end)
    kept = [*whole[:start], *whole[end:]]
    assert session.ids == kept
    model = talker.engine.language
    rows = model.encode([others[0], others[2]])
    with torch.inference_mode():
        hidden = model.prefill(model.decoder.new_cache(), torch.tensor([kept]), rows)
    torch.testing.assert_close(session._context.hidden().float(), hidden.float(), rtol=0.1, atol=0.1)
    # The last answer can still be shortened, and what is forgotten later begins at a turn.
    session.truncate(0.0)
    assert turn_spans(session.ids, special)[:5] == turn_spans(kept, special)[:5]
    shorter = session.ids
    assert session.forget_oldest(len(shorter) - 1) == 1
    assert session.ids == [*shorter[: spans[0][1]], *shorter[spans[3][0] :]]
    list(session.stream(question, max_seconds=0.3))


def test_questions_are_joined_where_the_answer_between_them_is_taken_out(talker: Stepwave, question: Samples) -> None:
    session = talker.session("Be brief.", seed=1)
    for asked in (noise(0.7, 1), noise(0.7, 2)):
        list(session.stream(asked, max_seconds=0.3))
    whole, tokenizer = session.ids, talker.engine.tokenizer
    spans = turn_spans(whole, tokenizer.special)
    header = 1 + len(tokenizer.encode("human\n"))
    session.replace(spans[1][1] - 1, spans[3][0] + header)
    joined = render([Message("human", (AudioPart(noise(0.7, 1)), AudioPart(noise(0.7, 2))))], tokenizer).ids
    assert session.ids[spans[1][0] : spans[1][0] + len(joined)] == joined
    # The two are one exchange now: half of it is never forgotten alone.
    assert session.forget_oldest(len(session.ids) - 1) == 1
    assert session.ids == whole[: spans[0][1]]


def test_other_ids_take_the_place_of_an_earlier_answer(talker: Stepwave, question: Samples) -> None:
    session = talker.session("Be brief.", seed=1)
    for _ in range(2):
        list(session.stream(question, max_seconds=1.0))
    whole, special = session.ids, talker.engine.tokenizer.special
    start, end = whole.index(special.tts_start) + 1, turn_spans(whole, special)[2][1]
    answer, section = shortened(whole[start:end], 0.5, special)
    assert len(section.codes) == 12
    session.replace(start, end, answer)
    assert session.ids == [*whole[:start], *answer, *whole[end:]]
    for wrong in ((0, 5), (start, len(whole) + 1), (end, start)):
        with pytest.raises(ConfigError, match="wanted some from"):
            session.replace(*wrong)
    events = session.stream(question, max_seconds=0.3)
    next(events)
    with pytest.raises(ConfigError, match="still answering"):
        session.replace(start, start)


def test_going_back_leaves_nothing_of_what_came_since(talker: Stepwave, question: Samples) -> None:
    asked, plain = talker.session(seed=1), talker.session(seed=1)
    for turn in (1, 2):
        mark = asked.mark()
        asked.instruct("Answer shortly.")
        asked.add(Message("human", (TextPart("Was this said?"),)))
        for event in asked.stream(noise(0.7, turn), max_seconds=0.5):
            if isinstance(event, SpeechDelta):
                break
        asked.go_back(mark)
        answers = [list(session.stream(question, max_seconds=0.5)) for session in (asked, plain)]
        assert asked.ids == plain.ids
        assert [event for event in answers[0] if isinstance(event, SpeechDelta)] == [
            event for event in answers[1] if isinstance(event, SpeechDelta)
        ]
        assert asked.turns == plain.turns == turn
        assert asked.transcript() == plain.transcript()


def test_going_back_past_what_was_changed_is_refused(session: Session, question: Samples) -> None:
    list(session.stream(question, max_seconds=0.5))
    mark = session.mark()
    events = session.stream(question, max_seconds=0.5)
    next(events)
    with pytest.raises(ConfigError, match="still answering"):
        session.go_back(mark)
    events.close()  # type: ignore[attr-defined]
    session.forget_oldest(0)
    with pytest.raises(ConfigError, match="changed"):
        session.go_back(mark)


def test_what_is_kept_of_a_question_is_what_the_model_read_of_it(talker: Stepwave, question: Samples) -> None:
    (heard,) = talker.engine.encode([question])
    assert heard.grad_fn is None  # its graph would hold the encoder's activations
    assert not heard.requires_grad


def test_a_closed_session_holds_nothing_and_begins_anew(talker: Stepwave, question: Samples) -> None:
    closed, fresh = talker.session(seed=1), talker.session(seed=1)
    events = closed.stream(noise(0.7), max_seconds=0.5)
    next(events)
    with pytest.raises(ConfigError, match="still answering"):
        closed.close()
    events.close()  # type: ignore[attr-defined]
    closed.close()
    assert closed.ids == []
    for session in (closed, fresh):
        list(session.stream(question, max_seconds=0.5))
    assert closed.ids == fresh.ids
    assert closed.turns == 1
