"""Bands against plain masks over all pairs of frames."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.layers import visibility
from stepwave.layers.frame_cache import Kept, KeyCache
from stepwave.layers.visibility import Band, banded_attention, chunks, everything, window


def seen(bands: list[Band], frames: int) -> Tensor:
    """The full mask `[frames, frames]` that the bands amount to (no stream)."""
    mask = torch.zeros(frames, frames, dtype=torch.bool)
    for band in bands:
        keys = [*range(band.head), *range(band.tail, band.end)]
        assert len(set(keys)) == len(keys)
        part = torch.ones(band.stop - band.start, len(keys), dtype=torch.bool) if band.mask is None else band.mask[0, 0]
        mask[band.start : band.stop, keys] = part.expand(band.stop - band.start, -1)
    return mask


def window_mask(frames: int, left: int, head: int) -> Tensor:
    i, j = torch.arange(frames)[:, None], torch.arange(frames)[None]
    return (j <= i) & ((i - j <= left) | (j < head))


@pytest.mark.parametrize("block", [1, 4, 16, 64])
@pytest.mark.parametrize(("left", "head"), [(3, 0), (3, 2), (3, 9), (50, 5), (1, 40)])
def test_window_is_its_mask(monkeypatch: pytest.MonkeyPatch, block: int, left: int, head: int) -> None:
    monkeypatch.setattr(visibility, "BLOCK", block)
    assert torch.equal(seen(window(33, left, head), 33), window_mask(33, left, head))


def test_window_with_a_head_for_each_row() -> None:
    (band,) = window(12, 3, heads=torch.tensor([0, 5]))
    assert band.mask is not None
    for row, head in enumerate((0, 5)):
        assert torch.equal(band.mask[row, 0], window_mask(12, 3, head))


@pytest.mark.parametrize("left", [None, 0, 4, 30])
@pytest.mark.parametrize("head", [0, 6])
def test_chunks_are_their_mask(left: int | None, head: int) -> None:
    bounds = [0, 6, 11, 16, 19]
    i, j = torch.arange(19)[:, None], torch.arange(19)[None]
    starts = torch.tensor([0] * 6 + [6] * 5 + [11] * 5 + [16] * 3)[:, None]
    ends = torch.tensor([6] * 6 + [11] * 5 + [16] * 5 + [19] * 3)[:, None]
    near = (j >= starts - left) if left is not None else (j >= 0)
    assert torch.equal(seen(chunks(bounds, left, head), 19), (j < ends) & (near | (j < head)) & (i >= 0))


def test_lengths_hide_padding() -> None:
    lengths = torch.tensor([3, 7])
    (band,) = everything(7, lengths)
    assert band.mask is not None
    assert band.mask[:, 0, 0].sum(dim=1).tolist() == [3, 7]
    last = chunks([0, 5, 7], None, lengths=lengths)[1]
    assert last.mask is not None
    assert last.mask[:, 0, 1].sum(dim=1).tolist() == [3, 7]


@pytest.mark.parametrize("sizes", [[1] * 30, [7, 1, 12, 10], [30]])
def test_a_stream_with_a_trimmed_cache_attends_like_the_whole(sizes: list[int]) -> None:
    torch.manual_seed(0)
    left, head = 4, 6
    q, k, v = torch.randn(3, 1, 2, 30, 8).unbind(0)
    whole = F.scaled_dot_product_attention(q, k, v, attn_mask=window_mask(30, left, head))
    cache, kept, parts = KeyCache(), Kept(), []
    for size in sizes:
        new = slice(kept.position, kept.position + size)
        keys, values = cache.extend(k[:, :, new], v[:, :, new])
        parts.append(banded_attention(q[:, :, new], keys, values, window(size, left, head, kept=kept)))
        kept = Kept.after(new.stop, left, head)
        cache.trim(kept.head, kept.tail)
        assert cache.length == kept.count <= head + left
    torch.testing.assert_close(torch.cat(parts, dim=2), whole, rtol=1e-5, atol=1e-5)
