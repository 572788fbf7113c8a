"""The decode loop, with the scores of a scripted model: each step has one best id, whatever its rank in the tiny
model."""

from collections.abc import Sequence

import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.facts.events import Event, Finished, SpeechDelta, TextDelta, ToolCallRequest
from stepwave.generation.context import Context
from stepwave.generation.decode import DecodeSettings, close, decode
from stepwave.generation.sampling import SamplingSettings
from stepwave.generation.slots import Guards
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.text.interleave import interleave, read_section
from stepwave.text.markup import write_tool_call
from stepwave.text.template import Prompt
from stepwave.text.tokenizer import Tokenizer


class Script:
    """Stands in for the head: of what `context` says next, the script's id scores best; ids it forces are not asked
    for."""

    def __init__(self, ids: Sequence[int], context: Context) -> None:
        self._ids, self._context, self._before = ids, context, len(context)
        self.scored: list[int] = []

    def __call__(self, hidden: torch.Tensor, rows: slice | None = None) -> torch.Tensor:
        scores = torch.zeros(1, self._context.model.decoder.config.vocab_size)
        scores[0, self._ids[len(self._context) - self._before]] = 9.0
        scores = scores[:, rows]
        self.scored.append(scores.shape[1])
        return scores


def answer(
    model: AudioLanguageModel,
    tokenizer: Tokenizer,
    script: Sequence[int] | None,
    settings: DecodeSettings | None = None,
    *,
    spoken: bool = False,
    interrupt_after: int | None = None,
) -> tuple[list[Event], Context, Script | None]:
    context = Context(model)
    prompt = [tokenizer.special.bot, *tokenizer.encode("assistant\n")]
    context.read(Prompt([*prompt, tokenizer.special.tts_start] if spoken else prompt, [], []))
    head = None
    if script is not None:
        head = Script(script, context)
        model.decoder.head = head
    asked = 0

    def interrupted() -> bool:
        nonlocal asked
        asked += 1
        return interrupt_after is not None and asked > interrupt_after

    return list(decode(context, tokenizer, settings, interrupted)), context, head


