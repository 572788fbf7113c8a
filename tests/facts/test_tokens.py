"""The special-token table: looking up, refusing, telling ids apart."""

from dataclasses import replace

import pytest

from stepwave.facts.errors import TokenizerError
from stepwave.facts.tokens import MINI_KNOWN_IDS, MINI_RESERVED_IDS, NAMES, SPEECH_PADDING, SpecialTokens

MINI = {**MINI_KNOWN_IDS, "<|BOT|>": 151666, "<tts_pad>": 151695}


def mini() -> SpecialTokens:
    return SpecialTokens.look_up(MINI.get, MINI_KNOWN_IDS, MINI_RESERVED_IDS)


def test_mini_ids_are_those_of_the_reference() -> None:
    special = mini()
    assert special.speech_id(0) == 151696
    assert special.speech_padding_id == 158257
    assert special.names()[151693] == "<tts_start>"
    assert set(special.names().values()) == set(NAMES.values())


def test_mini_ids_split_into_text_and_speech_as_the_released_program_does() -> None:
    special = mini()
    ends = {special.end_of_text, special.bot, special.eot}
    for token in [*range(151600, 151720), 158256, 158257, 158351, 158719]:
        assert special.is_text(token) == (token < 151688 and token not in ends)
        assert special.is_speech(token) == (151696 <= token <= 158256)


def test_known_ids_stand_in_for_strings_the_tokenizer_lacks() -> None:
    only_unknown = {"<|BOT|>": 7, "<tts_pad>": 8}
    special = SpecialTokens.look_up(only_unknown.get, MINI_KNOWN_IDS)
    assert (special.bot, special.tts_pad, special.eot) == (7, 8, 151665)


def test_missing_strings_are_all_named() -> None:
    with pytest.raises(TokenizerError, match=r"lacks <\|BOT\|>, <tts_pad>;"):
        SpecialTokens.look_up(lambda string: None, MINI_KNOWN_IDS)


def test_an_id_that_contradicts_the_known_one_is_refused() -> None:
    with pytest.raises(TokenizerError, match=r"<\|EOT\|> the id 5, this model has 151665"):
        SpecialTokens.look_up({**MINI, "<|EOT|>": 5}.get, MINI_KNOWN_IDS)


@pytest.mark.parametrize("string", ["<audio_1>", "<audio_6560>", "<audio_6561>"])
def test_speech_tokens_that_do_not_follow_one_another_are_refused(string: str) -> None:
    with pytest.raises(TokenizerError, match="follow one another"):
        SpecialTokens.look_up({**MINI, string: 3}.get)


def test_bad_tables_are_refused() -> None:
    with pytest.raises(TokenizerError, match="both have the id 151665"):
        replace(mini(), bot=151665)
    with pytest.raises(TokenizerError, match="belongs to a speech token"):
        replace(mini(), bot=158257)
    with pytest.raises(TokenizerError, match="is -1"):
        replace(mini(), bot=-1)


def test_codes_and_ids_belong_together_and_other_numbers_are_refused() -> None:
    special = mini()
    assert [special.code(special.speech_id(code)) for code in (0, 17, 6560, SPEECH_PADDING)] == [0, 17, 6560, 6561]
    for code in (-1, 6562):
        with pytest.raises(ValueError, match="speech code"):
            special.speech_id(code)
    for token in (151695, 158258):
        with pytest.raises(ValueError, match="no speech token"):
            special.code(token)
