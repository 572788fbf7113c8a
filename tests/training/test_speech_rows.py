"""Rows of speech tokens that share digits: what is shared, what is left, and that folding changes nothing."""

import pytest
import torch

from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.fsq import CODES
from stepwave.training.language.speech_rows import SharedDigits, digit_levels, fold, share

BASE = 320


@pytest.fixture
def decoder() -> Decoder:
    torch.manual_seed(0)
    return Decoder(DecoderConfig.tiny(BASE + CODES + 1 + 62, qwen=False))


def speech_rows(decoder: Decoder) -> torch.Tensor:
    return decoder.model.embed_tokens.weight.detach()[BASE : BASE + CODES].clone()


def test_every_digit_of_every_code_has_one_level() -> None:
    levels = digit_levels().view(CODES, 8, 3)
    assert (levels.sum(-1) == 1).all()
    assert len(torch.unique(levels.flatten(1), dim=0)) == CODES


def test_rows_made_of_shared_digits_are_found_whole(decoder: Decoder) -> None:
    parts = torch.randn(24, 32)
    with torch.no_grad():
        decoder.model.embed_tokens.weight[BASE : BASE + CODES] = digit_levels() @ parts
    digits = SharedDigits(32)
    # Most codes were never seen: the others tell their digits all the same.
    counts = torch.zeros(CODES)
    counts[::7] = 3
    share(decoder, digits, counts, BASE)
    assert speech_rows(decoder).abs().max() < 1e-4
    torch.testing.assert_close(digits.rows()[:CODES], digit_levels() @ parts, atol=1e-4, rtol=1e-4)


def test_a_row_often_seen_keeps_what_is_its_own_and_one_never_seen_does_not(decoder: Decoder) -> None:
    before = speech_rows(decoder)
    counts = torch.full((CODES,), 1e6)
    counts[5] = 0
    digits = SharedDigits(32)
    share(decoder, digits, counts, BASE)
    after = speech_rows(decoder) + digits.rows()[:CODES].detach()
    torch.testing.assert_close(after[6:], before[6:], atol=1e-4, rtol=1e-4)
    assert speech_rows(decoder)[5].abs().max() == 0
    assert (after[5] - before[5]).abs().max() > 0.01


def test_folding_gives_what_was_read_and_scored_in_training(decoder: Decoder) -> None:
    # In float64: sums of 32 products in another order differ by more than 1e-5 in float32 on some processors.
    decoder.double()
    digits = SharedDigits(32).double()
    with torch.no_grad():
        digits.parts.normal_()
    ids = torch.tensor([[3, BASE, BASE + 6560, BASE + CODES, BASE - 1]])
    read = decoder.embed(ids) + digits.embed(ids, digits.rows(), BASE)
    hidden = torch.randn(1, 32, dtype=torch.float64)
    scored = decoder.head(hidden, slice(BASE, BASE + CODES + 1)) + hidden @ digits.rows().T
    text = decoder.embed(torch.tensor([[3, BASE + CODES, BASE - 1]]))
    fold(decoder, digits, BASE)
    torch.testing.assert_close(decoder.embed(ids), read)
    torch.testing.assert_close(decoder.head(hidden, slice(BASE, BASE + CODES + 1)), scored, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(decoder.embed(torch.tensor([[3, BASE + CODES, BASE - 1]])), text)
