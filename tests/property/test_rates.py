"""Every length formula against a definition that counts: windows laid over a row of samples or frames, one by one."""

from hypothesis import given
from hypothesis import strategies as st

from stepwave.facts import rates

samples_of_a_piece = st.integers(0, rates.PIECE_SAMPLES)
few = st.integers(0, 400)


def windows(length: int, width: int, step: int, padding: int) -> int:
    """Positions at which a window fits into `length` entries with `padding` more on each side."""
    padded = length + 2 * padding
    return sum(1 for start in range(0, padded, step) if start + width <= padded)


@given(samples_of_a_piece)
def test_mel_frames_are_the_centred_windows_less_the_last(samples: int) -> None:
    padded = samples + rates.MEL_RIGHT_PADDING
    centred = windows(padded, rates.MEL_WINDOW, rates.MEL_HOP, rates.MEL_WINDOW // 2)
    assert rates.mel_frames(samples) == centred - 1


@given(samples_of_a_piece)
def test_valid_frames_cover_the_samples_and_no_more(samples: int) -> None:
    valid = rates.valid_mel_frames(samples)
    assert (valid - 1) * rates.MEL_HOP < samples <= valid * rates.MEL_HOP or samples == valid == 0


@given(few)
def test_encoder_frames_are_a_strided_conv_and_a_pooling(valid: int) -> None:
    after_conv = windows(valid, 3, 2, 1)
    assert rates.encoder_frames(valid) == len([pair for pair in range(0, after_conv, 2) if pair + 2 <= after_conv])


@given(few)
def test_positions_are_a_strided_conv(frames: int) -> None:
    assert rates.audio_positions(frames) == (windows(frames, 3, 2, 1) if frames else 0)


@given(samples_of_a_piece)
def test_positions_last_80_milliseconds_each(samples: int) -> None:
    exact = samples / rates.INPUT_SAMPLE_RATE * rates.POSITION_RATE
    assert abs(rates.placeholders(samples) - exact) <= 1


@given(samples_of_a_piece, samples_of_a_piece)
def test_more_sound_never_has_fewer_positions(one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert rates.placeholders(less) <= rates.placeholders(more)


@given(st.integers(0, 20 * rates.PIECE_SAMPLES))
def test_pieces_are_whole_but_for_the_last_and_add_up(samples: int) -> None:
    pieces = rates.piece_lengths(samples)
    assert sum(pieces) == samples
    assert all(piece == rates.PIECE_SAMPLES for piece in pieces[:-1])
    assert all(0 < piece <= rates.PIECE_SAMPLES for piece in pieces)
    assert rates.recording_placeholders(samples) == sum(map(rates.placeholders, pieces))


@given(samples_of_a_piece.filter(lambda samples: samples >= rates.MEL_WINDOW // 2 + 1))
def test_tokenizer_frames_are_the_centred_windows_less_the_last(samples: int) -> None:
    centred = windows(samples, rates.MEL_WINDOW, rates.MEL_HOP, rates.MEL_WINDOW // 2)
    assert rates.tokenizer_mel_frames(samples) == centred - 1


@given(few)
def test_speech_tokens_are_two_strided_convs(frames: int) -> None:
    assert rates.speech_tokens_of_mel(frames) == windows(windows(frames, 3, 2, 1), 3, 2, 1)


@given(samples_of_a_piece)
def test_speech_tokens_of_samples_go_through_the_mel(samples: int) -> None:
    assert rates.speech_tokens(samples) == rates.speech_tokens_of_mel(rates.tokenizer_mel_frames(samples))


@given(few)
def test_sound_said_has_two_frames_and_960_samples_a_token(tokens: int) -> None:
    assert rates.speech_mel_frames(tokens) == sum(2 for _ in range(tokens))
    assert rates.output_samples_of_tokens(tokens) == sum(960 for _ in range(tokens))
    assert rates.output_samples(rates.speech_mel_frames(tokens)) == rates.output_samples_of_tokens(tokens)
    assert rates.speech_mel_frames_of_samples(rates.output_samples_of_tokens(tokens)) == rates.speech_mel_frames(tokens)
    samples = rates.speech_seconds(tokens) * rates.OUTPUT_SAMPLE_RATE
    assert round(samples, 6) == rates.output_samples_of_tokens(tokens)


@given(st.integers(0, 10_000))
def test_the_speech_mel_has_the_windows_that_fit_after_reflecting_720_samples(samples: int) -> None:
    assert rates.speech_mel_frames_of_samples(samples) == windows(samples, 1920, rates.SPEECH_MEL_HOP, 720)


@given(few, few)
def test_groups_are_dealt_out_until_both_rows_are_empty(text: int, speech: int) -> None:
    groups, text_left, speech_left = 0, text, speech
    while text_left > 0 or speech_left > 0:
        groups, text_left, speech_left = groups + 1, text_left - 1, speech_left - 4
    assert rates.interleaved_groups(text, speech) == groups
    assert rates.interleaved_length(text, speech) == 5 * groups
