"""nano's speech tokenizer: one code per frame, padding without effect, a training part that can be left out."""

import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.models.fsq import CODES, codes_of, quantise
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig

TINY = NanoSpeechTokenizerConfig(width=16, hidden=32, kernel=3, lower_blocks=1, upper_blocks=1)


def tokenizer(*, for_training: bool = False) -> NanoSpeechTokenizer:
    torch.manual_seed(0)
    return NanoSpeechTokenizer(TINY, for_training=for_training)


@pytest.mark.parametrize("frames", [1, 2, 25, 625])
def test_one_code_per_frame(frames: int) -> None:
    codes = tokenizer().encode(torch.randn(1, frames, 16), torch.tensor([frames]))
    assert codes.shape == (1, frames)
    assert int(codes.min()) >= 0
    assert int(codes.max()) < CODES


def test_padding_changes_no_code() -> None:
    model = tokenizer()
    frames = torch.randn(2, 15, 16)
    lengths = torch.tensor([15, 6])
    together = model.encode(frames, lengths)
    alone = model.encode(frames[1:, :6], lengths[1:])
    assert together[1, :6].tolist() == alone[0].tolist()


def test_codes_differ_between_sounds() -> None:
    codes = tokenizer().encode(torch.randn(1, 200, 16), torch.tensor([200]))
    assert len(codes.unique()) > 20


def test_the_training_part_reaches_every_parameter() -> None:
    model = tokenizer(for_training=True)
    frames, lengths = torch.randn(2, 12, 16), torch.tensor([12, 7])
    quantised = quantise(model.bounded(frames, lengths))
    hidden, rebuilt = model.rebuild(quantised, lengths)
    assert hidden.shape == rebuilt.shape == (2, 12, 16)
    (rebuilt - model.normalise(frames)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    assert codes_of(quantised)[0].tolist() == model.encode(frames, lengths)[0].tolist()


def test_rebuilding_a_short_clip_ignores_its_padding() -> None:
    model = tokenizer(for_training=True)
    quantised = torch.randint(-1, 2, (2, 6, 8)).float()
    _, together = model.rebuild(quantised, torch.tensor([6, 3]))
    _, alone = model.rebuild(quantised[1:, :3], torch.tensor([3]))
    torch.testing.assert_close(together[1, :3], alone[0])


def test_statistics_make_channels_alike_and_can_be_undone() -> None:
    model = tokenizer()
    frames = torch.randn(500, 16) * torch.linspace(0.1, 40, 16) + 3
    model.set_statistics(frames)
    normal = model.normalise(frames)
    torch.testing.assert_close(normal.std(dim=0), torch.ones(16))
    torch.testing.assert_close(model.denormalise(normal), frames)


def test_tokenizer_for_codes_has_no_training_part() -> None:
    assert not any(name.startswith("reconstruction.") for name in tokenizer().state_dict())
    with pytest.raises(ValueError, match="for_training"):
        tokenizer().rebuild(torch.zeros(1, 2, 8), torch.tensor([2]))


def test_config_refuses_bad_sizes() -> None:
    with pytest.raises(ConfigError, match="must be odd"):
        NanoSpeechTokenizerConfig(kernel=4)
    with pytest.raises(ConfigError, match="lower_blocks is 0"):
        NanoSpeechTokenizerConfig(lower_blocks=0)
