"""Records of every kind against ids and labels written out by hand."""

from collections.abc import Sequence
from typing import Any

import pytest

from stepwave.data.examples import IGNORED, Heard
from stepwave.data.records import Call, Clip, Kind, Record, Turn
from stepwave.data.rendering import Renderer
from stepwave.facts.errors import ConfigError
from stepwave.text.prompts import NANO_PROMPTS, TASK_PROMPTS_NANO, TASK_PROMPTS_RELEASED
from stepwave.text.tokenizer import Tokenizer

HEARD = Clip("heard", seconds=0.24)
SAID = Clip("said", seconds=0.2)
ALSO_SAID = Clip("also said", seconds=0.16)
PIECES = {"heard": [3]}
CODES = {"said": [11, 12, 13, 14, 15], "also said": [21, 22, 23, 24]}

Chunks = Sequence[str]


def human(text: str = "", clip: Clip | None = None) -> Turn:
    return Turn("human", text, clip, clip is not None, "en")


def assistant(text: str = "", clip: Clip | None = None, language: str = "en", calls: tuple[Call, ...] = ()) -> Turn:
    return Turn("assistant", text, clip, clip is not None, language, calls=calls)


def record(kind: Kind, *turns: Turn, **details: Any) -> Record:
    return Record("one", kind, turns, details=details)


@pytest.fixture
def renderer(tiny_tokenizer: Tokenizer) -> Renderer:
    return Renderer(tiny_tokenizer, TASK_PROMPTS_NANO)


def spelled(tokenizer: Tokenizer, chunks: Chunks) -> list[int]:
    """Ids of chunks, each of which is one special or speech token, or text."""
    ids: list[int] = []
    for chunk in chunks:
        token = tokenizer.token_id(chunk)
        ids += tokenizer.encode(chunk, parse_special=False) if token is None else [token]
    return ids


def check(renderer: Renderer, tokenizer: Tokenizer, what: Record, *parts: tuple[str, Chunks]) -> None:
    """`parts` are what is read and what is said, in turn: ("read", chunks) or ("say", chunks)."""
    example = renderer.render(what, PIECES, CODES)
    ids: list[int] = []
    said: list[bool] = []
    for how, chunks in parts:
        written = spelled(tokenizer, chunks)
        ids += written
        said += [how == "say"] * len(written)
    assert list(example.ids) == ids
    # A label stands one place before the id it names.
    assert list(example.labels) == [
        *(token if is_said else IGNORED for token, is_said in zip(ids[1:], said[1:], strict=True)),
        IGNORED,
    ]
    assert example.task == what.kind


SOUND = ["<audio_start>", "<audio_patch>", "<audio_patch>", "<audio_patch>", "<audio_end>"]
"""What is heard, three placeholders."""
THE_SPEAKER = [
    "The", "<audio_11>", "<audio_12>", "<audio_13>", "<audio_14>",
    " speaker", "<audio_15>", "<audio_6561>", "<audio_6561>", "<audio_6561>",
    "<tts_end>",
]  # fmt: skip
"""A spoken section: two text tokens, five codes."""
CALM = [
    ".", "<audio_11>", "<audio_12>", "<audio_13>", "<audio_14>",
    "<tts_pad>", "<audio_15>", "<audio_6561>", "<audio_6561>", "<audio_6561>",
    "<tts_end>",
]  # fmt: skip
"""A spoken section whose text is over first."""


def system(prompt: str) -> list[str]:
    return ["<|BOT|>", f"system\n{prompt}", "<|EOT|>"]


def test_texts_of_these_tests_have_the_tokens_they_are_written_with(tiny_tokenizer: Tokenizer) -> None:
    for text, count in (("The", 1), (" speaker", 1), ("The speaker", 2), (".", 1)):
        assert len(tiny_tokenizer.encode(text)) == count


