"""From a model's name to an object that talks: `load`."""

from __future__ import annotations

from pathlib import Path

from stepwave.checkpoints.layouts import open_layout
from stepwave.checkpoints.locate import NANO, locate
from stepwave.dialogue.engine import LocalEngine, use_threads
from stepwave.dialogue.stepwave import Stepwave


def load(model: str | Path = NANO, device: str | None = None, threads: int | None = None) -> Stepwave:
    """Open a model. Its parts are read when they are first needed.

    Args:
        model: `nano`, another name that `stepwave models list` shows, a model's folder, or the hub id of a model in the
            local Hugging Face cache.
        device: `cpu`, `cuda` or another device of PyTorch's; None takes a GPU where there is one.
        threads: CPU threads, for the whole process; None takes all cores.

    Raises:
        CheckpointError: there is no such model, or its folder can't be used.
        ConfigError: the device or the number of threads can't be had.
    """
    use_threads(threads)
    engine = LocalEngine(open_layout(locate(str(model))), device)
    return Stepwave(engine)
