"""A tiny model that hears, with the tiny tokenizer's ids."""

import pytest
import torch

from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.text.tokenizer import Tokenizer


@pytest.fixture
def model(tiny_tokenizer: Tokenizer) -> AudioLanguageModel:
    torch.manual_seed(6)
    encoder = AudioEncoder(EncoderConfig(bands=80, width=16, heads=2, layers=1, positions=1500))
    adaptor = Adaptor(AdaptorConfig(width=16, hidden=24, llm_width=32))
    decoder = Decoder(DecoderConfig.tiny(tiny_tokenizer.vocab_size + 20))
    return AudioLanguageModel(encoder, adaptor, decoder, tiny_tokenizer.special).eval()