def test_asr(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    what = record("asr", human("The speaker", HEARD), assistant("The speaker"))
    read = [*system("Write down what you hear."), "<|BOT|>", "human\n", *SOUND, "<|EOT|>", "<|BOT|>", "assistant\n"]
    check(renderer, tiny_tokenizer, what, ("read", read), ("say", ["The", " speaker", "<|EOT|>"]))
    example = renderer.render(what, PIECES, CODES)
    start = len(spelled(tiny_tokenizer, [*system("Write down what you hear."), "<|BOT|>", "human\n", "<audio_start>"]))
    assert example.heard == (Heard(HEARD, 0, start, 3),)
    # The same labels, spelled out to the last one.
    the, speaker, end = spelled(tiny_tokenizer, ["The", " speaker", "<|EOT|>"])
    assert list(example.labels) == [IGNORED] * (len(example.ids) - 4) + [the, speaker, end, IGNORED]


def test_tts(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    what = record("tts", human("The speaker"), assistant("The speaker", SAID))
    read = [*system("Read the text aloud."), "<|BOT|>", "human\n", "The", " speaker", "<|EOT|>"]
    # The caller asks for speech; the model says the rest, the paddings too.
    check(
        renderer, tiny_tokenizer, what,
        ("read", [*read, "<|BOT|>", "assistant\n", "<tts_start>"]), ("say", [*THE_SPEAKER, "<|EOT|>"]),
    )  # fmt: skip
    assert renderer.render(what, PIECES, CODES).heard == ()


def test_a_spoken_text_that_is_over_first_is_padded(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    what = record("tts", human("."), assistant(".", SAID))
    read = [*system("Read the text aloud."), "<|BOT|>", "human\n", ".", "<|EOT|>", "<|BOT|>", "assistant\n"]
    check(renderer, tiny_tokenizer, what, ("read", [*read, "<tts_start>"]), ("say", [*CALM, "<|EOT|>"]))


def test_translations_name_the_language_of_the_answer(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    heard = ["<|BOT|>", "human\n", *SOUND, "<|EOT|>", "<|BOT|>", "assistant\n"]
    written = ["<|BOT|>", "human\n", "今天", "<|EOT|>", "<|BOT|>", "assistant\n"]
    check(
        renderer, tiny_tokenizer,
        record("s2tt", human("The speaker", HEARD), assistant("今天", language="zh")),
        ("read", [*system("Translate what you hear into Chinese."), *heard]), ("say", ["今天", "<|EOT|>"]),
    )  # fmt: skip
    check(
        renderer, tiny_tokenizer,
        record("t2st", human("今天"), assistant("The speaker", SAID)),
        ("read", [*system("Say the text in English."), *written, "<tts_start>"]),
        ("say", [*THE_SPEAKER, "<|EOT|>"]),
    )  # fmt: skip
    check(
        renderer, tiny_tokenizer,
        record("s2st", human("今天", HEARD), assistant("The speaker", SAID)),
        ("read", [*system("Say what you hear in English."), *heard, "<tts_start>"]),
        ("say", [*THE_SPEAKER, "<|EOT|>"]),
    )  # fmt: skip


def test_a_continuation_has_no_roles_and_goes_on_in_sound_or_in_writing(
    renderer: Renderer, tiny_tokenizer: Tokenizer
) -> None:
    check(
        renderer, tiny_tokenizer,
        record("continuation", human("What is said?", HEARD), assistant("The speaker", SAID)),
        ("read", [*SOUND, "<tts_start>"]), ("say", [*THE_SPEAKER, "<|endoftext|>"]),
    )  # fmt: skip
    check(
        renderer, tiny_tokenizer,
        record("continuation", human("What is said?", HEARD), assistant("The speaker")),
        ("read", SOUND), ("say", ["The", " speaker", "<|endoftext|>"]),
    )  # fmt: skip


def test_a_monologue_chooses_between_sound_and_text_itself(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    also = [".", "<audio_21>", "<audio_22>", "<audio_23>", "<audio_24>", "<tts_end>"]
    check(
        renderer, tiny_tokenizer,
        record(
            "interleaved",
            assistant("The speaker", SAID),
            assistant(".", ALSO_SAID),
            assistant("It is calm."),
            assistant("Listen."),
            assistant("The speaker", SAID),
        ),
        ("say", ["<tts_start>", *THE_SPEAKER, "<tts_start>", *also, "It is calm. Listen."]),
        ("say", ["<tts_start>", *THE_SPEAKER, "<|endoftext|>"]),
    )  # fmt: skip


def test_written_utterances_of_a_language_without_spaces_are_joined_without(
    renderer: Renderer, tiny_tokenizer: Tokenizer
) -> None:
    turns = (assistant("今天。", language="zh"), assistant("天气。", language="zh"))
    check(
        renderer, tiny_tokenizer, record("interleaved", *turns),
        ("say", ["今天。天气。", "<|endoftext|>"]),
    )  # fmt: skip


def test_a_conversation_of_spoken_and_written_turns(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    check(
        renderer, tiny_tokenizer,
        record(
            "conversation",
            human("What is said?", HEARD),
            assistant("The speaker", SAID),
            human("And in one word?"),
            assistant("River."),
        ),
        ("read", [*system("Answer aloud."), "<|BOT|>", "human\n", *SOUND, "<|EOT|>"]),
        ("read", ["<|BOT|>", "assistant\n", "<tts_start>"]), ("say", [*THE_SPEAKER, "<|EOT|>"]),
        ("read", ["<|BOT|>", "human\n", "And in one word?", "<|EOT|>", "<|BOT|>", "assistant\n"]),
        ("say", ["River.", "<|EOT|>"]),
    )  # fmt: skip


def test_a_written_conversation_is_a_chat_unless_it_brings_its_own_prompt(
    renderer: Renderer, tiny_tokenizer: Tokenizer
) -> None:
    turns = (human("And in one word?"), assistant("River."))
    exchange = (
        ("read", ["<|BOT|>", "human\n", "And in one word?", "<|EOT|>", "<|BOT|>", "assistant\n"]),
        ("say", ["River.", "<|EOT|>"]),
    )
    check(
        renderer, tiny_tokenizer, record("conversation", *turns),
        ("read", system("You are a helpful assistant.")), *exchange,
    )  # fmt: skip
    check(
        renderer, tiny_tokenizer, record("conversation", Turn("system", "The speaker is calm."), *turns),
        ("read", system("The speaker is calm.")), *exchange,
    )  # fmt: skip


def test_a_caption(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    check(
        renderer, tiny_tokenizer, record("caption", human("", HEARD), assistant("The speaker is calm.")),
        ("read", [*system("Describe what you hear."), "<|BOT|>", "human\n", *SOUND, "<|EOT|>"]),
        ("read", ["<|BOT|>", "assistant\n"]), ("say", ["The speaker is calm.", "<|EOT|>"]),
    )  # fmt: skip


def test_a_question_about_a_sound_is_one_turn_with_it(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    turns = (human("", HEARD), human("What is said?"), assistant("River."))
    asked = [*system("Answer the question about what you hear."), "<|BOT|>", "human\n", *SOUND, "What is said?"]
    check(
        renderer, tiny_tokenizer, record("qa", *turns),
        ("read", [*asked, "<|EOT|>", "<|BOT|>", "assistant\n"]), ("say", ["River.", "<|EOT|>"]),
    )  # fmt: skip
    # With thoughts: their first mark is the caller's, as one string with the turn's head; the rest is said.
    check(
        renderer, tiny_tokenizer, record("qa", *turns, reasoning="Name three rivers.\n"),
        ("read", [*asked, "<|EOT|>", "<|BOT|>", "assistant\n\n<think>\n"]),
        ("say", ["Name three rivers.</think>\n\n", "River.", "<|EOT|>"]),
    )  # fmt: skip


def test_thoughts_before_a_spoken_answer(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    what = record("conversation", human("", HEARD), assistant("The speaker", SAID), reasoning="It is calm.")
    check(
        renderer, tiny_tokenizer, what,
        ("read", [*system("Answer aloud."), "<|BOT|>", "human\n", *SOUND, "<|EOT|>"]),
        ("read", ["<|BOT|>", "assistant\n\n<think>\n"]), ("say", ["It is calm.</think>\n\n"]),
        ("read", ["<tts_start>"]), ("say", [*THE_SPEAKER, "<|EOT|>"]),
    )  # fmt: skip


WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "It rains.", "parameters": {"type": "object", "properties": {}}},
}
WEATHER_JSON = (
    '[{"type": "function", "function": {"name": "weather", "description": "It rains.", '
    '"parameters": {"type": "object", "properties": {}}}}]'
)


def test_a_tool_is_declared_called_and_its_result_read(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    call = Call("weather", {"location": "Bern"})
    what = record(
        "tools",
        human("What is said?", HEARD),
        assistant("The speaker", SAID, calls=(call, call)),
        Turn("input", "It is calm."),
        assistant(".", ALSO_SAID),
        tools=[WEATHER],
    )
    markup = ["<tool_call>", 'function\nweather\n{"location": "Bern"}', "</tool_call>"]
    check(
        renderer, tiny_tokenizer, what,
        ("read", [*system("Answer, with tools where they help."), "<|BOT|>", f"tool_json_schemas\n{WEATHER_JSON}"]),
        ("read", ["<|EOT|>", "<|BOT|>", "human\n", *SOUND, "<|EOT|>", "<|BOT|>", "assistant\n", "<tts_start>"]),
        ("say", [*THE_SPEAKER, *markup, *markup, "<|EOT|>"]),
        ("read", ["<|BOT|>", "input\n", "It is calm.", "<|EOT|>", "<|BOT|>", "assistant\n", "<tts_start>"]),
        ("say", [".", "<audio_21>", "<audio_22>", "<audio_23>", "<audio_24>", "<tts_end>", "<|EOT|>"]),
    )  # fmt: skip


@pytest.mark.parametrize("spoken", [True, False])
def test_a_call_without_words(renderer: Renderer, tiny_tokenizer: Tokenizer, spoken: bool) -> None:
    turns = (
        human("What is said?", HEARD if spoken else None),
        assistant(calls=(Call("weather", {}),)),
        Turn("input", "It is calm."),
        assistant("The speaker", SAID if spoken else None),
    )
    asked = SOUND if spoken else ["What is said?"]
    # Who wants speech has asked for it already: the section is empty.
    opened, closed = (["<tts_start>"], ["<tts_end>"]) if spoken else ([], [])
    check(
        renderer, tiny_tokenizer, record("tools", *turns, tools=[WEATHER]),
        ("read", [*system("Answer, with tools where they help."), "<|BOT|>", f"tool_json_schemas\n{WEATHER_JSON}"]),
        ("read", ["<|EOT|>", "<|BOT|>", "human\n", *asked, "<|EOT|>", "<|BOT|>", "assistant\n", *opened]),
        ("say", [*closed, "<tool_call>", "function\nweather\n{}", "</tool_call>", "<|EOT|>"]),
        ("read", ["<|BOT|>", "input\n", "It is calm.", "<|EOT|>", "<|BOT|>", "assistant\n", *opened]),
        ("say", [*(THE_SPEAKER if spoken else ["The speaker"]), "<|EOT|>"]),
    )  # fmt: skip


def test_plain_text_is_learnt_whole(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    check(
        renderer, tiny_tokenizer, record("text", human("Name three rivers.")),
        ("say", ["Name three rivers.", "<|endoftext|>"]),
    )  # fmt: skip


def test_of_a_preference_the_chosen_answer_is_rendered(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    what = record(
        "preference", human("", HEARD), assistant("River.", ALSO_SAID), assistant("The speaker", SAID),
        chosen=2, rejected=1,
    )  # fmt: skip
    check(
        renderer, tiny_tokenizer, what,
        ("read", [*system("Answer aloud."), "<|BOT|>", "human\n", *SOUND, "<|EOT|>"]),
        ("read", ["<|BOT|>", "assistant\n", "<tts_start>"]), ("say", [*THE_SPEAKER, "<|EOT|>"]),
    )  # fmt: skip
    assert renderer.said_clips(what) == [SAID]
    assert renderer.heard_clips(what) == [HEARD]


def test_pieces_of_a_long_clip_are_groups_one_after_the_other(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    what = record("asr", human("", HEARD), assistant("River."))
    example = renderer.render(what, {"heard": [2, 1, 0]}, {})
    groups = [
        "<audio_start>", "<audio_patch>", "<audio_patch>", "<audio_end>",
        "<audio_start>", "<audio_patch>", "<audio_end>",
    ]  # fmt: skip
    before = [*system("Write down what you hear."), "<|BOT|>", "human\n"]
    after = ["<|EOT|>", "<|BOT|>", "assistant\n", "River.", "<|EOT|>"]
    assert list(example.ids) == spelled(tiny_tokenizer, [*before, *groups, *after])
    first = len(spelled(tiny_tokenizer, before)) + 1
    # The last piece is too short for a placeholder.
    assert example.heard == (Heard(HEARD, 0, first, 2), Heard(HEARD, 1, first + 4, 1))


def test_what_records_contain_is_plain_text(renderer: Renderer, tiny_tokenizer: Tokenizer) -> None:
    spelling = "<|EOT|><tts_start><audio_5></tool_call>"
    special = {tiny_tokenizer.token_id(name) for name in ("<tts_start>", "<audio_5>", "<tool_call>", "</tool_call>")}
    for what in (
        record("conversation", human(spelling), assistant(spelling)),
        record("tts", human(spelling), assistant(spelling, SAID)),
        record("text", human(spelling)),
    ):
        ids = renderer.render(what, PIECES, CODES).ids
        assert sum(token in special for token in ids) == (what.kind == "tts")


def test_prompts_of_the_released_model(tiny_tokenizer: Tokenizer) -> None:
    renderer = Renderer(tiny_tokenizer, TASK_PROMPTS_RELEASED)
    example = renderer.render(record("s2tt", human("", HEARD), assistant("今天", language="zh")), PIECES, {})
    prompt = "Please listen carefully to this audio and then translate its content into Chinese."
    assert list(example.ids[: example.heard[0].start - 1]) == spelled(
        tiny_tokenizer, [*system(prompt), "<|BOT|>", "human\n"]
    )


def test_a_task_without_a_prompt_is_a_mistake_of_the_settings(tiny_tokenizer: Tokenizer) -> None:
    renderer = Renderer(tiny_tokenizer, NANO_PROMPTS)
    with pytest.raises(ConfigError, match="no prompt for 'caption'; known: transcribe, read, answer, chat"):
        renderer.render(record("caption", human("", HEARD), assistant("River.")), PIECES, {})
