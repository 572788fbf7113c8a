"""Any text through the tokenizer, any chunks through the streaming decoder, any JSON through the tool markup."""

from hypothesis import given
from hypothesis import strategies as st

from stepwave.facts.conversation import Message
from stepwave.facts.tokens import NAMES
from stepwave.text.markup import BrokenToolCall, ToolCall, parse_tool_calls, write_tool_call
from stepwave.text.template import render
from stepwave.text.tokenizer import Tokenizer

marks = st.sampled_from([*NAMES.values(), "<audio_6561>", "<audio_77>", "<", "|>", "\n"])
text_with_marks = st.lists(st.one_of(st.text(max_size=8), marks), max_size=8).map("".join)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text_with_marks,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text_with_marks, inner, max_size=3),
    max_leaves=8,
)
tool_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(text=text_with_marks)
def test_text_from_outside_comes_back_and_holds_no_special_token(tiny_tokenizer: Tokenizer, text: str) -> None:
    ids = tiny_tokenizer.encode(text, parse_special=False)
    assert tiny_tokenizer.decode(ids, show_special=True) == text
    assert not set(ids) & set(tiny_tokenizer.special.names())
    assert not any(tiny_tokenizer.special.is_speech(token) for token in ids)


@given(text=text_with_marks)
def test_special_strings_come_back_as_well(tiny_tokenizer: Tokenizer, text: str) -> None:
    assert tiny_tokenizer.decode(tiny_tokenizer.encode(text), show_special=True) == text


@given(ids=st.lists(st.one_of(st.integers(0, 300), st.integers(0, 7100)), max_size=40), data=st.data())
def test_streamed_text_equals_whole_text_for_any_chunks(
    tiny_tokenizer: Tokenizer, ids: list[int], data: st.DataObject
) -> None:
    stream = tiny_tokenizer.stream()
    pieces, start = [], 0
    while start < len(ids):
        size = data.draw(st.integers(1, 6))
        pieces.append(stream.push(*ids[start : start + size]))
        start += size
    assert "".join(pieces) + stream.finish() == tiny_tokenizer.decode(ids)


@given(text=st.text(max_size=40))
def test_a_stream_of_real_text_never_shows_a_broken_character(tiny_tokenizer: Tokenizer, text: str) -> None:
    stream = tiny_tokenizer.stream()
    shown = ""
    for token in tiny_tokenizer.encode(text, parse_special=False):
        shown += stream.push(token)
        assert text.startswith(shown)
    assert shown == text


@given(content=text_with_marks)
def test_a_human_turn_is_one_turn_whatever_it_says(tiny_tokenizer: Tokenizer, content: str) -> None:
    special = tiny_tokenizer.special
    ids = render([Message("human", content)], tiny_tokenizer).ids
    assert [token for token in ids if not special.is_text(token)] == [special.bot, special.eot]
    assert tiny_tokenizer.decode(ids) == f"human\n{content}"


@given(st.lists(st.tuples(tool_names, st.dictionaries(text_with_marks, json_values, max_size=3)), max_size=4))
def test_calls_come_back_as_written(calls: list[tuple[str, dict[str, object]]]) -> None:
    parsed = parse_tool_calls("".join(write_tool_call(name, arguments) for name, arguments in calls))
    assert [(call.name, call.arguments) for call in parsed.calls] == calls
    assert (parsed.broken, parsed.text) == ([], "")


@given(
    st.lists(
        st.one_of(st.text(max_size=6), st.sampled_from(["<tool_call>", "</tool_call>", "function\n", "a\n", "{}"]))
    )
)
def test_reading_never_fails_and_loses_no_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    position = 0
    for part in parse_tool_calls(text).parts:
        raw = part if isinstance(part, str) else part.raw if isinstance(part, BrokenToolCall) else None
        if raw is not None:
            assert text.startswith(raw, position)
            position += len(raw)
        else:
            assert isinstance(part, ToolCall)
            position = text.index("</tool_call>", text.index(part.arguments_json, position)) + len("</tool_call>")
    assert position == len(text)
