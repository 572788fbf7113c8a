import pytest
import torch

from stepwave.facts import rates
from stepwave.facts.errors import ConfigError
from stepwave.models.speech_tokenizer import SpeechTokenizer, SpeechTokenizerConfig

TINY = SpeechTokenizerConfig(bands=4, width=8, heads=2, layers=1)


def test_released_size() -> None:
    with torch.device("meta"):
        tokenizer = SpeechTokenizer(SpeechTokenizerConfig())
    assert len(tokenizer.state_dict()) == 102  # reference facts 1.1
    assert round(sum(parameter.numel() for parameter in tokenizer.parameters()) / 1e4) == 12_371


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 99, 100])
def test_lengths_follow_the_rates(frames: int) -> None:
    codes, lengths = SpeechTokenizer(TINY).encode(torch.randn(1, 4, frames), torch.tensor([frames]))
    assert codes.shape == (1, rates.speech_tokens_of_mel(frames))
    assert lengths.tolist() == [rates.speech_tokens_of_mel(frames)]


def test_long_and_short_clips_share_a_batch() -> None:
    torch.manual_seed(0)
    tokenizer = SpeechTokenizer(TINY).eval()
    mel = torch.randn(2, 4, 3100)
    codes, lengths = tokenizer.encode(mel, torch.tensor([3100, 200]))
    alone, _ = tokenizer.encode(mel[1:, :, :200], torch.tensor([200]))
    assert lengths.tolist() == [775, 50]
    assert codes[1, :50].tolist() == alone[0].tolist()


def test_config_refuses_bad_sizes() -> None:
    with pytest.raises(ConfigError, match="even width"):
        SpeechTokenizerConfig(width=30, heads=10)
