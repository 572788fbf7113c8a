import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.generation.sampling import SamplingSettings, choose, new_generator


def test_greedy_takes_the_best_and_heeds_the_penalty() -> None:
    scores = torch.tensor([[1.0, 3.0, 2.9]])
    assert choose(scores, SamplingSettings()).tolist() == [1]
    seen = torch.tensor([[False, True, False]])
    assert choose(scores, SamplingSettings(repetition_penalty=1.1), seen).tolist() == [2]


def test_the_same_seed_gives_the_same_draws() -> None:
    scores = torch.randn(1, 50)
    settings = SamplingSettings(temperature=1.0, seed=5)

    def draws() -> list[int]:
        generator = new_generator(settings)
        return [int(choose(scores, settings, generator=generator)) for _ in range(20)]

    first = draws()
    assert draws() == first
    assert len(set(first)) > 1


def test_draws_follow_the_probabilities() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.2])
    scores = probabilities.log().expand(20_000, 3)
    drawn = choose(scores, SamplingSettings(temperature=1.0), generator=torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn, minlength=3) / 20_000
    assert (shares - probabilities).abs().max() < 0.02


def test_nothing_outside_top_k_and_top_p_is_ever_drawn() -> None:
    scores = torch.tensor([[4.0, 3.0, 2.0, -1.0]]).expand(5000, 4)
    generator = torch.Generator().manual_seed(0)
    by_k = choose(scores, SamplingSettings(temperature=2.0, top_k=2), generator=generator)
    assert set(by_k.tolist()) == {0, 1}
    by_p = choose(scores, SamplingSettings(temperature=1.0, top_p=0.7), generator=generator)
    assert set(by_p.tolist()) == {0, 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"repetition_penalty": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        SamplingSettings(**wrong)
