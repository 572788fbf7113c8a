import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from stepwave.facts.errors import AudioEmptyError, ConfigError
from stepwave.models.speaker import PARTIAL, SpeakerEncoder, SpeakerEncoderConfig, partial_starts, speaker_mel


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise with a wavering level, loud enough to count as sound throughout."""
    count = round(16_000 * seconds)
    noise = np.random.default_rng(seed).standard_normal(count)
    return (0.1 * noise * (1.2 + np.sin(np.arange(count) / 900))).astype(np.float32)


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    torch.manual_seed(0)
    encoder = SpeakerEncoder(SpeakerEncoderConfig(hidden=32, layers=2, width=24)).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return encoder


def test_mel_is_the_usual_power_spectrogram() -> None:
    samples = sound(0.5)
    bank = mel_filter_bank(201, 40, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    wanted = spectrogram(
        samples,
        window_function(400, "hann"),
        400,
        160,
        power=2.0,
        center=True,
        pad_mode="constant",
        mel_filters=bank,
    ).T
    got = speaker_mel(torch.from_numpy(samples)).numpy()
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("samples", "starts"),
    # 160 frames need 25,440 to 25,599 samples; a further partial utterance counts from 0.75 of its 25,600 samples on.
    [(1, [0]), (25_600, [0]), (31_519, [0]), (31_520, [0, 77]), (48_000, [0, 77, 154])],
)
def test_partial_utterances(samples: int, starts: list[int]) -> None:
    assert partial_starts(samples) == starts


@pytest.mark.parametrize("seconds", [0.1, 1.6, 5.0])
def test_embedding_has_length_one_and_nothing_negative(encoder: SpeakerEncoder, seconds: float) -> None:
    embedding = encoder.embed(sound(seconds))
    assert embedding.shape == (24,)
    assert float(embedding.norm()) == pytest.approx(1.0, abs=1e-5)
    assert float(embedding.min()) >= 0


@torch.no_grad()
def test_a_longer_recording_is_the_mean_of_its_parts(encoder: SpeakerEncoder) -> None:
    samples = sound(3.0)
    mel = speaker_mel(torch.nn.functional.pad(torch.from_numpy(samples), (0, (154 + PARTIAL) * 160 - len(samples))))
    parts = encoder(torch.stack([mel[start : start + PARTIAL] for start in (0, 77, 154)]))
    mean = parts.mean(dim=0)
    torch.testing.assert_close(encoder.embed(samples), mean / mean.norm())
    assert float((parts[0] - parts[2]).abs().max()) > 1e-3


def test_quiet_recordings_are_raised_to_one_level(encoder: SpeakerEncoder) -> None:
    quiet, quieter = encoder.embed(0.05 * sound(2.0)), encoder.embed(0.02 * sound(2.0))
    torch.testing.assert_close(quiet, quieter, rtol=1e-3, atol=1e-4)


def test_silence_is_cut_down_to_a_margin(encoder: SpeakerEncoder) -> None:
    voice = sound(3.2)
    silence, margin = np.zeros(48_000, np.float32), np.zeros(1600, np.float32)
    long, short = (encoder.embed(np.concatenate((gap, voice, gap))) for gap in (silence, margin))
    torch.testing.assert_close(long, short)


@pytest.mark.parametrize("count", [0, 1, 16_000])
def test_silence_is_refused(encoder: SpeakerEncoder, count: int) -> None:
    with pytest.raises(AudioEmptyError, match="silent"):
        encoder.embed(np.zeros(count, np.float32))


def test_config_refuses_bad_sizes() -> None:
    with pytest.raises(ConfigError, match="layers is 0"):
        SpeakerEncoderConfig(layers=0)
