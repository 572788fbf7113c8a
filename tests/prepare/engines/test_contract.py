import numpy as np
import pytest

from stepwave.prepare.engines.contract import SYNTHESIS_RATE, ShiftedVoice, trim


class Tone:
    """Says everything as a second of 200 Hz, sooner at a higher speed."""

    def speak(self, text: str, speed: float = 1.0) -> np.ndarray:
        time = np.arange(round(SYNTHESIS_RATE / speed)) / SYNTHESIS_RATE
        return (0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)


def hertz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * SYNTHESIS_RATE / len(samples))


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("speed", [0.75, 1.0, 1.3])
def test_a_shifted_voice_is_higher_but_no_quicker(factor: float, speed: float) -> None:
    samples = ShiftedVoice(Tone(), factor).speak("anything", speed)
    assert len(samples) / SYNTHESIS_RATE == pytest.approx(1 / speed, rel=0.01)
    assert hertz(samples) == pytest.approx(200 * factor, rel=0.02)


def test_silence_is_trimmed_at_both_ends() -> None:
    sound = np.concatenate([np.zeros(24_000), np.full(4_800, 0.5), np.zeros(12_000)]).astype(np.float32)
    assert len(trim(sound)) == 4_800 + 2 * int(0.06 * 24_000) - 1
    assert len(trim(np.zeros(100, np.float32))) == 0
