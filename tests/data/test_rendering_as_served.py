"""What is trained is what is served: examples begin with the ids that dialogue feeds for the same input."""

import dataclasses

import numpy as np
import pytest

import stepwave
from stepwave.data.examples import IGNORED, Example
from stepwave.data.records import Call, Clip, Kind, Record, Turn
from stepwave.data.rendering import Renderer
from stepwave.dialogue import tasks
from stepwave.dialogue.engine import LocalContext, LocalEngine
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart, Message, TextPart
from stepwave.facts.rates import piece_lengths, placeholders
from stepwave.generation.context import Context
from stepwave.models.detokenizer import Voice
from stepwave.signal.resample import Samples
from stepwave.text.prompts import SPEAK, TASK_PROMPTS_NANO, THINK, speak_after_thinking
from stepwave.text.schemas import tool_schemas_message
from stepwave.text.standard_tools import WEATHER
from stepwave.text.template import render

SAMPLES: Samples = (0.1 * np.random.default_rng(0).standard_normal(26 * 16_000)).astype(np.float32)
"""26 seconds: two pieces."""
HEARD = Clip("heard", seconds=26.0)
SAID = Clip("said", seconds=0.2)
PIECES = {"heard": [placeholders(piece) for piece in piece_lengths(len(SAMPLES))], "short": [placeholders(16_000)]}
CODES = {"said": [11, 12, 13, 14, 15]}


@pytest.fixture(scope="module")
def talker(tiny_nano: object) -> Stepwave:
    return stepwave.load(str(tiny_nano), device="cpu", threads=1)


@pytest.fixture(scope="module")
def renderer(talker: Stepwave) -> Renderer:
    return Renderer(talker.engine.tokenizer, TASK_PROMPTS_NANO)


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[Context]:
    """Contexts that single tasks have opened."""
    opened: list[Context] = []
    open_one = LocalEngine.context

    def remembered(engine: LocalEngine, capacity: int = 512) -> LocalContext:
        opened.append(context := open_one(engine, capacity))
        return context

    monkeypatch.setattr(LocalEngine, "context", remembered)
    return opened


def rendered(renderer: Renderer, kind: Kind, *turns: Turn, **details: object) -> Example:
    return renderer.render(Record("one", kind, turns, details=details), PIECES, CODES)


def prompt_of(example: Example) -> list[int]:
    """What stands before the first id that is to be said."""
    first = next(place for place, label in enumerate(example.labels) if label != IGNORED)
    return list(example.ids[: first + 1])


def heard(clip: Clip = HEARD) -> Turn:
    return Turn("human", "", clip, spoken=True)


SPOKEN_ANSWER = Turn("assistant", "It is calm.", SAID, spoken=True)


def test_an_answer(talker: Stepwave, renderer: Renderer) -> None:
    session = talker.session(seed=0)
    list(session.stream(SAMPLES, max_seconds=0.3))
    prompt = prompt_of(rendered(renderer, "conversation", heard(), SPOKEN_ANSWER))
    assert prompt[-1] == talker.engine.tokenizer.special.tts_start
    assert session.ids[: len(prompt)] == prompt


def test_a_written_question(talker: Stepwave, renderer: Renderer) -> None:
    question = "What is <|EOT|> said?"
    session = talker.session(seed=0)
    list(session.stream(TextPart(question), text_only=True, max_seconds=0.3))
    example = rendered(renderer, "conversation", Turn("human", question), Turn("assistant", "It is calm."))
    prompt = prompt_of(example)
    assert session.ids[: len(prompt)] == prompt
    # Asked in writing, answered aloud.
    session = talker.session(seed=0)
    list(session.stream(TextPart(question), max_seconds=0.3))
    prompt = prompt_of(rendered(renderer, "conversation", Turn("human", question), SPOKEN_ANSWER))
    assert session.ids[: len(prompt)] == prompt


def test_a_second_question(talker: Stepwave, renderer: Renderer) -> None:
    session = talker.session(seed=0)
    list(session.stream(SAMPLES, max_seconds=0.3))
    before = len(session.ids)
    list(session.stream(SAMPLES[:16_000], max_seconds=0.3))
    turns = (heard(), SPOKEN_ANSWER, heard(Clip("short")), SPOKEN_ANSWER)
    first, both = (rendered(renderer, "conversation", *turns[:count]) for count in (2, 4))
    asked = both.ids[len(first.ids) :]
    length = asked.index(talker.engine.tokenizer.special.tts_start) + 1
    assert tuple(session.ids[before : before + length]) == asked[:length]


def test_a_transcription(talker: Stepwave, renderer: Renderer, contexts: list[Context]) -> None:
    tasks.transcribe_piece(talker.engine, SAMPLES[:16_000])
    prompt = prompt_of(rendered(renderer, "asr", heard(Clip("short")), Turn("assistant", "It is calm.")))
    assert contexts[0].ids[: len(prompt)] == prompt


def test_a_reading(talker: Stepwave, renderer: Renderer, contexts: list[Context]) -> None:
    voice: Voice = talker.voice()
    for _ in zip(tasks.read_piece(talker.engine, "It is calm.", voice, seed=0), range(3), strict=False):
        pass
    prompt = prompt_of(rendered(renderer, "tts", Turn("human", "It is calm."), SPOKEN_ANSWER))
    assert contexts[0].ids[: len(prompt)] == prompt


def test_tools_and_their_results(talker: Stepwave, renderer: Renderer) -> None:
    engine: LocalEngine = talker.engine
    result = "It rains."
    turns = (
        heard(),
        dataclasses.replace(SPOKEN_ANSWER, calls=(Call("weather", {"location": "Bern"}),)),
        Turn("input", result),
        SPOKEN_ANSWER,
    )
    example = rendered(renderer, "tools", *turns, tools=[WEATHER.entry()])
    asked = [
        Message("system", TASK_PROMPTS_NANO["tools"]),
        tool_schemas_message([WEATHER]),
        Message("human", (AudioPart(SAMPLES),)),
        Message("assistant", SPEAK, eot=False),
    ]
    assert prompt_of(example) == render(asked, engine.tokenizer).ids
    answered = [Message("input", (TextPart(result),)), Message("assistant", SPEAK, eot=False)]
    later = render(answered, engine.tokenizer).ids
    places = [place for place, token in enumerate(example.ids) if token == engine.tokenizer.special.bot]
    assert list(example.ids[places[-2] : places[-2] + len(later)]) == later


def test_thoughts_and_the_answer_after_them(talker: Stepwave, renderer: Renderer) -> None:
    example = rendered(renderer, "conversation", heard(), SPOKEN_ANSWER, reasoning="The speaker is calm.")
    tokenizer = talker.engine.tokenizer
    before = [Message("system", TASK_PROMPTS_NANO["answer"]), Message("human", (AudioPart(SAMPLES),))]
    asked = render([*before, Message("assistant", THINK, eot=False)], tokenizer).ids
    assert prompt_of(example) == asked
    thought = speak_after_thinking("The speaker is calm.</think>")
    again = render([*before, Message("assistant", thought, eot=False)], tokenizer).ids
    assert list(example.ids[: len(again)]) == again
