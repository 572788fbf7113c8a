import numpy as np
import pytest
import torch

from stepwave.prepare.pitch import fundamental_frequency

pytest.importorskip("pysptk", reason="pitch and voices need the extra `train`")

RATE = 24_000


def voice(pitch: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Harmonics of a pitch in Hz, one value a sample, each as strong as `strength` says."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tones = [level * np.sin((k + 1) * phase) for k, level in enumerate(strength)]
    return (0.1 * np.sum(tones, 0)).astype(np.float32)


def test_pitch_of_a_tone_is_found_on_every_inner_frame() -> None:
    track = fundamental_frequency(voice(np.full(RATE, 180.0), np.array([3.0, 2.0])))
    assert track.shape == (50,)
    torch.testing.assert_close(track[5:-5], torch.full((40,), 180.0), atol=2.0, rtol=0)


def test_a_rising_pitch_is_that_of_each_frame_s_centre() -> None:
    seconds = np.arange(2 * RATE) / RATE
    track = fundamental_frequency(voice(100 + 60 * seconds, 1 / np.arange(1, 15)))
    centres = 0.02 * torch.arange(100) + 0.01
    off = (track - (100 + 60 * centres))[10:90]
    # 60 Hz a second: a frame too early or late would be 1.2 Hz
    assert off.abs().median() < 0.3
    assert off.abs().max() < 5.0


def test_a_low_voice_with_a_weak_fundamental_is_not_taken_for_a_high_one() -> None:
    strength = np.array([0.3, 1.0, 0.4, 0.9, 0.4, 0.7, 0.3, 0.5, 0.2, 0.3])
    track = fundamental_frequency(voice(np.full(RATE, 88.0), strength))
    torch.testing.assert_close(track[5:-5], torch.full((40,), 88.0), atol=1.5, rtol=0)


@pytest.mark.parametrize("samples", [0, 479, 480, 2_000, 2_399, 2_400, 4_801])
def test_a_short_sound_and_silence_have_as_many_frames_and_no_pitch(samples: int) -> None:
    track = fundamental_frequency(np.zeros(samples, np.float32))
    assert track.tolist() == [0.0] * (samples // 480)
