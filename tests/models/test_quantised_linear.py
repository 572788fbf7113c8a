import pytest
import torch
from torch import nn

from stepwave.models.quantised_linear import (
    QuantisedEmbedding,
    QuantisedLinear,
    quantise,
    quantise_module,
    quantised_matmul,
)


def weights(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def test_rounding_is_at_most_half_a_step_and_no_integer_overflows() -> None:
    weight = weights(500, 64) * torch.logspace(-6, 3, 500).unsqueeze(1)
    weight[7] = 0
    integers, scale = quantise(weight)
    assert int(integers.max()) <= 127
    assert int(integers.min()) >= -127
    error = (integers.float() * scale.float().unsqueeze(1) - weight).abs()
    assert (error <= 0.5001 * scale.float().unsqueeze(1)).all()
    assert (integers.abs().amax(dim=1)[torch.arange(500) != 7] >= 125).all()  # the range is used


def test_a_stored_layer_is_a_fixed_point() -> None:
    integers, scale = quantise(weights(30, 16))
    again, same = quantise(integers.float() * scale.float().unsqueeze(1))
    used = integers.abs().amax(dim=1) == 127
    assert torch.equal(again[used], integers[used])
    assert torch.equal(same[used], scale[used])


@pytest.mark.parametrize("positions", [1, 3, 40])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
def test_matmul_equals_the_dequantised_one(positions: int, dtype: torch.dtype, tolerance: float) -> None:
    layer = QuantisedLinear.from_float(nn.Linear(64, 96))
    x = weights(2, positions, 64)
    expected = nn.functional.linear(x, layer.dequantise(), layer.bias)
    with torch.no_grad():
        out = layer(x.to(dtype))
    assert out.dtype == dtype
    assert (out.float() - expected).abs().max() <= tolerance * expected.abs().max()


def test_loops_and_conversion_agree() -> None:
    integers, scale = quantise(weights(96, 64))
    x = weights(4, 64).bfloat16()
    by_loops = quantised_matmul(x, integers, scale)
    by_conversion = quantised_matmul(x.expand(4, 4, 64), integers, scale)[0]
    assert (by_loops - by_conversion).abs().max() <= 1e-2 * by_conversion.abs().max()


def test_gradients_reach_the_input() -> None:
    layer = QuantisedLinear.from_float(nn.Linear(8, 5, bias=False)).bfloat16()
    x = weights(1, 8).bfloat16().requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad.float()[0], layer.dequantise().sum(dim=0), rtol=2e-2, atol=2e-2)


def test_embedding_rows_and_scores_use_the_same_weights() -> None:
    table = QuantisedEmbedding.from_float(nn.Embedding(50, 16))
    full = table.dequantise()
    ids = torch.tensor([[4, 0, 49]])
    torch.testing.assert_close(table(ids), full[ids])
    x = weights(2, 16)
    torch.testing.assert_close(table.scores(x), x @ full.T, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(table.scores(x, slice(10, 20)), x @ full[10:20].T, rtol=1e-5, atol=1e-5)


def test_a_module_is_quantised_throughout_also_on_meta() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Embedding(9, 4), nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6)))

    torch.manual_seed(0)
    real = build()
    quantise_module(real)
    with torch.device("meta"):
        empty = build()
        quantise_module(empty)
    assert set(real.state_dict()) == {
        "0.weight_int8", "0.scale", "1.0.weight_int8", "1.0.scale", "1.0.bias", "1.1.weight", "1.1.bias",
    }  # fmt: skip
    empty.load_state_dict(real.state_dict(), assign=True)
    ids = torch.tensor([1, 8])
    assert torch.equal(empty(ids), real(ids))


@pytest.mark.parametrize("offset", [0, 8])
@pytest.mark.parametrize("width", [24, 32])
def test_integers_anywhere_in_memory_are_multiplied(offset: int, width: int) -> None:
    # as in a mapped file, where a tensor may begin at any multiple of 8 bytes
    integers, scale = quantise(torch.randn(30, width))
    memory = torch.zeros(30 * width + 64, dtype=torch.int8)
    start = -memory.data_ptr() % 64 + offset
    placed = memory[start : start + 30 * width].view(30, width).copy_(integers)
    x = torch.randn(5, width)
    expected = x @ (integers.float() * scale.float()[:, None]).T
    torch.testing.assert_close(quantised_matmul(x, placed, scale), expected, rtol=1e-5, atol=1e-4)
