"""A recipe's result: a whole run, ready to be built. Recipes are functions in the folder `recipes/`."""

import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from stepwave.facts.errors import ConfigError
from stepwave.training.config import TrainConfig
from stepwave.training.experiment import Experiment
from stepwave.training.language.building import build_language_modelling
from stepwave.training.language.run import LanguageRun

Recipe = Callable[[Path, str], "Run"]
"""Takes the folder of prepared data and the device, returns the whole run."""


@dataclass(frozen=True)
class Run:
    """Everything that a trainer needs. Making one reads nothing; `build` does."""

    config: TrainConfig
    make: Callable[[], Experiment]
    """Loads modules and material."""
    language: LanguageRun | None = None
    """What a stage of the speech language model is told."""

    def build(self) -> Experiment:
        """Load modules and material; what begins at random (LoRA, an adaptor from nothing) begins the same each time.

        Raises what `make` raises.
        """
        torch.manual_seed(self.config.seed)
        return self.make()

    @classmethod
    def of_language(
        cls, name: str, language: LanguageRun, runs: Path, save_every: int, validate_every: int, log_every: int = 10
    ) -> "Run":
        """A stage of the speech language model, whose runs lie under the folder `runs`."""
        config = language.training(name, save_every, validate_every, log_every)
        return cls(config, partial(build_language_modelling, language, runs), language)

    def starting_from(self, start: str, runs: Path) -> "Run":
        """The same stage from another model or run."""
        assert self.language is not None
        language = replace(self.language, start=start)
        return replace(self, language=language, make=partial(build_language_modelling, language, runs))


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
            # A recipe that another file imports to start from is found where it is written.
            if name.startswith("_") or function.__annotations__.get("return") is not Run:
                continue
            if function.__module__ != module.__name__:
                continue
            if name in recipes:
                raise ConfigError(f"two recipes are called {name!r}, one of them in {path}; rename one")
            recipes[name] = function
    return recipes
