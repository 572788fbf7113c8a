import numpy as np
import pytest
import torch

from stepwave.prepare.pitch import fundamental_frequency


def test_pitch_of_a_tone_is_found_on_every_inner_frame() -> None:
    pytest.importorskip("pyworld", reason="pitch tracking needs the extra `train`")
    time = np.arange(24_000) / 24_000
    tone = 0.3 * np.sin(2 * np.pi * 180 * time) + 0.2 * np.sin(4 * np.pi * 180 * time)
    track = fundamental_frequency(tone.astype(np.float32))
    assert track.shape == (50,)
    torch.testing.assert_close(track[5:-5], torch.full((40,), 180.0), atol=2.0, rtol=0)
