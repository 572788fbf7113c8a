import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stepwave.models.fsq import CODES, CodeUsage, Quantizer, code_usage, codes_of, digit_entropy, quantise, quantised_of


@given(st.lists(st.integers(0, CODES - 1), min_size=1, max_size=20))
def test_codes_survive_the_way_through_digits(codes: list[int]) -> None:
    assert codes_of(quantised_of(torch.tensor(codes))).tolist() == codes


def test_first_digit_weighs_one_and_last_weighs_most() -> None:
    assert codes_of(torch.tensor([[0.0] + [-1.0] * 7, [-1.0] * 7 + [1.0]])).tolist() == [1, 2 * 3**7]


def test_every_code_is_reached() -> None:
    assert codes_of(quantised_of(torch.arange(CODES))).tolist() == list(range(CODES))


def test_gradient_passes_rounding() -> None:
    values = torch.tensor([0.3, -0.7], requires_grad=True)
    quantised = quantise(values)
    quantised.sum().backward()
    assert quantised.tolist() == [0.0, -1.0]
    assert values.grad is not None
    assert values.grad.tolist() == [1.0, 1.0]


def test_quantizer_gives_codes_in_range_at_the_extremes() -> None:
    quantizer = Quantizer(4)
    with torch.no_grad():
        quantizer.project_down.weight.fill_(100.0)
    assert quantizer(torch.tensor([[1.0] * 4, [-1.0] * 4])).tolist() == [CODES - 1, 0]


def test_digit_entropy_tells_standing_still_from_even_use() -> None:
    still = torch.full((30, 8), 0.9)
    even = torch.tensor([-0.999, 0.0, 0.999]).repeat(10)[:, None].expand(30, 8)
    assert float(digit_entropy(still).max()) < 0.1
    assert float(digit_entropy(even).min()) > 0.99


def test_usage() -> None:
    assert code_usage(torch.tensor([5, 5, 9, 9])) == CodeUsage(2, pytest.approx(2.0))
    assert code_usage(torch.tensor([], dtype=torch.long)) == CodeUsage(0, 1.0)
    assert code_usage(torch.arange(CODES)).perplexity == pytest.approx(CODES)
    assert math.isclose(code_usage(torch.tensor([[1, 1], [1, 1]])).perplexity, 1.0)
