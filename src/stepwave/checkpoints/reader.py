"""Checkpoints to modules: strict, memory-mapped, in about the memory that the weights themselves take.

A module is built without memory (on the meta device) and given the stored tensors themselves, which on a CPU stay
mapped to the file until they are touched. Names, shapes and types are checked first, from headers (`inspection`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from safetensors import safe_open
from torch import Tensor, nn

from stepwave.checkpoints.headers import Entry
from stepwave.checkpoints.inspection import SCALE_SUFFIX, PartReport, inspect
from stepwave.checkpoints.plan import PartPlan, skeleton
from stepwave.models.quantised_linear import QuantisedEmbedding, quantise, quantise_module


@dataclass(frozen=True)
class Placement:
    """How weights are held in memory."""

    dtype: torch.dtype | None = None
    """Floating-point type; None keeps the stored one (float32 for what is stored as int8)."""
    device: torch.device | str = "cpu"
    """Where they go."""
    quantised: Collection[str] = ()
    """Parts whose linear and embedding layers hold int8 weights in memory too; stored floats are rounded on the way."""


def load_parts(
    plans: Sequence[PartPlan], wanted: Collection[str] | None = None, placement: Placement | None = None
) -> dict[str, nn.Module]:
    """Load parts of a model, in evaluation mode.

    Args:
        plans: the folder's layout; only the files of the wanted parts are looked at.
        wanted: names of the parts, or None for all.
        placement: types and device. A stored type that differs is converted tensor by tensor.

    Raises:
        CheckpointError: the first thing that is missing, wrong or too much; nothing has been loaded then.
    """
    chosen = [plan for plan in plans if wanted is None or plan.name in wanted]
    stems = {plan.stem for plan in chosen}
    report = inspect([plan for plan in plans if plan.stem in stems])
    if report.problems:
        raise report.problems[0]
    found = {part.name: part for part in report.parts}
    return {plan.name: _load(plan, found[plan.name], placement or Placement()) for plan in chosen}


def _load(plan: PartPlan, found: PartReport, placement: Placement) -> nn.Module:
    if plan.name not in placement.quantised:
        state = {name: read_tensor(name, found, placement) for name in found.tensors if not _is_scale(name, found)}
        return assemble(plan.build, state, placement.device)

    def build() -> nn.Module:
        module = plan.build()
        quantise_module(module)
        return module

    names = skeleton(build).state_dict()
    layers = {name.removesuffix(".weight_int8") for name in names if name.endswith(".weight_int8")}
    state = {}
    for name in found.tensors:
        layer = name.removesuffix(".weight")
        if layer != name and layer in layers:
            state[f"{layer}.weight_int8"], state[f"{layer}.scale"] = _read_int8(name, found, placement)
        elif not _is_scale(name, found):
            state[name] = read_tensor(name, found, placement)
    module = assemble(build, state, placement.device)
    for child in module.modules():
        if isinstance(child, QuantisedEmbedding):
            child.dtype = placement.dtype or torch.float32
    return module


def assemble(
    build: Callable[[], nn.Module], state: Mapping[str, Tensor], device: torch.device | str = "cpu"
) -> nn.Module:
    """Build a module around tensors (our names, complete), which become its parameters without being copied."""
    module = skeleton(build, device)
    module.load_state_dict(state, strict=True, assign=True)
    left = [name for name, tensor in (*module.named_parameters(), *module.named_buffers()) if tensor.is_meta]
    assert not left, f"tables that are neither stored nor computed: {left}"
    return module.eval()


def read_tensor(name: str, found: PartReport, placement: Placement) -> Tensor:
    """Read one stored tensor, by our name; an int8 one is multiplied out with its factors."""
    entry = found.tensors[name]
    tensor = read_entry(entry, placement.device)
    if entry.dtype == torch.int8 and name + SCALE_SUFFIX in found.tensors:
        scale = read_entry(found.tensors[name + SCALE_SUFFIX], placement.device)
        tensor = tensor.float() * scale.float().view(-1, *[1] * (tensor.dim() - 1))
    return tensor.to(placement.dtype) if placement.dtype is not None and tensor.is_floating_point() else tensor


def _read_int8(name: str, found: PartReport, placement: Placement) -> tuple[Tensor, Tensor]:
    scale = found.tensors.get(name + SCALE_SUFFIX)
    if found.tensors[name].dtype == torch.int8 and scale is not None and scale.dtype == torch.bfloat16:
        return read_entry(found.tensors[name], placement.device), read_entry(scale, placement.device)
    return quantise(read_tensor(name, found, placement))


def _is_scale(name: str, found: PartReport) -> bool:
    values = name.removesuffix(SCALE_SUFFIX)
    return values != name and values in found.tensors and found.tensors[values].dtype == torch.int8


def read_entry(entry: Entry, device: torch.device | str = "cpu") -> Tensor:
    """Read one tensor as it is stored; on the CPU it stays mapped to its file."""
    # Opened anew for every tensor: one that is converted must not keep the pages of its whole file in memory.
    with safe_open(entry.file, "pt", device=str(device)) as file:
        tensor: Tensor = file.get_tensor(entry.name)
    return tensor
