import torch

from stepwave.layers.attention import MASKED, MultiHeadAttention, attention_bias, length_mask


def test_length_mask_marks_the_first_positions() -> None:
    assert length_mask(torch.tensor([0, 2, 3]), 3).int().tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]


def test_bias_is_zero_where_valid_and_finite_in_every_dtype() -> None:
    valid = torch.tensor([[True, False]])
    assert attention_bias(valid, torch.float32).flatten().tolist() == [0.0, MASKED]
    for dtype in (torch.float16, torch.bfloat16):
        bias = attention_bias(valid, dtype)
        assert bias.dtype == dtype
        assert bool(bias.isfinite().all())


def by_hand(attention: MultiHeadAttention, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """The reference's order of operations: q and k scaled apart, softmax of all scores, then the values."""
    q, k, v = (attention.split(project(x)) for project in (attention.query, attention.key, attention.value))
    scale = q.shape[-1] ** -0.25
    weights = ((q * scale) @ (k * scale).transpose(2, 3) + bias).softmax(dim=-1)
    out: torch.Tensor = attention.out((weights @ v).transpose(1, 2).flatten(2))
    return out


def test_fused_attention_equals_the_written_out_formula() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(16, 4)
    x = torch.randn(2, 9, 16)
    bias = attention_bias(length_mask(torch.tensor([9, 4]), 9), torch.float32)
    torch.testing.assert_close(attention(x, bias), by_hand(attention, x, bias), rtol=1e-5, atol=1e-6)


def test_row_without_valid_position_attends_evenly() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(8, 2)
    x = torch.randn(1, 5, 8)
    out = attention(x, attention_bias(torch.zeros(1, 5, dtype=torch.bool), torch.float32))
    even = attention.out(attention.value(x).mean(dim=1, keepdim=True).expand_as(x))
    torch.testing.assert_close(out, even)


def test_causal_positions_see_nothing_later() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(8, 2)
    q, k, v = torch.randn(3, 1, 2, 6, 4)
    whole = attention.attend(q, k, v, causal=True)
    k[:, :, 4:], v[:, :, 4:] = 9.0, 9.0
    torch.testing.assert_close(attention.attend(q, k, v, causal=True)[:, :4], whole[:, :4])
    assert not torch.allclose(attention.attend(q, k, v, causal=True)[:, 4:], whole[:, 4:])
