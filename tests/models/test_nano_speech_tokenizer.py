import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.models.fsq import CODES, codes_of
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig

TINY = NanoSpeechTokenizerConfig(tap_layer=1, width=16, heads=2, lower_layers=1, upper_layers=1)


def tokenizer(*, for_training: bool = False) -> NanoSpeechTokenizer:
    torch.manual_seed(0)
    return NanoSpeechTokenizer(TINY, for_training=for_training)


@pytest.mark.parametrize(("states", "codes"), [(50, 25), (51, 25), (2, 1), (1250, 625)])
def test_one_code_for_two_whole_states(states: int, codes: int) -> None:
    found, lengths = tokenizer().encode(torch.randn(1, states, 16), torch.tensor([states]))
    assert found.shape == (1, codes)
    assert lengths.tolist() == [codes]
    assert int(found.min()) >= 0
    assert int(found.max()) < CODES


def test_padding_changes_no_code() -> None:
    model = tokenizer()
    hidden = torch.randn(2, 30, 16)
    lengths = torch.tensor([30, 13])
    codes, counts = model.encode(hidden, lengths)
    alone, _ = model.encode(hidden[1:, :13], lengths[1:])
    assert counts.tolist() == [15, 6]
    assert codes[1, :6].tolist() == alone[0].tolist()


def test_codes_differ_between_sounds() -> None:
    codes, _ = tokenizer().encode(torch.randn(1, 200, 16), torch.tensor([200]))
    assert len(codes.unique()) > 20


def test_reconstruction_has_the_states_shape_and_trains_every_parameter() -> None:
    model = tokenizer(for_training=True)
    hidden = torch.randn(2, 12, 16)
    lengths = torch.tensor([12, 7])
    quantised, code_lengths = model.quantised(hidden, lengths)
    states = model.reconstruct(quantised, code_lengths)
    assert states.shape == (2, 12, 16)
    (states - model.normalise(hidden)).square().mean().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
    assert codes_of(quantised)[0].tolist() == model.encode(hidden, lengths)[0][0].tolist()


def test_reconstruction_of_a_short_clip_ignores_its_padding() -> None:
    model = tokenizer(for_training=True)
    quantised = torch.randint(-1, 2, (2, 6, 8)).float()
    together = model.reconstruct(quantised, torch.tensor([6, 3]))
    alone = model.reconstruct(quantised[1:, :3], torch.tensor([3]))
    torch.testing.assert_close(together[1, :6], alone[0])


def test_statistics_make_channels_alike_and_can_be_undone() -> None:
    model = tokenizer()
    states = torch.randn(500, 16) * torch.linspace(0.1, 40, 16) + 3
    model.set_statistics(states)
    normal = model.normalise(states)
    torch.testing.assert_close(normal.std(dim=0), torch.ones(16))
    torch.testing.assert_close(model.denormalise(normal), states)


def test_tokenizer_for_codes_has_no_training_part() -> None:
    assert not any(name.startswith("reconstruction.") for name in tokenizer().state_dict())
    with pytest.raises(ValueError, match="for_training"):
        tokenizer().reconstruct(torch.zeros(1, 2, 8), torch.tensor([2]))


def test_config_refuses_bad_sizes() -> None:
    with pytest.raises(ConfigError, match="even width"):
        NanoSpeechTokenizerConfig(width=30, heads=4)
    with pytest.raises(ConfigError, match="tap_layer is 0"):
        NanoSpeechTokenizerConfig(tap_layer=0)
