"""Any text and any number of speech tokens survive the way into a spoken section and back; any ids can be read."""

from hypothesis import given
from hypothesis import strategies as st

from stepwave.facts.rates import interleaved_length
from stepwave.facts.tokens import SPEECH_CODES, SpecialTokens
from stepwave.text.interleave import Deinterleaver, deinterleave, interleave, read_section
from stepwave.text.tokenizer import Tokenizer

SPECIAL = SpecialTokens(*range(100, 111), speech_base=200, reserved=(111, 199))
text_ids = st.lists(st.integers(0, 99), max_size=60)
codes = st.lists(st.integers(0, SPEECH_CODES - 1), max_size=200)
any_ids = st.lists(
    st.one_of(st.integers(0, 300), st.integers(-5, 7500), st.sampled_from(range(100, 112))), max_size=200
)


@given(text=st.text(max_size=60), speech=codes, pad_speech=st.booleans())
def test_text_and_speech_survive(tiny_tokenizer: Tokenizer, text: str, speech: list[int], pad_speech: bool) -> None:
    special = tiny_tokenizer.special
    spoken = tiny_tokenizer.encode(text, parse_special=False)
    ids = interleave(spoken, speech, special, pad_speech=pad_speech)
    back, heard = deinterleave([*ids, special.tts_end], special)
    assert tiny_tokenizer.decode(back) == text
    assert heard == speech
    assert tiny_tokenizer.decode(ids) == text


@given(text_ids, codes)
def test_a_section_has_complete_groups_of_one_and_four(text: list[int], speech: list[int]) -> None:
    ids = interleave(text, speech, SPECIAL)
    assert len(ids) == interleaved_length(len(text), len(speech))
    for place, token in enumerate(ids):
        in_text_slot = place % 5 == 0
        assert in_text_slot == (SPECIAL.is_text(token) or token == SPECIAL.tts_pad)
    section = read_section([*ids, SPECIAL.tts_end], SPECIAL)
    assert section.faults == ()
    assert section.closed
    assert (section.text_ids, section.codes, section.after_ids) == (text, speech, [])


@given(text_ids, codes)
def test_the_reader_foresees_every_slot(text: list[int], speech: list[int]) -> None:
    reader = Deinterleaver(SPECIAL)
    for token in interleave(text, speech, SPECIAL):
        foreseen = reader.next_slot
        reader.push(token)
        assert foreseen == ("text" if SPECIAL.is_text(token) or token == SPECIAL.tts_pad else "speech")
    assert reader.next_slot == "text"


@given(any_ids, st.booleans())
def test_any_ids_can_be_read_and_nothing_is_lost(ids: list[int], inside: bool) -> None:
    section = read_section(ids, SPECIAL, inside=inside)
    assert section.codes == [SPECIAL.code(token) for token in ids if SPECIAL.is_speech(token)]
    assert sorted(section.text_ids + section.after_ids) == sorted(token for token in ids if SPECIAL.is_text(token))
    assert all(0 <= fault.position <= len(ids) for fault in section.faults)
    positions = [fault.position for fault in section.faults]
    assert positions == sorted(positions)


@given(any_ids)
def test_a_section_cut_anywhere_gives_the_beginning_of_the_whole(ids: list[int]) -> None:
    whole = read_section(ids, SPECIAL)
    for cut in range(0, len(ids), 7):
        part = read_section(ids[:cut], SPECIAL)
        assert whole.text_ids[: len(part.text_ids)] == part.text_ids
        assert whole.codes[: len(part.codes)] == part.codes
        assert whole.after_ids[: len(part.after_ids)] == part.after_ids
