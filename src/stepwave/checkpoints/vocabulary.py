"""nano's vocabulary: SmolLM2's byte-level BPE, then special tokens, then one token per speech code.

Holds the building of the tokenizer and of the embedding rows that go with it, both only needed when nano is made anew.
Reading a stored tokenizer and encoding text is `text.tokenizer`'s work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from stepwave.facts.errors import CheckpointShapeError, TokenizerError
from stepwave.facts.tokens import NAMES, SPEECH_PADDING, SpecialTokens, speech_name

SMOLLM2_TOKENS: Final = 49_152
"""Tokens of SmolLM2's own vocabulary, its 17 special ones included; nano's begin behind them."""
NANO_TOKENS: Final = SpecialTokens(
    end_of_text=0,
    bot=SMOLLM2_TOKENS,
    eot=SMOLLM2_TOKENS + 1,
    tts_pad=SMOLLM2_TOKENS + 2,
    tool_call_start=SMOLLM2_TOKENS + 3,
    tool_call_end=SMOLLM2_TOKENS + 4,
    audio_start=SMOLLM2_TOKENS + 5,
    audio_end=SMOLLM2_TOKENS + 6,
    audio_patch=SMOLLM2_TOKENS + 7,
    tts_start=SMOLLM2_TOKENS + 8,
    tts_end=SMOLLM2_TOKENS + 9,
    speech_base=SMOLLM2_TOKENS + 16,
    reserved=tuple(range(SMOLLM2_TOKENS + 10, SMOLLM2_TOKENS + 16)),
)
"""nano's ids; as in mini, speech tokens come last."""
VOCABULARY_MULTIPLE: Final = 64
"""Embedding rows are a multiple of this, which suits matrix kernels."""


def padded_vocabulary(tokens: int) -> int:
    """Rows of an embedding for so many tokens: the next multiple of 64."""
    return -(-tokens // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE


NANO_VOCABULARY: Final = padded_vocabulary(NANO_TOKENS.speech_padding_id + 1)
"""Rows of nano's embedding."""


def byte_level_tokenizer(tokens: Sequence[str], merges: Sequence[str], special: Sequence[str]) -> Tokenizer:
    """Build SmolLM2's kind of tokenizer: digits one by one, GPT-2's word pattern, byte-level BPE, nothing added.

    Args:
        tokens: the vocabulary; a token's id is its place.
        merges: the BPE merges, most important first, as `left right`.
        special: those of the tokens that are never split and may be left out of decoded text.
    """
    pairs = [(left, right) for left, right in (merge.split(" ") for merge in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([_added(token) for token in special])
    return tokenizer


def extend_tokenizer(tokenizer: Tokenizer, special: SpecialTokens) -> None:
    """Add the special tokens that lie behind the vocabulary's end, and every speech token, in place.

    Ids in between that have no name become `<reserved_ID>`. The tool-call marks count as text, so decoding keeps them.

    Raises:
        TokenizerError: the vocabulary is larger than the table allows, or a token is there already under another id.
    """
    first = tokenizer.get_vocab_size()
    names = special.names() | {special.speech_id(code): speech_name(code) for code in range(SPEECH_PADDING + 1)}
    new_ids = range(first, special.speech_padding_id + 1)
    strings = [names.get(token_id, f"<reserved_{token_id}>") for token_id in new_ids]
    marks = (NAMES["tool_call_start"], NAMES["tool_call_end"])
    tokenizer.add_tokens([_added(token, special=token not in marks) for token in strings])
    for token_id, token in names.items():
        if tokenizer.token_to_id(token) != token_id:
            raise TokenizerError(
                f"{token} has the id {tokenizer.token_to_id(token)}, wanted {token_id}: this vocabulary of "
                f"{first} tokens does not fit; start from SmolLM2's own"
            )


def extend_embedding(weight: Tensor, rows: int, generator: torch.Generator | None = None) -> Tensor:
    """Append rows for new tokens to an embedding.

    New rows are drawn around the mean of the old ones with a tenth of their spread, so that before training no new
    token stands out.

    Args:
        weight: `[old rows, width]`.
        rows: number of rows wanted.
        generator: source of randomness.

    Returns:
        `[rows, width]`, the first rows unchanged.

    Raises:
        CheckpointShapeError: there are more rows already.
    """
    missing = rows - weight.shape[0]
    if missing < 0:
        raise CheckpointShapeError(f"the embedding has {weight.shape[0]} rows, more than the {rows} wanted")
    noise = torch.randn(missing, weight.shape[1], generator=generator)
    return torch.cat([weight, weight.mean(0) + 0.1 * weight.std(0) * noise])


def _added(token: str, *, special: bool = True) -> AddedToken:
    return AddedToken(token, special=special, normalized=False)
