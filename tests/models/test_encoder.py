import pytest
import torch

from stepwave.facts import rates
from stepwave.facts.errors import AudioTooLongError, ConfigError
from stepwave.models.encoder import (
    MINI_ENCODER,
    WHISPER_BASE,
    AudioEncoder,
    EncoderConfig,
    attended_states,
    state_lengths,
)

TINY = EncoderConfig(bands=8, width=16, heads=2, layers=3, positions=40)


@pytest.fixture(scope="module")
def encoder() -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(TINY).eval()


@pytest.mark.parametrize(("config", "parameters"), [(WHISPER_BASE, 20_590_592), (MINI_ENCODER, 636_968_960)])
def test_real_sizes(config: EncoderConfig, parameters: int) -> None:
    with torch.device("meta"):
        encoder = AudioEncoder(config)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters


@torch.no_grad()
@pytest.mark.parametrize("samples", [160, 321, 5000, 12_479])
def test_lengths_follow_the_rates(encoder: AudioEncoder, samples: int) -> None:
    valid = rates.valid_mel_frames(samples)
    frames, lengths = encoder(torch.randn(1, 8, rates.mel_frames(samples)), torch.tensor([valid]))
    assert lengths.tolist() == [rates.encoder_frames(valid)]
    assert frames.shape[1] >= rates.encoder_frames(valid)


@torch.no_grad()
def test_all_valid_needs_no_lengths(encoder: AudioEncoder) -> None:
    mel = torch.randn(2, 8, 60)
    masked, counted = encoder(mel, torch.tensor([60, 60]))
    unmasked, lengths = encoder(mel)
    torch.testing.assert_close(masked, unmasked)
    assert counted.tolist() == lengths.tolist() == [15, 15]


@torch.no_grad()
def test_states_after_a_block_go_on_to_the_same_frames(encoder: AudioEncoder) -> None:
    mel, lengths = torch.randn(2, 8, 50), torch.tensor([48, 20])
    states = encoder.hidden(mel, lengths, layers=2)
    assert states.shape == (2, 25, 16)
    rest = encoder.run_blocks(states, attended_states(lengths, 50), 2)
    assert torch.equal(encoder.pool(rest), encoder(mel, lengths)[0])
    assert not torch.allclose(states, encoder.hidden(mel, lengths, layers=1))


@torch.no_grad()
def test_even_clip_is_the_same_alone_and_in_a_batch(encoder: AudioEncoder) -> None:
    long, short = torch.randn(1, 8, 70), torch.randn(1, 8, 42)
    batch = torch.cat((long, torch.nn.functional.pad(short, (0, 28))))
    alone, lengths = encoder(short, torch.tensor([40]))
    together, _ = encoder(batch, torch.tensor([68, 40]))
    torch.testing.assert_close(together[1, : lengths[0]], alone[0, : lengths[0]], rtol=1e-4, atol=1e-5)


def test_parity_of_the_padded_length_decides_what_is_attended() -> None:
    lengths = torch.tensor([7])
    assert int(attended_states(lengths, 12).sum()) == 3
    assert int(attended_states(lengths, 13).sum()) == 4
    assert attended_states(lengths, 13).shape == (1, 7)
    assert state_lengths(lengths).tolist() == [4]


@torch.no_grad()
def test_half_precision_stays_near() -> None:
    torch.manual_seed(0)
    encoder = AudioEncoder(TINY)
    mel, lengths = torch.randn(2, 8, 50), torch.tensor([48, 0])
    whole, _ = encoder(mel, lengths)
    half, _ = encoder.to(torch.bfloat16)(mel.to(torch.bfloat16), lengths)
    assert half.dtype == torch.bfloat16
    assert float((half.float() - whole).abs().mean()) < 0.03


def test_too_long_a_clip_is_refused(encoder: AudioEncoder) -> None:
    with pytest.raises(AudioTooLongError, match="81 mel frames"):
        encoder(torch.zeros(1, 8, 81))


def test_config_refuses_bad_sizes() -> None:
    with pytest.raises(ConfigError, match="layers is 0"):
        EncoderConfig(layers=0)
    with pytest.raises(ConfigError, match="shared evenly"):
        EncoderConfig(width=30, heads=4)
