"""Spoken sections: the examples of the reference, and what malformed ids give."""

import pytest

from stepwave.facts.tokens import SpecialTokens
from stepwave.text.interleave import Deinterleaver, Fault, Item, deinterleave, interleave, read_section

SPECIAL = SpecialTokens(*range(100, 111), speech_base=200)
PAD, SPEECH_PAD = SPECIAL.tts_pad, SPECIAL.speech_padding_id


def speech(*codes: int) -> list[int]:
    return [SPECIAL.speech_id(code) for code in codes]


def test_text_over_first_is_padded_with_tts_pad() -> None:
    ids = interleave([1], [10, 11, 12, 13, 14], SPECIAL)
    assert ids == [1, *speech(10, 11, 12, 13), PAD, *speech(14), SPEECH_PAD, SPEECH_PAD, SPEECH_PAD]


def test_sound_over_first_is_padded_with_the_padding_code() -> None:
    ids = interleave([1, 2, 3], [10], SPECIAL)
    padding = [SPEECH_PAD] * 4
    assert ids == [1, *speech(10), *padding[1:], 2, *padding, 3, *padding]


def test_the_short_form_leaves_the_padding_code_out() -> None:
    assert interleave([1, 2, 3], [10], SPECIAL, pad_speech=False) == [1, *speech(10), 2, 3]


def test_nothing_gives_nothing() -> None:
    assert interleave([], [], SPECIAL) == []
    assert deinterleave([], SPECIAL) == ([], [])


@pytest.mark.parametrize(
    ("text", "codes"), [([SPECIAL.eot], [1]), ([PAD], []), ([1], [6561]), ([1], [-1]), ([1], [7000])]
)
def test_what_does_not_belong_is_refused(text: list[int], codes: list[int]) -> None:
    with pytest.raises(ValueError, match=r"not text|padding|speech code"):
        interleave(text, codes, SPECIAL)


def test_each_id_is_told_apart_as_it_arrives() -> None:
    reader = Deinterleaver(SPECIAL)
    ids = [1, *speech(10), SPEECH_PAD, SPEECH_PAD, SPEECH_PAD, PAD, *[SPEECH_PAD] * 4, SPECIAL.tts_end, 2, SPECIAL.eot]
    slots, items = [], []
    for token in ids:
        slots.append(reader.next_slot)
        items.append(reader.push(token))
    assert slots == ["text", *["speech"] * 4, "text", *["speech"] * 4, "text", "free", "free"]
    assert items[:3] == [Item("text", 1, True), Item("speech", 10, True), Item("control", SPEECH_PAD, True)]
    assert [item.kind for item in items[2:11]] == ["control"] * 9
    assert items[11:] == [Item("text", 2, False), Item("control", SPECIAL.eot, False)]
    assert reader.finish() == ()
    assert not reader.inside


def test_a_section_is_read_with_the_tool_call_after_it() -> None:
    call = [SPECIAL.tool_call_start, 7, SPECIAL.tool_call_end]
    ids = [SPECIAL.tts_start, *interleave([1, 2], [10], SPECIAL), SPECIAL.tts_end, *call, SPECIAL.eot]
    section = read_section(ids, SPECIAL, inside=False)
    assert (section.text_ids, section.codes, section.after_ids) == ([1, 2], [10], call)
    assert section.closed
    assert section.faults == ()


def test_a_section_cut_short_keeps_what_arrived() -> None:
    section = read_section([1, *speech(10, 11)], SPECIAL)
    assert (section.text_ids, section.codes, section.closed) == ([1], [10, 11], False)
    assert section.faults == (Fault(3, "the last group has 2 of 4 speech tokens"),)


def test_a_cut_between_groups_is_no_fault() -> None:
    section = read_section([1, *speech(10, 11, 12, 13)], SPECIAL)
    assert (section.closed, section.faults) == (False, ())


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, 2, *speech(1, 2, 3, 4)], Fault(1, "text where speech belongs")),
        ([1, *speech(1, 2, 3, 4, 5, 6), 2, *speech(7, 8, 9, 10)], Fault(5, "speech where text belongs")),
        ([*speech(1, 2, 3)], Fault(0, "speech where text belongs")),
        ([PAD, *speech(1, 2, 3, 4), 1, *speech(5, 6, 7, 8)], Fault(5, "text after its padding")),
        ([1, SPEECH_PAD, *speech(1, 2, 3)], Fault(2, "speech after its padding")),
        ([1, *speech(1, 2), SPECIAL.audio_start, *speech(3, 4)], Fault(3, "token 105 is neither text nor speech")),
        ([1, *speech(1, 2, 3, 4), 9000], Fault(5, "token 9000 is neither text nor speech")),
        ([1, *speech(1, 2, 3, 4), SPECIAL.eot], Fault(5, "the turn ends inside the spoken section")),
        ([SPECIAL.tts_start, 1, *speech(1, 2, 3, 4)], Fault(0, "<tts_start> inside a spoken section")),
        ([SPECIAL.tts_end, SPECIAL.tts_end], Fault(1, "<tts_end> without <tts_start>")),
        ([SPECIAL.tts_end, *speech(1, 2)], Fault(1, "speech outside a spoken section")),
        ([SPECIAL.tts_end, PAD, PAD, 1], Fault(1, "<tts_pad> outside a spoken section")),
        ([1, *speech(1), SPECIAL.tts_end], Fault(2, "the last group has 1 of 4 speech tokens")),
    ],
)
def test_each_departure_from_the_pattern_is_listed_once(ids: list[int], expected: Fault) -> None:
    section = read_section(ids, SPECIAL)
    assert section.faults == (expected,)
    assert section.codes == [SPECIAL.code(token) for token in ids if SPECIAL.is_speech(token)]
    assert section.text_ids + section.after_ids == [token for token in ids if SPECIAL.is_text(token)]


def test_the_pattern_is_found_again_after_a_fault() -> None:
    reader = Deinterleaver(SPECIAL)
    for token in [1, *speech(1, 2), 2, *speech(3, 4, 5, 6)]:
        reader.push(token)
    assert reader.next_slot == "text"
    assert len(reader.faults) == 1
