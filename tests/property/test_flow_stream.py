"""However codes are cut, whatever the prompt and the windows: streamed mel equals whole mel."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwave.models.flow import FlowConfig, FlowMatching
from stepwave.models.flow_stream import FlowStream


def model(visibility: str, chunk: int, left: int, encoder_left: int) -> FlowMatching:
    torch.manual_seed(left)
    config = FlowConfig(
        vocabulary=20,
        mel_bands=4,
        speaker_size=3,
        encoder_width=8,
        encoder_heads=2,
        encoder_hidden=8,
        encoder_blocks=1,
        encoder_up_blocks=1,
        width=8,
        depth=2,
        heads=1,
        head_size=8,
        mlp_ratio=1.0,
        steps=2,
        visibility=visibility,  # type: ignore[arg-type]
        chunk_codes=chunk,
        left_context=left,
        encoder_left_context=encoder_left,
    )
    flow = FlowMatching(config).eval()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return flow


@settings(max_examples=40)
@given(
    visibility=st.sampled_from(["causal", "chunk"]),
    chunk=st.integers(1, 9),
    left=st.integers(1, 20),
    encoder_left=st.integers(1, 20),
    prompt=st.integers(0, 9),
    pieces=st.lists(st.integers(0, 12), max_size=8),
    seed=st.integers(0, 2**16),
)
def test_streamed_equals_whole(
    visibility: str, chunk: int, left: int, encoder_left: int, prompt: int, pieces: list[int], seed: int
) -> None:
    flow = model(visibility, chunk, left, encoder_left)
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 20, (1, sum(pieces)), generator=generator)
    prompt_codes = torch.randint(0, 20, (1, prompt), generator=generator)
    prompt_mel = torch.randn(1, 2 * prompt, 4, generator=generator)
    speaker = torch.randn(1, 3, generator=generator)
    whole = flow.generate(codes, prompt_codes, prompt_mel, speaker)
    stream = FlowStream(flow, prompt_codes, prompt_mel, speaker)
    mel = torch.cat([*(stream.push(piece) for piece in codes.split(pieces, dim=1)), stream.finish()], dim=2)
    assert mel.shape == whole.shape == (1, 4, 2 * sum(pieces))
    if sum(pieces):
        assert (mel - whole).abs().max() <= 1e-4 * whole.abs().max()
