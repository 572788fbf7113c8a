"""Relative attention against its formula, pair by pair; causal convolution streamed against whole."""

import pytest
import torch
from torch import Tensor

from stepwave.layers.frame_cache import KeyCache
from stepwave.layers.relative_attention import RelativeAttention, distances
from stepwave.layers.stream_conv import CausalConv
from stepwave.layers.visibility import Band, chunks, everything, window


def by_formula(layer: RelativeAttention, x: Tensor, mask: Tensor) -> Tensor:
    """Every score computed on its own: ((q + u) . k + (q + v) . p(i - j)) / sqrt(d)."""
    frames, width = x.shape[1:]
    q, k, v = (layer.split(project(x))[0] for project in (layer.linear_q, layer.linear_k, layer.linear_v))
    rate = 10000.0 ** (-torch.arange(0, width, 2) / width)
    score = torch.empty(layer.heads, frames, frames)
    for i in range(frames):
        for j in range(frames):
            table = torch.stack([((i - j) * rate).sin(), ((i - j) * rate).cos()], dim=1).flatten()
            p = layer.linear_pos(table).unflatten(0, (layer.heads, -1))
            score[:, i, j] = ((q[:, i] + layer.pos_bias_u) * k[:, j] + (q[:, i] + layer.pos_bias_v) * p).sum(dim=1)
    score = (score / q.shape[2] ** 0.5).masked_fill(~mask, float("-inf"))
    mixed: Tensor = layer.linear_out((score.softmax(dim=2) @ v).transpose(0, 1).flatten(1))[None]
    return mixed


@pytest.mark.parametrize("rule", ["full", "chunks", "window"])
@torch.no_grad()
def test_formula(rule: str) -> None:
    torch.manual_seed(0)
    layer, x = RelativeAttention(8, 2), torch.randn(1, 11, 8)
    i, j = torch.arange(11)[:, None], torch.arange(11)[None]
    bands, mask = {
        "full": (everything(11), torch.ones(11, 11, dtype=torch.bool)),
        "chunks": (chunks([0, 4, 8, 11], 2), (j < (i // 4 + 1) * 4) & (j >= i // 4 * 4 - 2)),
        "window": (window(11, 3), (j <= i) & (i - j <= 3)),
    }[rule]
    got = layer(x, bands, distances(bands, 0, 8, x.device, x.dtype))
    torch.testing.assert_close(got, by_formula(layer, x, mask), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_distances_are_right_across_a_cache() -> None:
    torch.manual_seed(0)
    layer, x = RelativeAttention(8, 2), torch.randn(1, 11, 8)
    bounds = [0, 1, 5, 11]
    whole_rule = chunks(bounds, None)
    whole = layer(x, whole_rule, distances(whole_rule, 0, 8, x.device, x.dtype))
    cache, parts = KeyCache(), []
    for start, stop in ((0, 1), (1, 5), (5, 11)):
        bands = [Band(0, stop - start, 0, 0, stop)]
        parts.append(layer(x[:, start:stop], bands, distances(bands, start, 8, x.device, x.dtype), cache))
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-5, atol=1e-6)


def test_gradients_stay_within_the_window() -> None:
    torch.manual_seed(0)
    layer, x = RelativeAttention(8, 2), torch.randn(1, 11, 8, requires_grad=True)
    bands = window(11, 3)
    layer(x, bands, distances(bands, 0, 8, x.device, x.dtype))[0, 7].sum().backward()
    assert x.grad is not None
    touched = x.grad[0].abs().amax(dim=1) > 0
    assert touched.tolist() == [4 <= place <= 7 for place in range(11)]


@torch.no_grad()
def test_convolution_goes_on_where_it_stopped() -> None:
    torch.manual_seed(0)
    conv, x = CausalConv(3, 4, 5), torch.randn(2, 12, 3)
    past, parts = None, []
    for piece in x.split([1, 2, 5, 4], dim=1):
        y, past = conv.extend(piece, past)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), conv(x), rtol=1e-5, atol=1e-6)
