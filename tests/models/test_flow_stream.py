"""Streams of flow matching: streamed equals whole, memory stays bounded, streams don't touch one another."""

import pytest
import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.models.flow import FlowConfig, FlowMatching
from stepwave.models.flow_noise import BLOCK, NoiseTable
from stepwave.models.flow_stream import FlowStream


def model(visibility: str = "causal", left: int = 9, encoder_left: int = 8) -> FlowMatching:
    torch.manual_seed(3)
    config = FlowConfig(
        vocabulary=40,
        mel_bands=10,
        speaker_size=6,
        encoder_width=16,
        encoder_heads=2,
        encoder_hidden=24,
        encoder_blocks=2,
        encoder_up_blocks=1,
        width=16,
        depth=2,
        heads=2,
        head_size=8,
        mlp_ratio=2.0,
        steps=3,
        visibility=visibility,  # type: ignore[arg-type]
        chunk_codes=5,
        left_context=left,
        encoder_left_context=encoder_left,
    )
    flow = FlowMatching(config).eval()
    for parameter in flow.parameters():
        # zero-initialised gates would hide the blocks
        torch.nn.init.normal_(parameter, std=0.3)
    return flow


def inputs(codes: int, prompt: int) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor]:
    generator = torch.Generator().manual_seed(codes + prompt)
    return (
        torch.randint(0, 40, (1, codes), generator=generator),
        torch.randint(0, 40, (1, prompt), generator=generator) if prompt else None,
        torch.randn(1, 2 * prompt, 10, generator=generator) if prompt else None,
        torch.randn(1, 6, generator=generator),
    )


def streamed(stream: FlowStream, codes: Tensor, size: int) -> Tensor:
    return torch.cat([*(stream.push(piece) for piece in codes.split(size, dim=1)), stream.finish()], dim=2)


def difference(got: Tensor, wanted: Tensor) -> float:
    assert got.shape == wanted.shape
    return ((got - wanted).abs().max() / wanted.abs().max()).item()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 25, 60])
@pytest.mark.parametrize("prompt", [0, 2, 11])
def test_causal_stream_equals_whole(size: int, prompt: int) -> None:
    flow = model()
    codes, prompt_codes, prompt_mel, speaker = inputs(31, prompt)
    whole = flow.generate(codes, prompt_codes, prompt_mel, speaker)
    assert difference(streamed(FlowStream(flow, prompt_codes, prompt_mel, speaker), codes, size), whole) < 1e-4


@pytest.mark.parametrize("size", [1, 6, 60])
@pytest.mark.parametrize("prompt", [0, 2, 7])
@pytest.mark.parametrize("visibility", ["chunk", "full"])
def test_chunked_stream_equals_whole_under_chunk_visibility(size: int, prompt: int, visibility: str) -> None:
    flow = model(visibility)
    for total in (2, 5, 44):
        codes, prompt_codes, prompt_mel, speaker = inputs(total, prompt)
        whole = flow.generate(codes, prompt_codes, prompt_mel, speaker, visibility="chunk")
        assert difference(streamed(FlowStream(flow, prompt_codes, prompt_mel, speaker), codes, size), whole) < 1e-4


def test_window_longer_than_a_block_and_the_nano_shape_of_window() -> None:
    flow = model(left=100, encoder_left=200)
    codes, prompt_codes, prompt_mel, speaker = inputs(220, 30)
    whole = flow.generate(codes, prompt_codes, prompt_mel, speaker)
    assert difference(streamed(FlowStream(flow, prompt_codes, prompt_mel, speaker), codes, 25), whole) < 1e-4


@pytest.mark.parametrize("visibility", ["causal", "chunk"])
def test_memory_is_bounded(visibility: str) -> None:
    flow = model(visibility)
    codes, prompt_codes, prompt_mel, speaker = inputs(60, 7)
    stream = FlowStream(flow, prompt_codes, prompt_mel, speaker)
    for piece in codes.split(10, dim=1):
        stream.push(piece)
        kept = {state.keys.length for blocks in stream._states for state in blocks}
        assert max(kept) <= 14 + 9
        assert max(cache.length for cache in stream._encoder.up_caches) <= 8
        assert max(cache.length for cache in stream._encoder.caches) <= 4
    assert stream.frames == 2 * (57 if visibility == "causal" else 55)


def test_causal_stream_waits_for_three_codes_only() -> None:
    flow = model()
    codes, _, _, speaker = inputs(10, 0)
    stream = FlowStream(flow, None, None, speaker)
    shapes = [stream.push(codes[:, i : i + 1]).shape[2] for i in range(10)]
    assert shapes == [0, 0, 0, 2, 2, 2, 2, 2, 2, 2]
    assert stream.finish().shape == (1, 10, 6)


def test_forks_go_their_own_way() -> None:
    flow = model()
    codes, prompt_codes, prompt_mel, speaker = inputs(30, 6)
    prepared = FlowStream(flow, prompt_codes, prompt_mel, speaker)
    first, second = prepared.fork(), prepared.fork()
    other = (codes + 1) % 40
    pieces: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start in range(0, 30, 6):  # in turns, so that shared state would show
        pieces[0].append(first.push(codes[:, start : start + 6]))
        pieces[1].append(second.push(other[:, start : start + 6]))
    for got, stream, said in ((pieces[0], first, codes), (pieces[1], second, other)):
        whole = flow.generate(said, prompt_codes, prompt_mel, speaker)
        assert difference(torch.cat([*got, stream.finish()], dim=2), whole) < 1e-4
    assert prepared.frames == 0


def test_noise_is_a_function_of_position_and_seed() -> None:
    table = NoiseTable(4, seed=1)
    far = table.frames(3 * BLOCK - 2, 3 * BLOCK + 5)
    whole = NoiseTable(4, seed=1).frames(0, 4 * BLOCK)
    torch.testing.assert_close(far, whole[3 * BLOCK - 2 : 3 * BLOCK + 5], rtol=0, atol=0)
    assert not torch.equal(whole[:BLOCK], whole[BLOCK : 2 * BLOCK])
    assert not torch.equal(whole, NoiseTable(4, seed=2).frames(0, 4 * BLOCK))
    assert table.frames(5, 5).shape == (0, 4)
    assert abs(whole.mean().item()) < 0.05
    assert abs(whole.std().item() - 1) < 0.05


def test_misuse_is_refused() -> None:
    flow = model()
    codes, _, _, speaker = inputs(5, 0)
    with pytest.raises(ConfigError, match="seamless"):
        FlowStream(flow, None, None, speaker, mode="released")
    with pytest.raises(ValueError, match="needs 10 mel frames"):
        FlowStream(flow, codes, None, speaker)
    stream = FlowStream(flow, None, None, speaker)
    with pytest.raises(ValueError, match="code 40 is unknown"):
        stream.push([40])
    assert stream.finish().shape == (1, 10, 0)
    with pytest.raises(ValueError, match="finished"):
        stream.push(codes)
