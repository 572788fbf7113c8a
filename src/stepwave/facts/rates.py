"""Rates and length formulas: samples, mel frames, encoder frames, LLM positions, speech tokens, samples out.

Each length is a small function of the length before it, so that the whole way can be counted without running a model.
Sources: reference facts 2.1-2.3 (input), 4.3 (interleaving), 6 and 7 (speech tokens and sound). All counts are
integers of at least 0; a negative count is a slip of the caller and raises ValueError. No tensors here.
"""

from typing import Final

INPUT_SAMPLE_RATE: Final = 16_000
"""Samples per second of everything the model hears."""
OUTPUT_SAMPLE_RATE: Final = 24_000
"""Samples per second of everything the model says."""
MEL_HOP: Final = 160
"""Samples at 16 kHz from one input mel frame to the next: 100 frames per second."""
MEL_WINDOW: Final = 400
"""Samples at 16 kHz in one mel window."""
MEL_RIGHT_PADDING: Final = 479
"""Zero samples appended to a piece before its mel is taken."""
PIECE_SECONDS: Final = 25
"""Longest stretch the encoder gets at once, in seconds."""
PIECE_SAMPLES: Final = PIECE_SECONDS * INPUT_SAMPLE_RATE
"""The same in samples at 16 kHz."""
MAX_MEL_FRAMES: Final = 3000
"""Mel frames that the encoder's 1500 learned positions can hold."""
ENCODER_RATE: Final = 25
"""Encoder frames per second."""
POSITION_RATE: Final = 12.5
"""LLM positions per second of sound heard."""
SPEECH_TOKEN_RATE: Final = 25
"""Speech tokens per second of sound said."""
SPEECH_MEL_RATE: Final = 50
"""Mel frames per second between flow matching and vocoder."""
SPEECH_MEL_PER_TOKEN: Final = SPEECH_MEL_RATE // SPEECH_TOKEN_RATE
"""Mel frames that one speech token becomes."""
SPEECH_MEL_HOP: Final = OUTPUT_SAMPLE_RATE // SPEECH_MEL_RATE
"""Samples at 24 kHz that one such mel frame becomes."""
SAMPLES_PER_SPEECH_TOKEN: Final = OUTPUT_SAMPLE_RATE // SPEECH_TOKEN_RATE
"""Samples at 24 kHz that one speech token becomes."""
TEXT_PER_GROUP: Final = 1
"""Text tokens in one interleaving group."""
SPEECH_PER_GROUP: Final = 4
"""Speech tokens in one interleaving group."""
GROUP: Final = TEXT_PER_GROUP + SPEECH_PER_GROUP
"""LLM tokens in one interleaving group: 160 ms of sound."""
SPOKEN_TOKEN_RATE: Final = SPEECH_TOKEN_RATE * GROUP / SPEECH_PER_GROUP
"""LLM tokens, text and speech together, in a second of a spoken answer: 31.25."""

if OUTPUT_SAMPLE_RATE % SPEECH_MEL_RATE or SPEECH_MEL_RATE % SPEECH_TOKEN_RATE or INPUT_SAMPLE_RATE % MEL_HOP:
    raise ValueError("the base rates must divide each other")


def mel_frames(samples: int) -> int:
    """Mel frames T of a piece of `samples` at 16 kHz, the padding on the right included (at least 2)."""
    return (_count(samples) + MEL_RIGHT_PADDING) // MEL_HOP


def valid_mel_frames(samples: int) -> int:
    """Mel frames L that count as heard: T - 2, which is `samples` / 160 rounded up."""
    return mel_frames(samples) - 2


def encoder_frames(valid_frames: int) -> int:
    """Encoder frames E at 25 Hz for L valid mel frames: halved by the strided conv, then by the pooling."""
    return (_count(valid_frames) + 1) // 2 // 2


def audio_positions(frames: int) -> int:
    """LLM positions n for E encoder frames: the adaptor's conv of width 3, stride 2, padding 1. 0 for 0."""
    return (_count(frames) - 1) // 2 + 1


def placeholders(samples: int) -> int:
    """LLM positions of one piece of `samples` at 16 kHz (0 up to 320 samples, 313 for 25 s)."""
    return audio_positions(encoder_frames(valid_mel_frames(samples)))


def piece_lengths(samples: int) -> list[int]:
    """Samples in each 25 s piece of a recording of `samples` at 16 kHz; only the last may be shorter. [] for 0."""
    whole, rest = divmod(_count(samples), PIECE_SAMPLES)
    return [PIECE_SAMPLES] * whole + ([rest] if rest else [])


def recording_placeholders(samples: int) -> int:
    """LLM positions of a whole recording, all its pieces together (start and end marks not counted)."""
    return sum(placeholders(piece) for piece in piece_lengths(samples))


def tokenizer_mel_frames(samples: int) -> int:
    """Mel frames of `samples` at 16 kHz as the speech tokenizer takes them: without padding on the right."""
    return _count(samples) // MEL_HOP


def speech_tokens_of_mel(frames: int) -> int:
    """Speech tokens for `frames` such mel frames: two strided convs, each rounding up."""
    return _ceil_div(_ceil_div(_count(frames), 2), 2)


def speech_tokens(samples: int) -> int:
    """Speech tokens of a recording of `samples` at 16 kHz (up to 30 s, where nothing is cut into windows)."""
    return speech_tokens_of_mel(tokenizer_mel_frames(samples))


def speech_mel_frames(tokens: int) -> int:
    """Mel frames at 50 Hz that `tokens` speech tokens become."""
    return SPEECH_MEL_PER_TOKEN * _count(tokens)


def speech_mel_frames_of_samples(samples: int) -> int:
    """Mel frames at 50 Hz of a recording of `samples` at 24 kHz."""
    return _count(samples) // SPEECH_MEL_HOP


def output_samples(frames: int) -> int:
    """Samples at 24 kHz that `frames` mel frames at 50 Hz become."""
    return SPEECH_MEL_HOP * _count(frames)


def output_samples_of_tokens(tokens: int) -> int:
    """Samples at 24 kHz that `tokens` speech tokens become."""
    return output_samples(speech_mel_frames(tokens))


def interleaved_groups(text: int, speech: int) -> int:
    """Groups needed for `text` text tokens and `speech` speech tokens: what the longer of the two asks for."""
    return max(_ceil_div(_count(text), TEXT_PER_GROUP), _ceil_div(_count(speech), SPEECH_PER_GROUP))


def interleaved_length(text: int, speech: int) -> int:
    """LLM tokens of an interleaved section, padding included, `<tts_start>` and `<tts_end>` not counted."""
    return GROUP * interleaved_groups(text, speech)


def speech_seconds(tokens: int) -> float:
    """Seconds of sound that `tokens` speech tokens become."""
    return _count(tokens) / SPEECH_TOKEN_RATE


def input_seconds(samples: int) -> float:
    """Seconds that `samples` at 16 kHz last."""
    return _count(samples) / INPUT_SAMPLE_RATE


def _ceil_div(count: int, by: int) -> int:
    return -(-count // by)


def _count(value: int) -> int:
    if value < 0:
        raise ValueError(f"a length cannot be negative, got {value}")
    return value
