"""SpecAugment: blanks where they were drawn, of allowed sizes, the same again from the same draw."""

import random

import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.signal.masking import Masking, masked

MEL = torch.randn(80, 300, generator=torch.Generator().manual_seed(0))


def test_blanks_are_whole_bands_and_frames() -> None:
    seen = []
    for seed in range(20):
        blank = masked(MEL, Masking(), random.Random(seed)) != MEL
        bands, frames = blank.all(1), blank.all(0)
        assert torch.equal(blank, bands[:, None] | frames[None])
        assert bands.sum() <= 2 * 24
        assert frames.sum() <= 2 * 40
        seen.append((int(bands.sum()), int(frames.sum())))
    assert len(set(seen)) > 10


def test_the_same_draw_blanks_the_same_and_leaves_the_original() -> None:
    before = MEL.clone()
    one, same, other = (masked(MEL, Masking(), random.Random(seed)) for seed in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(MEL, before)


def test_short_clips_keep_most_of_what_they_have() -> None:
    short = MEL[:, :12]
    for seed in range(20):
        assert (masked(short, Masking(band_masks=0), random.Random(seed)) != short).all(0).sum() <= 2
    assert torch.equal(masked(short, Masking(band_masks=0, time_masks=0), random.Random(0)), short)


@pytest.mark.parametrize("wrong", [{"band_masks": -1}, {"time_share": 1.5}, {"frames": -3}])
def test_bad_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="wanted"):
        Masking(**wrong)  # type: ignore[arg-type]
