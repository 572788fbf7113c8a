"""A tiny random Whisper of transformers' own, for what reads Whisper's weights."""

import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration


def tiny_whisper() -> WhisperForConditionalGeneration:
    """Always the same weights."""
    torch.manual_seed(0)
    return WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=50, num_mel_bins=8, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, max_source_positions=20,
            max_target_positions=12, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
        )
    )  # fmt: skip
