"""Two processes under torchrun learn what one learns, however they divide the work, and go on for each other."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from stepwave.checkpoints.runs import model_weights, newest_state
from stepwave.facts.errors import ConfigError
from stepwave.training.language.building import write_run
from stepwave.training.parallel import Ranks
from stepwave.training.run import find_recipes
from stepwave.training.trainer import Trainer

RECIPES = Path(__file__).resolve().parent / "recipes"
pytestmark = pytest.mark.slow


def train_together(runs: Path, name: str) -> None:
    """`stepwave train` in two processes, one thread each."""
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
        *("-m", "stepwave", "train", name, "--runs", str(runs), "--recipes", str(RECIPES)),
        *("--from", str(runs / "model")),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


def train_alone(runs: Path, name: str) -> None:
    """The same by this process."""
    run = find_recipes(RECIPES)[name](runs, "cpu").starting_from(str(runs / "model"), runs)
    trainer = Trainer(run.config, run.build(), runs / "training")
    write_run(trainer.folder, run.config, run.language, "cpu", 1)
    trainer.resume()
    trainer.run()


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
    train_alone(runs, "tiny_3")
    train_alone(runs, "tiny_4")
    return runs


@pytest.fixture(scope="module")
def together(tiny_material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes."""
    runs = tmp_path_factory.mktemp("together") / "runs"
    shutil.copytree(tiny_material, runs)
    train_together(runs, "tiny_3")
    return runs


def test_sharded_over_two_processes_it_learns_the_same(alone: Path, together: Path) -> None:
    assert losses(together, "tiny_3") == pytest.approx(losses(alone, "tiny_3"), abs=1e-5)
    state = newest_state(together / "training" / "tiny_3")
    assert state is not None
    assert len(list(state.glob("*.safetensors"))) == 2
    # AdamW turns rounding in gradients near zero into steps of full size, so that weights agree less well than losses.
    ours, theirs = weights(together, "tiny_3"), weights(alone, "tiny_3")
    assert ours.keys() == theirs.keys()
    far = sum(int(((ours[name] - theirs[name]).abs() > 1e-4).sum()) for name in ours)
    assert far <= 0.001 * sum(value.numel() for value in ours.values())


def test_a_run_goes_on_with_another_number_of_processes(alone: Path, together: Path, tmp_path: Path) -> None:
    """Begun by two, and finished by one from their checkpoint after six steps."""
    runs = tmp_path / "runs"
    shutil.copytree(together, runs)
    shutil.rmtree(runs / "training" / "tiny_3" / "step-00000012")
    train_alone(runs, "tiny_3")
    assert losses(runs, "tiny_3") == pytest.approx(losses(alone, "tiny_3"), abs=1e-5)


def test_with_every_block_split_in_two_it_learns_the_same(alone: Path, tiny_runs: Path) -> None:
    train_together(tiny_runs, "tiny_tensor_parallel")
    assert losses(tiny_runs, "tiny_tensor_parallel") == pytest.approx(losses(alone, "tiny_4"), abs=1e-5)
    ours, theirs = weights(tiny_runs, "tiny_tensor_parallel"), weights(alone, "tiny_4")
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}


def test_what_one_process_trains_refuses_more(tiny_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Two(Ranks):
        """As one of two processes sees itself."""

        @property
        def data_world(self) -> int:
            return 2

    run = find_recipes(RECIPES)["toy"](tiny_runs, "cpu")
    with pytest.raises(ConfigError, match="toy is trained by one process, 2 came; start it without torchrun"):
        Trainer(run.config, run.build(), tiny_runs / "training", Two())
