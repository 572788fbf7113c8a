"""From a training run to a model: its newest checkpoint, made plain, goes into a whole model folder.

A run of the speech language model is opened with all that lies beneath it (`starting`), adapters and shared digits
folded in. A run of a single part (vocoder, flow matching, speech tokenizer, encoder) holds that part whole. Writing the
folder is the work of `checkpoints.export`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor, nn

from stepwave.checkpoints.export import export_released, export_stepwave
from stepwave.checkpoints.layouts import Kind, Layout, open_layout
from stepwave.checkpoints.locate import locate
from stepwave.checkpoints.plan import PartPlan, expected_tensors
from stepwave.checkpoints.reader import assemble
from stepwave.checkpoints.runs import RUN, model_weights, newest_state, read_state
from stepwave.checkpoints.storage import Storage
from stepwave.facts.errors import CheckpointIncompleteError, CheckpointNotFoundError, ConfigError
from stepwave.models.nano_speech_tokenizer import TRAINING_PREFIX
from stepwave.training.language.starting import open_start, read_run

_OLDER_NAMES: Final = ("tokenizer.", "")
"""What weights of a single part may begin with in its run's checkpoint, other than the part's own name."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    folder: Path
    """Where."""
    kind: Kind
    """In which layout."""
    run: str
    """Name of the run."""
    step: int
    """Of its checkpoint."""
    parts: tuple[str, ...]
    """The parts that were trained, here or in a run beneath."""
    base: Path
    """Where every other part comes from."""


def export_run(
    run: Path,
    to: Path,
    *,
    kind: Kind | None = None,
    base: str | None = None,
    storage: Storage | None = None,
    replace: bool = False,
) -> Exported:
    """Write the newest checkpoint of a run as a whole model folder.

    Args:
        run: the run's folder.
        to: where to write.
        kind: the layout; None for the base's, which is the only one that its other parts fit.
        base: name or folder of the model that untrained parts come from; None for the one that the run started from.
        storage: how to store what was trained; None for as the base stores it, or bfloat16 in the released layout.
        replace: whether a folder that is there may be replaced.

    Raises:
        CheckpointNotFoundError: there is no such run, it has no checkpoint yet, or there is no base.
        CheckpointError: the checkpoint or the base is damaged, or they do not belong together.
        ConfigError: the run does not say what it started from and no base is given, or a layout or storage that the
            base can't be written in.
        OutputError: the disk is full, writing is not allowed, or something is there already.
    """
    if not (run / RUN).is_file():
        raise CheckpointNotFoundError(f"{run} is not the folder of a run, such as runs/nano/training/NAME")
    checkpoint = newest_state(run)
    if checkpoint is None:
        raise CheckpointNotFoundError(f"the run {run.name} has no checkpoint yet; train it first")
    parts: dict[str, nn.Module]
    if read_run(run).get("start") is not None:
        start = open_start(run.resolve().name, run.resolve().parent)
        parts = {name: getattr(start, name) for name in start.trained}
        layout = open_layout(start.base if base is None else locate(base))
    elif base is not None:
        layout = open_layout(locate(base))
        parts = _single_part(checkpoint, layout)
    else:
        raise ConfigError(f"the run {run.name} does not say which model it belongs to; name one with --base")
    if (kind or layout.kind) == "released":
        export_released(to, parts, layout.folder, storage or "bfloat16", replace=replace)
    else:
        export_stepwave(to, parts, layout.folder, storage, replace=replace)
    return Exported(to, layout.kind, run.resolve().name, read_state(checkpoint)["step"], tuple(parts), layout.folder)


def _single_part(checkpoint: Path, layout: Layout) -> dict[str, nn.Module]:
    """The one part of the base that a checkpoint holds."""
    weights = model_weights(checkpoint)
    for plan in layout.plans:
        for prefix in (f"{plan.name}.", *_OLDER_NAMES):
            own = _under(weights, prefix)
            if _fits(own, plan):
                return {plan.name: assemble(plan.build, own)}
    raise CheckpointIncompleteError(
        f"{checkpoint} holds no whole part of the size that {layout.folder} has; name the model it was trained for"
    )


def _under(weights: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Weights whose names begin with `prefix`, without it, but for those that serve training only."""
    own = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
    return {name: tensor for name, tensor in own.items() if not name.startswith(TRAINING_PREFIX)}


def _fits(weights: dict[str, Tensor], plan: PartPlan) -> bool:
    wanted = {name: tensor.shape for name, tensor in expected_tensors(plan).items()}
    return {name: tensor.shape for name, tensor in weights.items()} == wanted
