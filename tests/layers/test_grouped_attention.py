"""Attention written out for training gives what torch's own gives, gradients included."""

import pytest
import torch
import torch.nn.functional as F

from stepwave.layers.grouped_attention import grouped_causal_attention


@pytest.mark.parametrize(("heads", "groups"), [(4, 4), (6, 2), (9, 3), (3, 1)])
@pytest.mark.parametrize("positions", [1, 2, 17])
def test_it_equals_torch_forwards_and_backwards(heads: int, groups: int, positions: int) -> None:
    generator = torch.Generator().manual_seed(heads + positions)

    def draw(count: int) -> torch.Tensor:
        return torch.randn(2, count, positions, 8, generator=generator, requires_grad=True)

    inputs = (draw(heads), draw(groups), draw(groups))
    ours = grouped_causal_attention(*inputs)
    theirs = F.scaled_dot_product_attention(*inputs, is_causal=True, enable_gqa=True)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    slope = torch.randn(ours.shape, generator=generator)
    for one, other in zip(
        torch.autograd.grad((ours * slope).sum(), inputs),
        torch.autograd.grad((theirs * slope).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_later_positions_change_nothing() -> None:
    q, k, v = (torch.randn(1, 2, 6, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    before = grouped_causal_attention(q, k, v)
    changed = grouped_causal_attention(*(torch.cat([part[:, :, :4], part[:, :, 4:] + 5], dim=2) for part in (q, k, v)))
    torch.testing.assert_close(changed[:, :, :4], before[:, :, :4])
    assert not torch.allclose(changed[:, :, 4:], before[:, :, 4:])
