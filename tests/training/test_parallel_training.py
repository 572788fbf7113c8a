"""Two processes under torchrun learn what one learns, however they divide the work, and go on for each other."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stepwave.checkpoints.runs import model_weights, newest_state

RECIPES = Path(__file__).resolve().parent / "recipes"
pytestmark = pytest.mark.slow


def train(runs: Path, name: str, processes: int, *options: str) -> None:
    """`stepwave train` in processes of its own, one thread each."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [
        *([sys.executable, *launcher, "-m"] if processes > 1 else [sys.executable, "-m"]),
        *("stepwave", "train", name, "--runs", str(runs), "--recipes", str(RECIPES)),
        *(() if name == "toy" else ("--from", str(runs / "model"))),
        *options,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def losses(runs: Path, name: str) -> list[float]:
    lines = (runs / "training" / name / "log.jsonl").read_text().splitlines()
    return [record["loss"] for record in map(json.loads, lines) if "loss" in record]


def weights(runs: Path, name: str) -> dict[str, torch.Tensor]:
    state = newest_state(runs / "training" / name)
    assert state is not None
    return model_weights(state)


@pytest.fixture(scope="module")
def alone(tiny_material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one process."""
    runs = tmp_path_factory.mktemp("alone") / "runs"
    shutil.copytree(tiny_material, runs)
    train(runs, "tiny_3", 1)
    train(runs, "tiny_4", 1)
    return runs


def test_sharded_over_two_processes_it_learns_the_same(alone: Path, tiny_runs: Path) -> None:
    train(tiny_runs, "tiny_3", 2)
    assert losses(tiny_runs, "tiny_3") == pytest.approx(losses(alone, "tiny_3"), abs=1e-5)
    state = newest_state(tiny_runs / "training" / "tiny_3")
    assert state is not None
    assert len(list(state.glob("*.safetensors"))) == 2
    # AdamW turns rounding in gradients near zero into steps of full size, so that weights agree less well than losses.
    ours, theirs = weights(tiny_runs, "tiny_3"), weights(alone, "tiny_3")
    assert ours.keys() == theirs.keys()
    far = sum(int(((ours[name] - theirs[name]).abs() > 1e-4).sum()) for name in ours)
    assert far <= 0.001 * sum(value.numel() for value in ours.values())


def test_a_run_goes_on_with_another_number_of_processes(alone: Path, tiny_runs: Path) -> None:
    """Begun by two, and finished by one from their checkpoint after six steps."""
    train(tiny_runs, "tiny_3", 2)
    folder = tiny_runs / "training" / "tiny_3"
    shutil.rmtree(folder / "step-00000012")
    train(tiny_runs, "tiny_3", 1)
    assert losses(tiny_runs, "tiny_3") == pytest.approx(losses(alone, "tiny_3"), abs=1e-5)


def test_with_every_block_split_in_two_it_learns_the_same(alone: Path, tiny_runs: Path) -> None:
    train(tiny_runs, "tiny_tensor_parallel", 2)
    assert losses(tiny_runs, "tiny_tensor_parallel") == pytest.approx(losses(alone, "tiny_4"), abs=1e-5)
    ours, theirs = weights(tiny_runs, "tiny_tensor_parallel"), weights(alone, "tiny_4")
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}


def test_what_one_process_trains_refuses_more(tiny_runs: Path) -> None:
    with pytest.raises(AssertionError, match="toy is trained by one process, 2 came; start it without torchrun"):
        train(tiny_runs, "toy", 2)
