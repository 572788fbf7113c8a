"""Listening with a draft: whatever the draft says, what is heard is what greedy decoding writes."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
from tokenizers import models, pre_tokenizers

from stepwave.facts.errors import AudioTooLongError, CheckpointIncompleteError, CheckpointNotFoundError
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.models.whisper_decoder import WhisperDecoder, WhisperDecoderConfig
from stepwave.prepare.reading_along import MOST_CORRECTIONS, ReadingAlong

MARKS = [f"<|{mark}|>" for mark in ("startoftranscript", "en", "transcribe", "notimestamps", "endoftext")]
MOST = 16
"""Tokens after which greedy decoding is cut off here."""
WORDS = [*(f"w{number}" for number in range(24)), ",", "."]


def tokenizer(tokens: list[str]) -> tokenizers.Tokenizer:
    library = tokenizers.Tokenizer(models.WordLevel({token: number for number, token in enumerate(tokens)}, "w0"))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    library.add_special_tokens([token for token in tokens if token in MARKS])
    return library


@cache
def tiny(seed: int) -> ReadingAlong:
    """Random weights, with an end that comes up now and then."""
    torch.manual_seed(seed)
    encoder = AudioEncoder(EncoderConfig(bands=80, width=16, heads=2, layers=1, positions=1500))
    decoder = WhisperDecoder(WhisperDecoderConfig(len(MARKS) + len(WORDS), 16, 2, 2, 64))
    with torch.no_grad():
        decoder.positional_embedding.mul_(100)
        decoder.token_embedding.weight[MARKS.index("<|endoftext|>")].mul_(1.3)
    return ReadingAlong(encoder, decoder, tokenizer([*MARKS, *WORDS]), "tiny")


def sound(seed: int, seconds: float = 1.2) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * 16_000))).astype(np.float32)


@torch.inference_mode()
def greedy_ids(ear: ReadingAlong, samples: np.ndarray) -> list[int]:
    """The likeliest token again and again, without any draft."""
    sounds = ear._sounds(samples)
    written = list(range(4))
    for _ in range(MOST):
        hidden = ear.decoder.read(torch.tensor([written]), sounds)
        token = int(ear.decoder.logits(hidden[0, -1]).argmax())
        if token == ear.end:
            break
        written.append(token)
    return written[4:]


def greedy(ear: ReadingAlong, samples: np.ndarray) -> list[str]:
    """The same as words, without marks."""
    return ear.tokenizer.decode(greedy_ids(ear, samples)).split()


@pytest.mark.parametrize("seed", range(5))
def test_the_draft_does_not_decide_what_is_heard(seed: int) -> None:
    ear, samples = tiny(seed), sound(seed)
    expected = greedy(ear, samples)
    shuffled = list(expected)
    np.random.default_rng(seed).shuffle(shuffled)
    drafts = [expected, expected[1:], ["w1", *expected], shuffled, ["w5", "w6", ",", "w7"], [*expected[:2], ","]]
    for draft in drafts:
        heard = ear.hear(samples, " ".join(draft))
        said = heard.text.split()
        assert said[: len(expected)] == expected[: len(said)]
        if heard.complete and len(expected) < MOST:
            assert said == expected


def test_a_right_draft_is_heard_to_its_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = range(len(MARKS), len(MARKS) + len(WORDS))
    found = ((seed, greedy_ids(tiny(seed), sound(seed))) for seed in range(80))
    seed = next(seed for seed, ids in found if 2 <= len(ids) < MOST and all(token in plain for token in ids))
    ear, samples = tiny(seed), sound(seed)
    expected = greedy(ear, samples)
    reads = []
    whole = ear.decoder.read

    def counted(tokens: torch.Tensor, sounds: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        reads.append(tokens.shape[1])
        return whole(tokens, sounds)

    monkeypatch.setattr(ear.decoder, "read", counted)
    heard = ear.hear(samples, " ".join(expected))
    assert (heard.text.split(), heard.complete, len(reads)) == (expected, True, 1)


def test_listening_stops_where_nothing_agrees() -> None:
    given_up = [tiny(seed).hear(sound(seed), " ".join(["w3", "w4"] * 12)) for seed in range(6)]
    assert any(not heard.complete for heard in given_up)
    assert all(len(heard.text.split()) <= 24 + MOST_CORRECTIONS for heard in given_up)


def test_loudness_does_not_matter() -> None:
    ear, samples = tiny(3), sound(3)
    assert ear.hear(samples, "w1 w2") == ear.hear(samples * np.float32(0.05), "w1 w2")


def test_too_long_a_sound_is_refused() -> None:
    with pytest.raises(AudioTooLongError, match="29 s at most; cut it first"):
        tiny(0).hear(sound(0, 30.0), "w1")


def test_a_folder_without_the_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"model\.bin"):
        ReadingAlong.open(tmp_path)


def test_a_tokenizer_of_something_else_is_told() -> None:
    known = tiny(0)
    with pytest.raises(CheckpointIncompleteError, match="endoftext"):
        ReadingAlong(known.encoder, known.decoder, tokenizer(WORDS), "wrong")
