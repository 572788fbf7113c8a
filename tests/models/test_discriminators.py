"""The discriminators: shapes, gradients, and that they can tell two signals apart after a little training."""

import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.models.discriminators import DiscriminatorConfig, Discriminators

SMALL = DiscriminatorConfig(periods=(2, 5), period_widths=(4, 8), windows=(64, 128), spectral_width=4)


def test_each_discriminator_scores_every_clip_and_shows_its_features() -> None:
    judgements = Discriminators(SMALL)(torch.randn(3, 1001))
    assert len(judgements) == 4
    for judgement in judgements:
        assert judgement.scores.shape[0] == 3
        assert judgement.scores.ndim == 2
        assert all(feature.shape[0] == 3 for feature in judgement.features)
    assert [len(judgement.features) for judgement in judgements] == [2, 2, 4, 4]


def test_gradients_reach_the_waveform_and_every_weight() -> None:
    discriminators = Discriminators(SMALL)
    waveform = torch.randn(2, 960, requires_grad=True)
    torch.stack([judgement.scores.mean() for judgement in discriminators(waveform)]).sum().backward()
    assert waveform.grad is not None
    assert float(waveform.grad.abs().max()) > 0
    assert all(p.grad is not None for p in discriminators.parameters())


def test_training_tells_a_tone_from_noise() -> None:
    torch.manual_seed(0)
    discriminators = Discriminators(SMALL)
    optimiser = torch.optim.Adam(discriminators.parameters(), 1e-2)
    tone = torch.sin(torch.arange(960) * torch.tensor([[0.1], [0.17], [0.25], [0.3]]))
    for _ in range(40):
        noise = torch.randn(4, 960)
        pairs = zip(discriminators(tone), discriminators(noise), strict=True)
        loss = torch.stack([(1 - r.scores).square().mean() + f.scores.square().mean() for r, f in pairs]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        real, false = (
            torch.stack([judgement.scores.mean() for judgement in discriminators(clips)]).sum()
            for clips in (tone, torch.randn(4, 960))
        )
    assert float(real) > float(false) + 1.0


@pytest.mark.parametrize(
    "change",
    [
        {"periods": (), "windows": ()},
        {"periods": (1,)},
        {"windows": (514,)},
        {"period_widths": ()},
        {"spectral_width": 0},
    ],
)
def test_a_bad_configuration_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        DiscriminatorConfig(**change)
