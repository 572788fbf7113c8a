"""An open, complete Step-Audio 2: a model that hears and speaks, and everything around it.

>>> import stepwave
>>> nano = stepwave.load("nano")
>>> reply = nano.reply("question.wav")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepwave.dialogue.stepwave import Stepwave

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(model: str | Path = "nano", device: str | None = None, threads: int | None = None) -> Stepwave:
    """Open a model: `nano`, a folder, or a hub id in the local cache; see `stepwave.dialogue.loading.load`."""
    # Imported here, because PyTorch takes a second that `import stepwave` should not.
    from stepwave.dialogue.loading import load

    return load(model, device, threads)
