"""Checkpoints to modules: strict, memory-mapped, in about the memory that the weights themselves take.

A module is built without memory (on the meta device) and given the stored tensors themselves, which on a CPU stay
mapped to the file until they are touched. Names, shapes and types are checked first, from headers (`inspection`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from torch import Tensor, nn

from stepwave.checkpoints.headers import Entry
from stepwave.checkpoints.inspection import SCALE_SUFFIX, PartReport, inspect
from stepwave.checkpoints.plan import PartPlan, skeleton
from stepwave.models.quantised_linear import QuantisedEmbedding, quantise, quantise_module

_REMAP_BYTES: Final = 64_000_000


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
    source = _Source(found, placement)
    if plan.name not in placement.quantised:
        return assemble(plan.build, {name: source.read(name) for name in source.names}, placement.device)

    def build() -> nn.Module:
        module = plan.build()
        quantise_module(module)
        return module

    rounded = {name for name in skeleton(build).state_dict() if name.endswith(".weight_int8")}
    state: dict[str, Tensor] = {}
    for name in source.names:
        layer = name.removesuffix(".weight")
        if f"{layer}.weight_int8" in rounded and layer != name:
            state[f"{layer}.weight_int8"], state[f"{layer}.scale"] = source.read_int8(name)
        else:
            state[name] = source.read(name)
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


def read_entry(entry: Entry, device: torch.device | str = "cpu") -> Tensor:
    """Read one tensor as it is stored; on the CPU it stays mapped to its file."""
    with safe_open(entry.file, "pt", device=str(device)) as file:
        tensor: Tensor = file.get_tensor(entry.name)
    return tensor


class _Source:
    """The stored tensors of one part, by our names, in the types that are wanted."""

    def __init__(self, found: PartReport, placement: Placement) -> None:
        self._entries = found.tensors
        self._placement = placement
        self._mapped: tuple[Path | None, Any, int] = (None, None, 0)  # file, its handle, bytes read through it
        scales = {name + SCALE_SUFFIX for name, entry in found.tensors.items() if entry.dtype == torch.int8}
        self.names = [name for name in found.tensors if name not in scales]

    def read(self, name: str) -> Tensor:
        """One tensor; an int8 one is multiplied out with its factors."""
        tensor = self._stored(name)
        if name + SCALE_SUFFIX in self._entries and tensor.dtype == torch.int8:
            scale = self._stored(name + SCALE_SUFFIX).float()
            tensor = tensor.float() * scale.view(-1, *[1] * (tensor.dim() - 1))
        dtype = self._placement.dtype
        return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor

    def read_int8(self, name: str) -> tuple[Tensor, Tensor]:
        """A matrix as int8 values and bf16 factors per row, as stored or else rounded now."""
        scale = self._entries.get(name + SCALE_SUFFIX)
        if self._entries[name].dtype == torch.int8 and scale is not None and scale.dtype == torch.bfloat16:
            return self._stored(name), self._stored(name + SCALE_SUFFIX)
        return quantise(self.read(name))

    def _stored(self, name: str) -> Tensor:
        entry = self._entries[name]
        file, handle, count = self._mapped
        # A new mapping now and then lets go of the pages of tensors that were converted; others keep theirs alive.
        if handle is None or file != entry.file or count > _REMAP_BYTES:
            handle, count = safe_open(entry.file, "pt", device=str(self._placement.device)), 0
        self._mapped = (entry.file, handle, count + entry.size)
        tensor: Tensor = handle.get_tensor(entry.name)
        return tensor
