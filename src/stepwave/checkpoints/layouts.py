"""Any model folder: which layout it has, its plans, its tokenizer, and a check of the whole.

The two layouts are those of `nano` (every model trained here) and `mini` (the released checkpoints).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from torch import nn

from stepwave.checkpoints.config_files import read_json
from stepwave.checkpoints.inspection import Report, inspect
from stepwave.checkpoints.mini import MODEL_TYPE, MiniConfig, mini_plans, read_mini_config
from stepwave.checkpoints.nano import FORMAT, PARTS, TOKENIZER, nano_plans
from stepwave.checkpoints.plan import PartPlan
from stepwave.checkpoints.reader import Placement, load_parts
from stepwave.checkpoints.released_tokenizer import OLDER_FILES, read_released_tokenizer
from stepwave.checkpoints.voices import VOICES
from stepwave.facts.errors import CheckpointError, CheckpointIncompleteError, CheckpointNotFoundError
from stepwave.facts.tokens import MINI_KNOWN_IDS, MINI_RESERVED_IDS
from stepwave.text.tokenizer import Tokenizer

Kind = Literal["stepwave", "released"]
SPEAKER_FILE: Final = "token2wav/campplus.onnx"


@dataclass(frozen=True)
class Layout:
    """A model folder, known by its `config.json`."""

    kind: Kind
    """Whose format it is."""
    folder: Path
    """Where it is."""
    plans: tuple[PartPlan, ...]
    """Its parts."""

    @property
    def lacking(self) -> list[str]:
        """Parts of a whole model that this folder does not claim to hold, and other files that are not there."""
        parts = {plan.name for plan in self.plans}
        if self.kind == "stepwave":
            files = [TOKENIZER, f"{VOICES}.safetensors"]
            return [*(name for name in PARTS if name not in parts), *self._absent(files)]
        tokenizer = [TOKENIZER] if any(self._absent(list(OLDER_FILES))) else []
        return self._absent([*tokenizer, SPEAKER_FILE])

    def _absent(self, files: list[str]) -> list[str]:
        return [name for name in files if not (self.folder / name).is_file()]


def open_layout(folder: Path, mini: MiniConfig | None = None) -> Layout:
    """Recognise a model folder.

    Args:
        folder: where it is.
        mini: for a released folder, sizes that its `config.json` does not hold; None for the released ones.

    Raises:
        CheckpointNotFoundError: there is no such folder, or no `config.json` in it.
        CheckpointError: it is a model of another kind.
        ConfigError: its configuration is not understood.
    """
    if not (folder / "config.json").is_file():
        what = "is not a folder" if not folder.is_dir() else "has no config.json"
        raise CheckpointNotFoundError(f"{folder} {what}: a model folder is wanted (`stepwave models list` shows some)")
    config = read_json(folder / "config.json")
    if config.get("model_type") == MODEL_TYPE:
        return Layout("released", folder, tuple(mini_plans(folder, read_mini_config(folder, mini))))
    if config.get("format") == FORMAT:
        return Layout("stepwave", folder, tuple(nano_plans(folder)))
    raise CheckpointError(
        f"{folder} is a model of another kind (model_type {config.get('model_type')!r}): wanted one trained here "
        f"or of type {MODEL_TYPE!r}"
    )


def inspect_layout(layout: Layout) -> Report:
    """Check a folder from its headers (see `inspection.inspect`)."""
    return inspect(layout.plans)


def load_modules(
    layout: Layout, wanted: Collection[str] | None = None, placement: Placement | None = None
) -> dict[str, nn.Module]:
    """Load parts by name, strictly and in evaluation mode.

    Raises:
        CheckpointIncompleteError: the folder has no such part.
        CheckpointError: see `reader.load_parts`.
    """
    known = [plan.name for plan in layout.plans]
    absent = [name for name in wanted or () if name not in known]
    if absent:
        raise CheckpointIncompleteError(
            f"{layout.folder} has no {', '.join(absent)}, only {', '.join(known) or 'nothing'}; use a whole model"
        )
    return load_parts(layout.plans, wanted, placement)


def load_tokenizer(layout: Layout) -> Tokenizer:
    """Load the folder's tokenizer with its table of special tokens.

    Raises:
        CheckpointError: its files are missing or damaged.
        TokenizerError: it lacks a special token.
    """
    if layout.kind == "released":
        return Tokenizer(read_released_tokenizer(layout.folder), known=MINI_KNOWN_IDS, reserved=MINI_RESERVED_IDS)
    return Tokenizer(read_released_tokenizer(layout.folder))
