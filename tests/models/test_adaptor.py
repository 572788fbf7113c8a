import pytest
import torch

from stepwave.facts import rates
from stepwave.facts.errors import ConfigError
from stepwave.models.adaptor import MINI_ADAPTOR, Adaptor, AdaptorConfig, adaptor_lengths


@pytest.mark.parametrize("frames", [1, 2, 3, 25, 625])
def test_positions_follow_the_rates(frames: int) -> None:
    positions = Adaptor(AdaptorConfig(8, 12, 6))(torch.randn(2, frames, 8))
    assert positions.shape == (2, rates.audio_positions(frames), 6)


def test_lengths_follow_the_rates_from_zero() -> None:
    assert adaptor_lengths(torch.arange(50)).tolist() == [rates.audio_positions(frames) for frames in range(50)]


def test_released_size() -> None:
    with torch.device("meta"):
        adaptor = Adaptor(MINI_ADAPTOR)
    assert sum(parameter.numel() for parameter in adaptor.parameters()) == 14_883_584  # reference facts 1.1


def test_config_refuses_bad_sizes() -> None:
    with pytest.raises(ConfigError, match="hidden is 0"):
        AdaptorConfig(hidden=0)
