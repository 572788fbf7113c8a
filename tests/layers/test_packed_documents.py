"""Documents packed into a row see only themselves, whichever way attention is computed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stepwave.layers.grouped_attention import LONGEST
from stepwave.layers.packed_documents import PackedDocuments, Way, packed_positions

HEADS, GROUPS, WIDTH = 4, 2, 8


def tensors(rows: int, length: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(  # type: ignore[return-value]
        torch.randn(rows, heads, length, WIDTH, generator=generator) for heads in (HEADS, GROUPS, GROUPS)
    )


def alone(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """The textbook formula for one document."""
    k, v = (each.repeat_interleave(HEADS // GROUPS, 1) for each in (k, v))
    scores = q @ k.transpose(-1, -2) / WIDTH**0.5
    later = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).triu(1)
    return scores.masked_fill(later, float("-inf")).softmax(-1) @ v


def segments_of(lengths: list[list[int]], width: int) -> torch.Tensor:
    segments = torch.zeros(len(lengths), width, dtype=torch.long)
    for row, documents in enumerate(lengths):
        start = 0
        for number, length in enumerate(documents, 1):
            segments[row, start : start + length] = number
            start += length
    return segments


# On a CPU FlexAttention is not fused: fit to compare with, not to train with.
@pytest.mark.filterwarnings("ignore:flex_attention called without")
@pytest.mark.parametrize("way", ["split", "mask", "flex"])
@pytest.mark.parametrize("learning", [True, False])
@given(lengths=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), min_size=1, max_size=3))
def test_each_document_is_computed_as_if_alone(way: Way, learning: bool, lengths: list[list[int]]) -> None:
    width = max(sum(documents) for documents in lengths) + 2
    q, k, v = tensors(len(lengths), width)
    with torch.set_grad_enabled(learning):
        out = PackedDocuments(segments_of(lengths, width), way).attend(q, k, v)
    for row, documents in enumerate(lengths):
        start = 0
        for length in documents:
            place = (slice(row, row + 1), slice(None), slice(start, start + length))
            torch.testing.assert_close(out[place], alone(q[place], k[place], v[place]), rtol=1e-5, atol=1e-5)
            start += length


def test_a_document_longer_than_what_is_written_out_keeps_its_gradients() -> None:
    length = LONGEST + 30
    q, k, v = (each.requires_grad_() for each in tensors(1, length))
    found = {}
    for way in ("split", "mask"):
        out = PackedDocuments(torch.ones(1, length, dtype=torch.long), way).attend(q, k, v)  # type: ignore[arg-type]
        found[way] = torch.autograd.grad(out.square().sum(), (q, k, v))
    for ours, theirs in zip(found["split"], found["mask"], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_positions_begin_anew_in_each_document() -> None:
    segments = torch.tensor([[1, 1, 2, 2, 2, 0], [1, 2, 3, 3, 0, 0]])
    assert packed_positions(segments).tolist() == [[0, 1, 0, 1, 2, 0], [0, 0, 0, 1, 0, 1]]
    assert PackedDocuments(segments).positions.tolist() == packed_positions(segments).tolist()


def test_padding_changes_no_gradient() -> None:
    q, k, v = (each.requires_grad_() for each in tensors(1, 7))
    segments = torch.tensor([[1, 1, 1, 2, 2, 0, 0]])
    out = PackedDocuments(segments).attend(q, k, v)
    (gradient,) = torch.autograd.grad(out.sum(), k)
    assert torch.isfinite(gradient).all()
    assert not gradient[:, :, 5:].any()
