"""What voices' prompts left: held while there is room, and counted by what it takes."""

import gc
from functools import partial

import numpy as np
import pytest
import torch

from stepwave.models.detokenizer import Voice
from stepwave.models.flow_stream import FlowStream
from stepwave.models.heard_prompts import HeardPrompts

from .test_detokenizer import NANO, codes, voice


def heard(whose: Voice) -> FlowStream:
    speaker, prompt_codes, prompt_mel = NANO._prompt(whose)
    return FlowStream(NANO.flow, prompt_codes, prompt_mel, speaker)


def again() -> FlowStream:
    pytest.fail("the prompt was forgotten")


def test_a_longer_prompt_holds_more() -> None:
    short, long = heard(voice(codes=5)), heard(voice(codes=50))
    config = NANO.flow.config
    keys = 2 * 2 * config.steps * config.depth * config.heads * config.head_size * 4
    # Keys and values of guided and unguided frames, two a code, of which the look-ahead holds some back.
    assert long.held_bytes - short.held_bytes >= 2 * 40 * keys
    fork = short.fork()
    fork.push(codes(20))
    assert fork.held_bytes > short.held_bytes


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    first, second, third = voice("1"), voice("2"), voice("3")
    prompts: HeardPrompts[Voice] = HeardPrompts(int(2.5 * heard(first).held_bytes))
    one = prompts.stream(first, "seamless", lambda: heard(first))
    prompts.stream(second, "seamless", lambda: heard(second))
    assert prompts.stream(first, "seamless", again) is one
    prompts.stream(third, "seamless", lambda: heard(third))
    assert prompts.stream(first, "seamless", again) is one
    prompts.stream(third, "seamless", again)
    assert prompts.held_bytes <= 2 * one.held_bytes
    made = list[Voice]()
    prompts.stream(second, "seamless", lambda: made.append(second) or heard(second))
    assert made == [second]


def test_one_voice_is_held_whatever_it_takes() -> None:
    prompts: HeardPrompts[Voice] = HeardPrompts(1)
    only = voice()
    held = prompts.stream(only, "seamless", lambda: heard(only))
    assert prompts.stream(only, "seamless", again) is held


def test_a_prompt_goes_with_its_voice() -> None:
    prompts: HeardPrompts[Voice] = HeardPrompts()
    gone = voice()
    prompts.stream(gone, "seamless", partial(heard, gone))
    assert prompts.held_bytes > 0
    del gone
    gc.collect()
    assert prompts.held_bytes == 0


def test_a_voice_sounds_the_same_after_it_was_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NANO, "heard", HeardPrompts(1))
    first, second = voice("one"), voice("another")

    def said() -> np.ndarray:
        stream = NANO.stream(first)
        return np.concatenate([stream.push(codes(12)), stream.finish()])

    before = said()
    NANO.stream(second)
    torch.testing.assert_close(said(), before, atol=0, rtol=0)