def texts(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def codes(events: list[Event]) -> list[int]:
    return [code for event in events if isinstance(event, SpeechDelta) for code in event.codes]


def test_a_text_answer_is_told_in_whole_characters(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    ids = tiny_tokenizer.encode("Three rivers. 今天天气很好 😀")
    events, context, _ = answer(model, tiny_tokenizer, [*ids, tiny_tokenizer.special.eot])
    assert texts(events) == "Three rivers. 今天天气很好 😀"
    assert all("\ufffd" not in event.text for event in events if isinstance(event, TextDelta))
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.text_tokens, end.speech_tokens) == ("stop", len(ids), 0)
    assert context.ids[-len(ids) - 1 :] == [*ids, tiny_tokenizer.special.eot]


def test_a_spoken_answer_then_a_tool_call(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    said, spoken_codes = tiny_tokenizer.encode("It is calm."), list(range(30))
    section = interleave(said, spoken_codes, special)
    call = tiny_tokenizer.encode(write_tool_call("clock", {"zone": "UTC"}))
    script = [*section, special.tts_end, *call, special.eot]
    events, context, head = answer(model, tiny_tokenizer, script, spoken=True)
    assert texts(events) == "It is calm."
    assert codes(events) == spoken_codes
    assert [event for event in events if isinstance(event, ToolCallRequest)] == [
        ToolCallRequest("clock", '{"zone": "UTC"}')
    ]
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.text_tokens, end.speech_tokens) == ("stop", len(said) + len(call), 30)
    generated = context.ids[context.ids.index(special.tts_start) + 1 :]
    assert generated == script
    assert head is not None
    assert head.scored.count(6562) == len(spoken_codes) + 1  # the first padding is chosen, the others follow from it


def test_speech_is_told_code_by_code(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    section = interleave([65, 66], list(range(8)), special)
    events, _, _ = answer(model, tiny_tokenizer, [*section, special.tts_end, special.eot], spoken=True)
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["TextDelta", *["SpeechDelta"] * 4, "TextDelta", *["SpeechDelta"] * 4, "Finished"]


@pytest.mark.parametrize("raw", ["<tool_call>function\nclock\n{oops</tool_call>", "<tool_call>function\nclock\n{"])
def test_a_broken_call_reaches_the_runner(model: AudioLanguageModel, tiny_tokenizer: Tokenizer, raw: str) -> None:
    script = [*tiny_tokenizer.encode(raw), tiny_tokenizer.special.eot]
    events, _, _ = answer(model, tiny_tokenizer, script)
    calls = [event for event in events if isinstance(event, ToolCallRequest)]
    assert [call.arguments_json for call in calls] == [raw]
    assert texts(events) == ""


def test_limits_and_interruption_leave_an_answer_that_close_ends(
    model: AudioLanguageModel, tiny_tokenizer: Tokenizer
) -> None:
    special = tiny_tokenizer.special
    section = interleave([65, 66, 67], list(range(12)), special)
    settings = DecodeSettings(max_tokens=7)
    events, context, _ = answer(model, tiny_tokenizer, section, settings, spoken=True)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "length"
    assert codes(events) == [0, 1, 2, 3, 4]
    close(context)
    kept = read_section(context.ids[context.ids.index(special.tts_start) + 1 :], special)
    assert (kept.text_ids, kept.codes, kept.closed, kept.faults) == ([65, 66], [0, 1, 2, 3, 4], True, ())
    assert context.ids[-1] == special.eot
    length = len(context)
    close(context)
    assert len(context) == length

    events, context, _ = answer(model, tiny_tokenizer, section, spoken=True, interrupt_after=3)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "interrupted"
    assert codes(events) == [0, 1]


def test_the_model_limit_ends_an_answer(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    script = [65 + index % 60 for index in range(600)]
    settings = DecodeSettings(guards=Guards(loop_times=1000))
    events, context, _ = answer(model, tiny_tokenizer, script, settings)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "length"
    assert context.room == 0


def test_an_answer_in_a_loop_is_cut(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    events, _, _ = answer(model, tiny_tokenizer, [65, 66] * 100)
    assert isinstance(events[-1], Finished)
    assert (events[-1].reason, events[-1].text_tokens) == ("length", 16)


@pytest.mark.parametrize("spoken", [False, True], ids=["text", "spoken"])
def test_whatever_the_model_scores_the_answer_is_well_formed(
    model: AudioLanguageModel, tiny_tokenizer: Tokenizer, spoken: bool
) -> None:
    """Sampling from the tiny model's own scores: random, but always within the pattern, and the same for a seed."""
    special = tiny_tokenizer.special
    sampling = SamplingSettings(temperature=1.5, top_k=50, top_p=0.95, repetition_penalty=1.1, seed=3)
    settings = DecodeSettings(sampling, speech=SamplingSettings(temperature=0.9), max_tokens=120)
    events, context, _ = answer(model, tiny_tokenizer, None, settings, spoken=spoken)
    again, same, _ = answer(model, tiny_tokenizer, None, settings, spoken=spoken)
    assert same.ids == context.ids
    assert texts(again) == texts(events)
    close(context)
    start = context.ids.index(special.tts_start) + 1 if spoken else 0
    section = read_section(context.ids[start:], special, inside=spoken)
    assert section.faults == ()
    assert section.codes == codes(events)


def test_generation_goes_on_from_what_was_generated(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    """The next turn's hidden state is what reading all ids afresh gives: nothing was lost or doubled."""
    settings = DecodeSettings(max_tokens=20)
    _, context, _ = answer(model, tiny_tokenizer, None, settings, spoken=True)
    context.read(Prompt([40, 41], [], []))
    with torch.inference_mode():
        afresh = model(torch.tensor([context.ids]))[:, -1]
    torch.testing.assert_close(context.hidden(), afresh, rtol=1e-4, atol=1e-4)


def test_no_room_for_a_token_is_refused() -> None:
    with pytest.raises(ConfigError):
        DecodeSettings(max_tokens=0)
