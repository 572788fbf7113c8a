"""A recipe's result: one experiment with its configuration. Recipes are functions in the folder `recipes/`."""

import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stepwave.facts.errors import ConfigError
from stepwave.training.config import TrainConfig
from stepwave.training.trainer import Experiment

Recipe = Callable[[Path, str], "Run"]
"""Takes the folder of prepared data and the device, returns the whole run."""


@dataclass(frozen=True)
class Run:
    """Everything that `Trainer` needs."""

    config: TrainConfig
    experiment: Experiment


def find_recipes(folder: Path) -> dict[str, Recipe]:
    """All public functions returning a `Run` in the Python files of `folder`, by name.

    Raises:
        ConfigError: there is no such folder, or two files define the same name.
    """
    if not folder.is_dir():
        raise ConfigError(f"no folder of recipes at {folder}; run from the repository or give --recipes")
    recipes: dict[str, Recipe] = {}
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"stepwave_recipes_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise ConfigError(f"{path} can't be read as Python; recipes are plain modules")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or function.__annotations__.get("return") is not Run:
                continue
            if name in recipes:
                raise ConfigError(f"two recipes are called {name!r}, one of them in {path}; rename one")
            recipes[name] = function
    return recipes
