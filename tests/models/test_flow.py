"""Flow matching: the training loss, whole generation under every rule of visibility, and bad input."""

from dataclasses import replace

import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.models.flow import FlowConfig, FlowMatching

TINY = FlowConfig(
    vocabulary=40,
    mel_bands=10,
    speaker_size=6,
    encoder_width=16,
    encoder_heads=2,
    encoder_hidden=24,
    encoder_blocks=2,
    encoder_up_blocks=1,
    dropout=0.0,
    width=16,
    depth=2,
    heads=2,
    head_size=8,
    mlp_ratio=2.0,
    steps=3,
    visibility="causal",
    chunk_codes=5,
    left_context=9,
    encoder_left_context=8,
)


def model(**changes: object) -> FlowMatching:
    torch.manual_seed(3)
    flow = FlowMatching(replace(TINY, **changes)).eval()  # type: ignore[arg-type]
    for parameter in flow.parameters():
        # zero-initialised gates would hide the blocks
        torch.nn.init.normal_(parameter, std=0.3)
    return flow


def batch(rows: int = 3, codes: int = 20) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return (
        torch.randint(0, 40, (rows, codes), generator=generator),
        torch.randn(rows, 2 * codes, 10, generator=generator),
        torch.randn(rows, 6, generator=generator),
    )


def test_sizes() -> None:
    with torch.device("meta"):
        mini, nano = FlowMatching(FlowConfig.mini()), FlowMatching(FlowConfig.nano())
    assert len(mini.state_dict()) == 605
    assert 8e6 < sum(p.numel() for p in nano.parameters()) < 12e6


@pytest.mark.parametrize("visibility", ["full", "chunk", "causal"])
def test_rows_of_a_batch_do_not_depend_on_padding(visibility: str) -> None:
    flow = model(visibility=visibility)
    codes, _, speaker = batch()
    lengths = torch.tensor([20, 7, 12])
    together = flow.generate(codes, None, None, speaker, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = flow.generate(codes[row : row + 1, :length], None, None, speaker[row : row + 1])
        torch.testing.assert_close(together[row : row + 1, :, : 2 * length], alone, rtol=1e-4, atol=1e-4)


def test_causal_frames_depend_on_the_next_three_codes_only() -> None:
    flow = model()
    codes, _, speaker = batch(1)
    changed = codes.clone()
    changed[:, 10] = (changed[:, 10] + 1) % 40
    difference = (flow.generate(codes, None, None, speaker) - flow.generate(changed, None, None, speaker)).abs()
    per_code = difference.amax(dim=(0, 1)).unflatten(0, (20, 2)).amax(dim=1)
    assert per_code[:7].max() == 0
    assert per_code[7] > 0
    assert per_code[10] > 0


def test_prompt_stays_visible_however_far() -> None:
    flow = model()
    codes, mel, speaker = batch(1, 60)
    other = mel[:, :8] + 1
    late = [flow.generate(codes[:, 4:], codes[:, :4], prompt, speaker)[:, :, -1] for prompt in (mel[:, :8], other)]
    assert (late[0] - late[1]).abs().max() > 1e-3


def test_losses_fall_when_training() -> None:
    flow = FlowMatching(TINY)
    codes, mel, speaker = batch()
    lengths = torch.tensor([20, 15, 3])
    optimiser = torch.optim.Adam(flow.parameters(), 5e-3)
    velocities, encoders = [], []
    for step in range(60):
        velocity, encoder = flow.losses(codes, mel, speaker, lengths, torch.Generator().manual_seed(step % 4))
        optimiser.zero_grad()
        (velocity + encoder).backward()
        optimiser.step()
        velocities.append(velocity.item())
        encoders.append(encoder.item())
    assert sum(velocities[-4:]) < 0.8 * sum(velocities[:4])
    assert sum(encoders[-4:]) < 0.8 * sum(encoders[:4])
    assert all(parameter.grad is not None for parameter in flow.parameters())


def test_losses_ignore_padding_and_follow_their_generator() -> None:
    flow = model()
    codes, mel, speaker = batch()
    lengths = torch.tensor([20, 7, 12])

    def losses(codes: torch.Tensor, mel: torch.Tensor, seed: int = 0) -> list[float]:
        pair = flow.losses(codes, mel, speaker, lengths, torch.Generator().manual_seed(seed))
        return [loss.item() for loss in pair]

    noisy_codes, noisy_mel = codes.clone(), mel.clone()
    for row, length in enumerate(lengths.tolist()):
        noisy_codes[row, length:] = 1
        noisy_mel[row, 2 * length :] = 7.0
    assert losses(codes, mel) == pytest.approx(losses(noisy_codes, noisy_mel), rel=1e-5)
    assert losses(codes, mel)[0] != losses(codes, mel, seed=1)[0]


def test_guidance_of_zero_is_the_conditional_half_alone() -> None:
    flow = model()
    codes, _, speaker = batch(1)
    nearly = flow.generate(codes, None, None, speaker, guidance=1e-7)
    torch.testing.assert_close(flow.generate(codes, None, None, speaker, guidance=0.0), nearly, rtol=1e-4, atol=1e-4)


def test_bad_input_is_refused() -> None:
    flow = model()
    codes, mel, speaker = batch(1)
    with pytest.raises(ValueError, match="needs 8 mel frames"):
        flow.generate(codes, codes[:, :4], mel[:, :7], speaker)
    with pytest.raises(ValueError, match="code 40 is unknown"):
        flow.generate(codes + 40 - codes.max(), None, None, speaker)
    with pytest.raises(ValueError, match="give a longer table"):
        flow.generate(codes, None, None, speaker, noise=torch.zeros(1, 10, 39))
    with pytest.raises(ValueError, match="Euler steps"):
        flow.generate(codes, None, None, speaker, steps=0)
    assert flow.generate(codes[:, :0], None, None, speaker).shape == (1, 10, 0)


@pytest.mark.parametrize(
    "changes", [{"width": 0}, {"encoder_heads": 3}, {"visibility": "half"}, {"dropout": 1.0}, {"guidance": -1.0}]
)
def test_bad_sizes_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="flow:"):
        replace(TINY, **changes)  # type: ignore[arg-type]
