"""The trainer: it learns, it resumes exactly, it stops when asked, and refuses checkpoints of other modules."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from stepwave.checkpoints.runs import newest_state
from stepwave.facts.errors import CheckpointError, ConfigError
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.experiment import Experiment, Losses
from stepwave.training.trainer import Trainer, clip_gradients


class Regression(Experiment):
    """Learns a linear map under dropout, so that a resumed run shows whether its random numbers are the same."""

    def __init__(self, width: int = 4) -> None:
        torch.manual_seed(3)
        self.net = nn.Sequential(nn.Linear(4, width), nn.Dropout(0.2), nn.Linear(width, 1))
        self.seen: list[int] = []

    def module(self) -> nn.Module:
        return self.net

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        return {"net": list(self.net.parameters())}

    def batch(self, step: int) -> Tensor:
        self.seen.append(step)
        return torch.randn(16, 4, generator=torch.Generator().manual_seed(step))

    def losses(self, batch: Tensor) -> Iterator[Losses]:
        yield Losses.of("net", {"loss": (self.net(batch) - batch.sum(1, keepdim=True)).square().mean()})

    def size(self, batch: Tensor) -> int:
        return len(batch)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        batch = torch.randn(64, 4, generator=torch.Generator().manual_seed(99))
        return {"error": float((self.net(batch) - batch.sum(1, keepdim=True)).square().mean())}


def config(steps: int = 40) -> TrainConfig:
    optimiser = OptimiserConfig(2e-2, warmup_steps=5, weight_decay=0.0)
    return TrainConfig("toy", steps, {"net": optimiser}, save_every=10, validate_every=20, log_every=5)


def test_it_learns_and_logs_its_curves(tmp_path: Path) -> None:
    experiment = Regression()
    before = experiment.validate()["error"]
    figures = Trainer(config(), experiment, tmp_path).run()
    assert figures["error"] < 0.5 * before
    records = [json.loads(line) for line in (tmp_path / "toy" / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "loss" in record] == list(range(5, 41, 5))
    assert [record["step"] for record in records if "held_out/error" in record] == [20, 40]
    assert (tmp_path / "toy" / "curves.png").stat().st_size > 0


def test_a_resumed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = Regression()
    Trainer(config(), whole, tmp_path / "whole").run()

    class Stopped(Regression):
        def batch(self, step: int) -> Tensor:
            if step == 17:
                trainer.stopping = True
            return super().batch(step)

    trainer = Trainer(config(), Stopped(), tmp_path / "parts")
    trainer.run()
    assert trainer.step == 18
    resumed = Regression()
    again = Trainer(config(), resumed, tmp_path / "parts")
    assert again.resume()
    again.run()
    assert resumed.seen[0] == 18
    for ours, theirs in zip(resumed.net.parameters(), whole.net.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    logs = [(tmp_path / name / "toy" / "log.jsonl").read_text() for name in ("whole", "parts")]
    steps = [[json.loads(line)["step"] for line in log.splitlines() if "error" not in line] for log in logs]
    assert steps[1] == steps[0]


def test_only_the_newest_two_checkpoints_are_kept(tmp_path: Path) -> None:
    Trainer(config(), Regression(), tmp_path).run()
    assert sorted(path.name for path in (tmp_path / "toy").glob("step-*")) == [
        "step-00000030",
        "step-00000040",
    ]


def test_a_checkpoint_of_other_modules_is_refused(tmp_path: Path) -> None:
    Trainer(config(10), Regression(), tmp_path).run()
    with pytest.raises(CheckpointError, match="does not fit run 'toy'"):
        Trainer(config(10), Regression(width=5), tmp_path).resume()
    path = newest_state(tmp_path / "toy")
    assert path is not None
    (shard,) = path.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"is damaged .*; delete it to go on from an older one"):
        Trainer(config(10), Regression(), tmp_path).resume()


def test_a_run_without_a_checkpoint_starts_at_zero(tmp_path: Path) -> None:
    assert not Trainer(config(), Regression(), tmp_path).resume()


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="positive rate"):
        OptimiserConfig(0.0)
    with pytest.raises(ConfigError, match="0 steps"):
        TrainConfig("toy", 0, {"net": OptimiserConfig(1e-3)})


def test_the_learning_rate_rises_then_falls() -> None:
    settings = OptimiserConfig(1.0, warmup_steps=10, final_fraction=0.1)
    rates = [settings.scale_at(step, 100) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[9] == 1.0
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)


def test_clipping_each_tensor_keeps_a_spike_from_muting_the_others() -> None:
    quiet, loud = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(4))

    def clipped(each: bool) -> tuple[float, float, float]:
        quiet.grad, loud.grad = torch.full((4,), 0.25), torch.full((4,), 500.0)
        settings = OptimiserConfig(1e-3, clip_norm=1.0, clip_each=each)
        norm = clip_gradients([quiet, loud], settings)
        return float(norm), float(quiet.grad.norm()), float(loud.grad.norm())

    before, kept, cut = clipped(each=True)
    assert before == pytest.approx(1000.0, rel=1e-3)
    assert (kept, cut) == (pytest.approx(0.5), pytest.approx(1.0, rel=1e-3))
    _, muted, _ = clipped(each=False)
    assert muted < 0.001
