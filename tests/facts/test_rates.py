"""The table of reference facts 2.3, and what the constants must agree on."""

from collections.abc import Callable

import pytest

from stepwave.facts import rates


@pytest.mark.parametrize(
    ("seconds", "frames", "valid", "encoder", "positions"),
    [
        (0.1, 12, 10, 2, 1),
        (1, 102, 100, 25, 13),
        (2, 202, 200, 50, 25),
        (3, 302, 300, 75, 38),
        (5, 502, 500, 125, 63),
        (10, 1002, 1000, 250, 125),
        (25, 2502, 2500, 625, 313),
    ],
)
def test_lengths_are_those_of_the_reference_table(
    seconds: float, frames: int, valid: int, encoder: int, positions: int
) -> None:
    samples = int(seconds * rates.INPUT_SAMPLE_RATE)
    assert rates.mel_frames(samples) == frames
    assert rates.valid_mel_frames(samples) == valid
    assert rates.encoder_frames(valid) == encoder
    assert rates.audio_positions(encoder) == positions
    assert rates.placeholders(samples) == positions


def test_twenty_milliseconds_have_no_position_and_one_sample_more_has() -> None:
    assert [rates.placeholders(samples) for samples in (0, 1, 320, 321)] == [0, 0, 0, 1]


def test_a_recording_is_cut_into_25_second_pieces() -> None:
    assert rates.piece_lengths(0) == []
    assert rates.piece_lengths(400_000) == [400_000]
    assert rates.piece_lengths(820_800) == [400_000, 400_000, 20_800]
    assert rates.recording_placeholders(820_800) == 313 + 313 + 16


def test_speech_tokens_become_sound_at_the_stated_rates() -> None:
    assert rates.speech_tokens(rates.INPUT_SAMPLE_RATE) == rates.SPEECH_TOKEN_RATE
    assert rates.speech_mel_frames(25) == rates.SPEECH_MEL_RATE
    assert rates.output_samples_of_tokens(25) == rates.OUTPUT_SAMPLE_RATE
    assert rates.speech_mel_frames_of_samples(rates.OUTPUT_SAMPLE_RATE) == rates.SPEECH_MEL_RATE
    assert (rates.SPEECH_MEL_HOP, rates.SAMPLES_PER_SPEECH_TOKEN) == (480, 960)
    assert rates.speech_seconds(50) == 2.0
    assert rates.input_seconds(8_000) == 0.5


def test_five_tokens_of_the_language_model_are_160_milliseconds_of_sound() -> None:
    assert rates.GROUP == 5
    assert rates.speech_seconds(rates.SPEECH_PER_GROUP) == pytest.approx(0.16)


def test_a_whole_piece_fits_the_encoders_positions() -> None:
    assert rates.mel_frames(rates.PIECE_SAMPLES) <= rates.MAX_MEL_FRAMES


@pytest.mark.parametrize(
    "length",
    [
        rates.mel_frames,
        rates.encoder_frames,
        rates.audio_positions,
        rates.piece_lengths,
        rates.speech_tokens,
        rates.output_samples,
    ],
)
def test_a_negative_length_is_refused(length: Callable[[int], object]) -> None:
    with pytest.raises(ValueError, match="negative"):
        length(-1)
