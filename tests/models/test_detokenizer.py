"""Codes to sound: streamed equals whole, padding codes are dropped, voices stay apart."""

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.models.detokenizer import Detokenizer, Mode, Voice
from stepwave.models.flow import FlowConfig, FlowMatching
from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.signal.resample import Samples

SMALL = {
    "encoder_width": 16,
    "encoder_heads": 2,
    "encoder_hidden": 24,
    "encoder_blocks": 1,
    "encoder_up_blocks": 1,
    "width": 16,
    "depth": 2,
    "heads": 2,
    "head_size": 8,
    "steps": 3,
}


def detokenizer(flow_config: FlowConfig, vocoder_config: VocoderConfig) -> Detokenizer:
    torch.manual_seed(8)
    flow = FlowMatching(replace(flow_config, **SMALL)).eval().requires_grad_(False)
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # zero-initialised gates would hide the blocks
    vocoder = Vocoder(replace(vocoder_config, base_channels=16, f0_channels=8)).eval().requires_grad_(False)
    vocoder.f0_predictor.classifier.bias.fill_(130 / vocoder_config.f0_unit)
    return Detokenizer(flow, vocoder)


NANO = detokenizer(FlowConfig.nano(), VocoderConfig.nano())
MINI = detokenizer(replace(FlowConfig.mini(), visibility="chunk", chunk_codes=5), VocoderConfig.mini())


def voice(name: str = "one", speaker_size: int = 256, codes: int = 7) -> Voice:
    generator = torch.Generator().manual_seed(len(name))
    return Voice(
        name,
        torch.randn(speaker_size, generator=generator),
        torch.randint(0, 6561, (codes,), generator=generator),
        torch.randn(2 * codes, 80, generator=generator),
    )


def codes(count: int) -> list[int]:
    return torch.randint(0, 6561, (count,), generator=torch.Generator().manual_seed(count)).tolist()


def streamed(model: Detokenizer, spoken: list[int], whose: Voice, size: int) -> Samples:
    stream = model.stream(whose)
    pieces = [stream.push(spoken[start : start + size]) for start in range(0, len(spoken), size)]
    return np.concatenate([*pieces, stream.finish()])


@pytest.mark.parametrize("size", [1, 2, 5, 20, 50])
@pytest.mark.parametrize("prompt", [0, 7])
def test_nano_streamed_equals_whole(size: int, prompt: int) -> None:
    spoken, whose = codes(43), voice(codes=prompt)
    whole = NANO.whole(spoken, whose)
    assert whole.shape == (43 * 960,)
    assert whole.dtype == np.float32
    assert whole.std() > 0.01
    np.testing.assert_allclose(streamed(NANO, spoken, whose, size), whole, atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [1, 4, 13])
def test_released_weights_stream_to_the_whole_under_the_same_chunks(size: int) -> None:
    spoken, whose = codes(13), voice(speaker_size=192)
    np.testing.assert_allclose(streamed(MINI, spoken, whose, size), MINI.whole(spoken, whose), atol=1e-3, rtol=0)


def test_sound_comes_before_the_end() -> None:
    stream = NANO.stream(voice())
    assert len(stream.push(codes(12))) >= 12_000 // 2
    assert len(stream.push(codes(5))) == 5 * 960


@pytest.mark.parametrize("size", [1, 3, 100])
def test_released_mode_does_not_depend_on_how_codes_arrive(size: int) -> None:
    spoken, whose = codes(27), voice(speaker_size=192)
    results = []
    for step in (size, 27):
        torch.manual_seed(0)
        stream = MINI.stream(whose, "released")
        pieces = [stream.push(spoken[start : start + step]) for start in range(0, 27, step)]
        results.append(np.concatenate([*pieces, stream.finish()]))
    assert results[0].shape == (27 * 960,)
    np.testing.assert_allclose(results[0], results[1], atol=1e-4, rtol=0)


def test_padding_codes_are_dropped() -> None:
    spoken, whose = codes(9), voice()
    padded = [6561, *spoken[:4], 6561, 7000, *spoken[4:], 6561]
    np.testing.assert_array_equal(NANO.whole(padded, whose), NANO.whole(torch.tensor(spoken), whose))
    np.testing.assert_allclose(streamed(NANO, padded, whose, 2), NANO.whole(spoken, whose), atol=1e-3, rtol=0)


def test_nothing_said_is_no_sound() -> None:
    assert NANO.whole([6561], voice()).shape == (0,)
    stream = NANO.stream(voice())
    assert stream.push([6561]).shape == (0,)
    assert stream.finish().shape == (0,)
    with pytest.raises(ValueError, match="finished"):
        stream.push(codes(4))


def test_voices_and_streams_stay_apart() -> None:
    spoken, first, second = codes(20), voice("one"), voice("another")
    streams = {whose: NANO.stream(whose) for whose in (first, second)}
    again = NANO.stream(first)
    got: dict[Voice, list[Samples]] = {whose: [] for whose in streams}
    for start in range(0, 20, 4):
        for whose, stream in streams.items():
            got[whose].append(stream.push(spoken[start : start + 4]))
    for whose, stream in streams.items():
        sound = np.concatenate([*got[whose], stream.finish()])
        np.testing.assert_allclose(sound, NANO.whole(spoken, whose), atol=1e-3, rtol=0)
    repeated = np.concatenate([again.push(spoken), again.finish()])
    np.testing.assert_allclose(repeated, NANO.whole(spoken, first), atol=1e-3, rtol=0)
    assert np.abs(NANO.whole(spoken, first) - NANO.whole(spoken, second)).max() > 0.01


def test_a_negative_code_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        NANO.whole([3, -1], voice())


def test_a_causal_model_has_no_released_mode_and_other_modes_do_not_exist() -> None:
    with pytest.raises(ConfigError, match="causal"):
        NANO.stream(voice(), "released")
    with pytest.raises(ConfigError, match="fast"):
        NANO.stream(voice(), cast(Mode, "fast"))


@pytest.mark.parametrize("frames", [1, 13, 14, 20])
def test_a_prompt_mel_is_fitted_to_its_codes(frames: int) -> None:
    mel = torch.randn(frames, 80)
    fitted: Tensor = Voice.fitted("one", torch.zeros(256), torch.arange(7), mel).prompt_mel
    assert fitted.shape == (14, 80)
    kept = min(frames, 14)
    assert torch.equal(fitted[:kept], mel[:kept])
    assert torch.equal(fitted[kept:], mel[kept - 1 : kept].expand(14 - kept, -1))


def test_an_unfitting_prompt_is_refused() -> None:
    with pytest.raises(ConfigError, match="7 prompt codes and 13"):
        Voice("one", torch.zeros(256), torch.arange(7), torch.randn(13, 80))
    with pytest.raises(ConfigError, match="no mel"):
        Voice.fitted("one", torch.zeros(256), torch.arange(7), torch.randn(0, 80))
