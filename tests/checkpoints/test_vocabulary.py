"""nano's vocabulary: ids, order, the extended tokenizer and embedding."""

import pytest
import torch
from tokenizers import Tokenizer, pre_tokenizers

from stepwave.checkpoints.vocabulary import (
    NANO_TOKENS,
    NANO_VOCABULARY,
    SMOLLM2_TOKENS,
    byte_level_tokenizer,
    extend_embedding,
    extend_tokenizer,
)
from stepwave.facts.errors import CheckpointShapeError, TokenizerError
from stepwave.facts.tokens import SpecialTokens


def stand_in(tokens: int = SMOLLM2_TOKENS) -> Tokenizer:
    """A tokenizer with SmolLM2's number of tokens, whose first is its end of text."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    filler = [f"filler{i}" for i in range(tokens - 1 - len(letters))]
    return byte_level_tokenizer(["<|endoftext|>", *letters, *filler], [], ["<|endoftext|>"])


def test_ids_are_in_the_order_of_the_tracks() -> None:
    assert NANO_TOKENS.bot == 49_152
    assert NANO_TOKENS.speech_base == 49_168
    assert NANO_VOCABULARY == 55_744
    assert NANO_VOCABULARY % 64 == 0
    assert NANO_TOKENS.speech_padding_id < NANO_VOCABULARY
    assert all(not NANO_TOKENS.is_text(token) for token in range(NANO_TOKENS.audio_start, NANO_VOCABULARY))


def test_the_extended_tokenizer_agrees_with_the_table() -> None:
    tokenizer = stand_in()
    extend_tokenizer(tokenizer, NANO_TOKENS)
    assert SpecialTokens.look_up(tokenizer.token_to_id, reserved=NANO_TOKENS.reserved) == NANO_TOKENS
    assert tokenizer.token_to_id("<audio_6561>") == NANO_TOKENS.speech_padding_id
    assert tokenizer.get_vocab_size() == NANO_TOKENS.speech_padding_id + 1
    ids = tokenizer.encode("<|BOT|>a 12<tts_start>b<audio_7><tool_call>").ids
    letters = [tokenizer.token_to_id(c) for c in ("a", "Ġ", "1", "2", "b")]
    assert ids == [49_152, *letters[:4], NANO_TOKENS.tts_start, letters[4], 49_175, NANO_TOKENS.tool_call_start]
    assert tokenizer.decode(ids) == "a 12b<tool_call>"
    assert Tokenizer.from_str(tokenizer.to_str()).encode("<audio_7>").ids == [49_175]


def test_a_vocabulary_that_is_too_large_is_refused() -> None:
    with pytest.raises(TokenizerError, match="wanted 49152"):
        extend_tokenizer(stand_in(49_200), NANO_TOKENS)


def test_new_rows_stay_near_the_old_ones() -> None:
    torch.manual_seed(0)
    weight = torch.randn(1000, 16) * 2 + 5
    extended = extend_embedding(weight, 1500, torch.Generator().manual_seed(1))
    assert extended.shape == (1500, 16)
    assert torch.equal(extended[:1000], weight)
    new = extended[1000:]
    assert (new.mean(0) - weight.mean(0)).abs().max() < 0.1
    assert 0.1 < new.std() < 0.3
    again = extend_embedding(weight, 1500, torch.Generator().manual_seed(1))
    assert torch.equal(again, extended)
    with pytest.raises(CheckpointShapeError, match="1000 rows"):
        extend_embedding(weight, 10)
