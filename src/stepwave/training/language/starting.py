"""Where a stage starts: the parts of a stored model, or those that an earlier run left, with its own start beneath.

A run's checkpoints hold only what learnt. So a run is opened from the model it started from upwards: each run's weights
over those below, adapters and shared digits folded into plain weights on the way.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from stepwave.checkpoints.layouts import load_modules, load_tokenizer, open_layout
from stepwave.checkpoints.locate import locate
from stepwave.checkpoints.reader import Placement
from stepwave.checkpoints.runs import RUN, model_weights, newest_state
from stepwave.facts.errors import CheckpointError, CheckpointNotFoundError, ConfigError
from stepwave.models.adaptor import Adaptor
from stepwave.models.decoder import Decoder
from stepwave.models.encoder import AudioEncoder
from stepwave.text.tokenizer import Tokenizer
from stepwave.training.language.lora import merge
from stepwave.training.language.speech_rows import SharedDigits, fold


@dataclass
class Start:
    """The parts of the speech language model, float32 on the CPU, that a stage may train."""

    base: Path
    """The model folder at the bottom, which holds every other part."""
    tokenizer: Tokenizer
    encoder: AudioEncoder
    adaptor: Adaptor
    decoder: Decoder
    trained: tuple[str, ...] = ()
    """Names of those parts that differ from the base by now."""


def open_start(start: str, training: Path) -> Start:
    """Open a run of that name under the folder `training`, or a model by its name or folder.

    Raises:
        ConfigError: there is neither such a run nor such a model, or runs stand on each other in a circle.
        CheckpointError: what is there is missing or damaged.
    """
    runs: list[Path] = []
    while is_run(start, training):
        folder = training / start if (training / start / RUN).is_file() else Path(start)
        if folder in runs:
            raise ConfigError(
                f"{' <- '.join(path.name for path in runs)} stand on each other in a circle; name a model"
            )
        runs.append(folder)
        start = read_run(folder)["start"]
    try:
        opened = _open_model(start)
    except CheckpointNotFoundError as absent:
        raise ConfigError(f"{start!r} is no run under {training} that has begun, and {absent}") from None
    for folder in reversed(runs):
        _lay_over(opened, folder)
    return opened


def is_run(start: str, training: Path) -> bool:
    """Whether `start` names a run: by its name under `training`, or by its folder."""
    return (training / start / RUN).is_file() or (Path(start) / RUN).is_file()


def read_run(folder: Path) -> dict[str, Any]:
    """What a run's folder says of it. Raises CheckpointError where it says nothing."""
    try:
        record: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise CheckpointError(f"{folder / RUN} can't be read ({failure}); name the folder of a run") from None
    return record


def _open_model(name: str) -> Start:
    layout = open_layout(locate(name))
    parts = load_modules(layout, ("encoder", "adaptor", "decoder"), Placement(torch.float32))
    for part in parts.values():
        _own_memory(part)
    return Start(
        layout.folder,
        load_tokenizer(layout),
        cast(AudioEncoder, parts["encoder"]),
        cast(Adaptor, parts["adaptor"]),
        cast(Decoder, parts["decoder"]),
    )


def _own_memory(module: nn.Module) -> None:
    """Give every parameter memory of its own: loaded ones are mapped to their file."""
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()


@torch.no_grad()
def _lay_over(start: Start, run: Path) -> None:
    """Put what a run learnt over the parts, in place."""
    path = newest_state(run)
    if path is None:
        raise ConfigError(f"the run {run.name} has no checkpoint yet; train it first, or start from a model")
    weights = model_weights(path)
    trained = set(start.trained)
    for name, part in (("encoder", start.encoder), ("adaptor", start.adaptor)):
        own = _under(weights, f"{name}.")
        if own:
            _load(part, own, path)
            trained.add(name)
    decoder = _under(weights, "decoder.")
    if decoder:
        _load(start.decoder, merge(decoder, start.decoder.state_dict()), path)
        trained.add("decoder")
    shared = _under(weights, "digits.")
    if shared:
        digits = SharedDigits(start.decoder.config.hidden_size)
        _load(digits, shared, path)
        fold(start.decoder, digits, start.tokenizer.special.speech_base)
    start.trained = tuple(sorted(trained))


def _under(weights: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}


def _load(part: nn.Module, weights: dict[str, torch.Tensor], path: Path) -> None:
    """Load weights over those that are there; some may be missing (frozen), none may be unknown."""
    try:
        strange = part.load_state_dict(weights, strict=False).unexpected_keys
    except RuntimeError as failure:
        raise CheckpointError(f"{path} does not fit the model its run started from: {failure}") from None
    if strange:
        raise CheckpointError(f"{path} holds {strange[0]}, which the model its run started from lacks")
