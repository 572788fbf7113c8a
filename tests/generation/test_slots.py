import pytest

from stepwave.facts.errors import ConfigError
from stepwave.generation.slots import Choice, Guards, Slots, follow, has_loop
from stepwave.text.tokenizer import Tokenizer


def ids_of(choice: Choice) -> set[int]:
    """Every id that may come next."""
    if choice.forced is not None:
        return {choice.forced}
    ruled_out = (
        set() if choice.ruled_out is None else {choice.rows.start + place for place in choice.ruled_out.tolist()}
    )
    return set(range(choice.rows.start, choice.rows.stop)) - ruled_out


@pytest.fixture
def slots(tiny_tokenizer: Tokenizer) -> Slots:
    return follow([1, 2, tiny_tokenizer.special.tts_start], tiny_tokenizer.special)


def test_a_group_is_one_text_and_four_speech_slots(slots: Slots, tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    texts = {token for token in range(special.speech_base) if special.is_text(token)}
    marks = {special.tool_call_start, special.tool_call_end}
    for _ in range(2):
        assert ids_of(slots.choice()) == (texts - marks) | {special.tts_pad, special.tts_end}
        slots.push(65)
        for code in range(4):
            speech = ids_of(slots.choice())
            assert speech == set(range(special.speech_base, special.speech_padding_id + 1))
            slots.push(special.speech_id(code))


def test_padding_is_for_good_and_both_paddings_end_the_section(slots: Slots, tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    slots.push(special.tts_pad)
    for code in range(4):
        slots.push(special.speech_id(code))
    assert ids_of(slots.choice()) == {special.tts_pad, special.tts_end}
    slots.push(special.tts_pad)
    slots.push(special.speech_padding_id)
    for _ in range(3):
        assert ids_of(slots.choice()) == {special.speech_padding_id}
        slots.push(special.speech_padding_id)
    assert ids_of(slots.choice()) == {special.tts_end}


def test_after_the_section_comes_text_a_tool_call_or_the_end(slots: Slots, tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    slots.push(special.tts_end)
    after = ids_of(slots.choice())
    assert {special.tool_call_start, special.eot, special.end_of_text, 65} <= after
    assert not after & {special.tts_start, special.tts_pad, special.audio_start, special.audio_patch, special.bot}
    assert max(after) < special.speech_base


def test_following_a_prompt_finds_an_open_section_and_only_that(tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    section = [special.tts_start, 65, *[special.speech_id(7)] * 4, 66, special.speech_id(8)]
    assert follow([special.bot, *section], special).slot == 2
    assert not follow([*section, special.tts_end], special).spoken
    assert not follow([*section, special.eot, special.bot], special).spoken
    assert not follow([], special).spoken


def test_closing_completes_the_group(tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    open_section = [special.tts_start, 65, special.speech_id(7)]
    padding = [special.speech_padding_id] * 3
    assert follow(open_section, special).closing() == [*padding, special.tts_end, special.eot]
    assert follow([special.tts_start], special).closing() == [special.tts_end, special.eot]
    assert follow([special.bot, 65], special).closing() == [special.eot]


def test_speech_without_end_closes_the_section(tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special

    def codes_until_closed(guards: Guards, text: int, step: int) -> int:
        slots, codes = follow([special.tts_start], special, guards), 0
        while special.tts_end not in ids_of(slots.choice()) or len(ids_of(slots.choice())) > 1:
            if slots.slot == 0:
                slots.push(65 + codes // 4 if codes // 4 < text else special.tts_pad)
            else:
                slots.push(special.speech_id(codes * step % 100))
                codes += 1
        assert slots.runaway
        return codes

    assert codes_until_closed(Guards(codes_per_text_token=10, spare_codes=20), text=3, step=1) == 52
    assert codes_until_closed(Guards(same_code=40), text=30, step=0) == 40


def test_text_in_a_loop_is_ended(tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    guards = Guards(loop_period=3, loop_times=4)
    plain = Slots(special, guards)
    for token in [70, 71, 72] * 3 + [70, 71]:
        plain.push(token)
    assert not plain.over
    plain.push(72)
    assert plain.over
    spoken = follow([special.tts_start], special, guards)
    for _ in range(4):
        spoken.push(70)
        for code in range(4):
            spoken.push(special.speech_id(code))
    assert ids_of(spoken.choice()) == {special.tts_pad, special.tts_end}


@pytest.mark.parametrize(
    ("ids", "found"),
    [([1, 1, 1], True), ([2, 1, 1], False), ([9, 1, 2, 1, 2, 1, 2], True), ([1, 2, 3, 4] * 3, False), ([], False)],
)
def test_loops_of_up_to_three_ids(ids: list[int], found: bool) -> None:
    assert has_loop(ids, period=3, times=3) is found


def test_guards_out_of_range_are_refused() -> None:
    for wrong in ({"same_code": 0}, {"codes_per_text_token": 0}, {"loop_times": 1}):
        with pytest.raises(ConfigError):
            Guards(**wrong)


def test_given_text_is_said_to_its_end_and_nothing_else(tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    slots = follow([special.tts_start], special, Guards(loop_times=2), said=[65, 65, 65, 66])
    for token in (65, 65, 65, 66):
        assert ids_of(slots.choice()) == {token}
        slots.push(token)
        for code in range(4):
            padding_too = token == 66
            assert (special.speech_padding_id in ids_of(slots.choice())) == padding_too
            slots.push(special.speech_id(code))
    assert ids_of(slots.choice()) == {special.tts_pad, special.tts_end}
    assert not slots.runaway


def test_a_hum_ends_given_text_too(tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    slots = follow([special.tts_start], special, Guards(same_code=4), said=[65, 66])
    slots.push(65)
    for _ in range(4):
        slots.push(special.speech_id(7))
    assert ids_of(slots.choice()) == {special.tts_end}
    assert slots.runaway
