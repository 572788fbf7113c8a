"""Key tables, both ways, against the names that the reference libraries and the released files use."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.checkpoints.keys import (
    MINI_ADAPTOR,
    MINI_DECODER,
    MINI_ENCODER,
    MINI_SPEECH_TOKENIZER,
    MINI_VOCODER,
    WHISPER_DECODER,
    WHISPER_ENCODER,
    KeyTable,
)
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.models.whisper_decoder import WhisperDecoder, WhisperDecoderConfig

from .tiny_whisper import tiny_whisper


def test_a_hugging_face_whisper_loads_into_our_encoder_and_decoder() -> None:
    theirs = tiny_whisper().state_dict()
    encoder = AudioEncoder(EncoderConfig(bands=8, width=16, heads=2, layers=2, positions=20))
    decoder = WhisperDecoder(WhisperDecoderConfig(vocabulary=50, width=16, heads=2, layers=2, positions=12))
    for table, module in ((WHISPER_ENCODER, encoder), (WHISPER_DECODER, decoder)):
        state = {ours: theirs[name] for name in theirs if (ours := table.ours(name))}
        module.load_state_dict(state, strict=True)
        assert all(table.theirs(table.ours(name) or "") == name for name in theirs if table.ours(name))
    left = [name for name in theirs if not WHISPER_ENCODER.ours(name) and not WHISPER_DECODER.ours(name)]
    assert left == ["proj_out.weight"]  # tied to the token embedding


def test_mini_names() -> None:
    pairs = [
        (MINI_DECODER, "model.layers.27.mlp.up_proj.weight", "model.layers.27.mlp.up_proj.weight"),
        (MINI_DECODER, "lm_head.weight", "lm_head.weight"),
        (MINI_ENCODER, "encoder.blocks.31.mlp.0.weight", "blocks.31.mlp.0.weight"),
        (MINI_ADAPTOR, "adapter.conv.weight", "conv.weight"),
        (MINI_VOCODER, "generator.conv_post.bias", "conv_post.bias"),
        (MINI_SPEECH_TOKENIZER, "quantizer._codebook.project_down.bias", "quantizer.project_down.bias"),
    ]
    for table, theirs, ours in pairs:
        assert table.ours(theirs) == ours
        assert table.theirs(ours) == theirs
    assert MINI_VOCODER.ours("conv_post.bias") == "conv_post.bias"
    assert MINI_DECODER.ours("encoder.conv1.weight") is None
    assert MINI_ENCODER.ours("adapter.conv.weight") is None


def test_a_rule_with_unequal_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="same marks"):
        KeyTable((("layers.#.*", "blocks.*"),))


@given(st.integers(0, 99), st.text("abcdefghij._0123456789", min_size=1))
def test_renaming_there_and_back(layer: int, rest: str) -> None:
    table = KeyTable((("a.layers.#.x.*", "blocks.#.y.*"), ("b.*", "*")))
    for theirs in (f"a.layers.{layer}.x.{rest}", f"b.{rest}"):
        ours = table.ours(theirs)
        assert ours is not None
        if not re.match(r"blocks\.\d+\.y\.", rest):
            assert table.theirs(ours) == theirs
