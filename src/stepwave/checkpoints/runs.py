"""Checkpoints of training runs, as far as others read them: the newest of a run's folder, and the weights in it.

Writing them, and reading optimiser states, is `training.state`'s work.
"""

from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from stepwave.facts.errors import ConfigError

MODEL = "model."
"""What the names of a module's weights begin with in a run's checkpoint."""


def newest_state(folder: Path) -> Path | None:
    """The checkpoint with the highest step in a run's folder, or None."""
    return max(folder.glob("step-*.safetensors"), default=None)


def trained_state(runs: Path, run: str) -> Path:
    """The newest checkpoint of `run` under the folder `runs`; ConfigError where there is none yet."""
    path = newest_state(runs / "training" / run)
    if path is None:
        raise ConfigError(f"{run} has no checkpoint yet; run `stepwave train {run}` first")
    return path


def model_weights(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """The module weights of a run's checkpoint whose names begin with `prefix`, without it."""
    whole = f"{MODEL}{prefix}"
    with safe_open(path, "pt") as file:
        return {
            name.removeprefix(whole): file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118 (a safetensors handle is not iterable)
            if name.startswith(whole)
        }
