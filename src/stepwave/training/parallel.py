"""Many processes on one run: who is who, sharded parameters (FSDP2), tensor parallelism, gradient norms over shards.

Processes are started by `torchrun`, which sets the environment that `join` reads; without it a run is alone. Ranks on
the mesh's `data` dimension read different batches and hold different shards; ranks along `tensor` share both and split
every block's matrices.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from stepwave.facts.errors import ConfigError
from stepwave.models.decoder import Decoder

LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What `torchrun` sets."""


@dataclass(frozen=True)
class Ranks:
    """This process among those of a run; by default the only one, on a CPU."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    mesh: DeviceMesh | None = None
    """Dimensions `data` and `tensor`; None for a run alone."""

    @property
    def rank(self) -> int:
        """Number of this process over all."""
        return 0 if self.mesh is None else dist.get_rank()

    @property
    def first(self) -> bool:
        """Whether this is the process that prints and writes what is written once."""
        return self.rank == 0

    @property
    def data_rank(self) -> int:
        """Place among those that read different batches."""
        return 0 if self.mesh is None else self.mesh["data"].get_local_rank()

    @property
    def data_world(self) -> int:
        """How many read different batches."""
        return 1 if self.mesh is None else self.mesh["data"].size()

    @property
    def tensor_world(self) -> int:
        """How many split every block's matrices."""
        return 1 if self.mesh is None else self.mesh["tensor"].size()

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of `tensor` over all that read different batches, in place."""
        if self.data_world > 1:
            assert self.mesh is not None
            dist.all_reduce(tensor, group=self.mesh["data"].get_group())
        return tensor

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true on any process."""
        if self.mesh is None:
            return flag
        seen = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(seen, dist.ReduceOp.MAX)
        return bool(seen)

    def wait_for_all(self) -> None:
        """Return once every process is here."""
        if self.mesh is not None:
            dist.barrier()


def join(device: str = "cpu", tensor_parallel: int = 1) -> Ranks:
    """Join the processes that `torchrun` started, or stay alone.

    Raises ConfigError for a device that is not there, and where `tensor_parallel` does not divide their number.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {device!r} came, and this PyTorch sees no GPU; use --device cpu")
    launched = all(name in os.environ for name in LAUNCHED)
    world = int(os.environ["WORLD_SIZE"]) if launched else 1
    if tensor_parallel < 1 or world % tensor_parallel:
        raise ConfigError(
            f"tensor parallelism over {tensor_parallel} of {world} processes; wanted a divisor of their number: start "
            "more of them with torchrun, or change the recipe"
        )
    if not launched:
        return Ranks(torch.device(device))
    place = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if device == "cuda" else torch.device(device)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    if not dist.is_initialized():
        # Checkpoints are written from CPU memory in the background, which needs a CPU group of its own.
        dist.init_process_group("cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo")
    mesh = init_device_mesh(place.type, (world // tensor_parallel, tensor_parallel), mesh_dim_names=("data", "tensor"))
    return Ranks(place, mesh)


def leave() -> None:
    """Say goodbye to the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def shard(module: nn.Module, blocks: Iterable[nn.Module], ranks: Ranks, half: bool, whole: Sequence[nn.Module]) -> None:
    """Shard a module's parameters over the ranks that read different batches, in place; nothing where a run is alone.

    Args:
        module: its `forward` must be the only way in, since that is where parameters are gathered.
        blocks: submodules that are gathered one at a time, in the order in which they run.
        ranks: the processes.
        half: gather parameters and compute in bfloat16; gradients are summed in float32.
        whole: submodules that stay whole on every process (frozen ones that are small beside the rest).
    """
    if ranks.mesh is None or ranks.data_world == 1:
        return
    mesh = ranks.mesh["data"]
    policy = MixedPrecisionPolicy(torch.bfloat16, torch.float32) if half else MixedPrecisionPolicy()
    for block in blocks:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    kept = {parameter for each in whole for parameter in each.parameters()}
    fully_shard(module, mesh=mesh, mp_policy=policy, ignored_params=kept)


def split_matrices(decoder: Decoder, ranks: Ranks) -> None:
    """Tensor parallelism: every rank along `tensor` holds some heads and some MLP columns of each block, in place.

    Raises ConfigError where heads cannot be shared out evenly.
    """
    if ranks.mesh is None or ranks.tensor_world == 1:
        return
    world, config = ranks.tensor_world, decoder.config
    if config.kv_heads % world or config.intermediate_size % world:
        raise ConfigError(
            f"{config.kv_heads} key/value heads and {config.intermediate_size} MLP columns cannot be shared by {world} "
            f"processes; set tensor_parallel to a divisor of both"
        )
    columns = {f"self_attn.{name}_proj": ColwiseParallel() for name in "qkv"}
    columns |= {f"mlp.{name}_proj": ColwiseParallel() for name in ("gate", "up")}
    rows = {name: RowwiseParallel() for name in ("self_attn.o_proj", "mlp.down_proj")}
    for block in decoder.model.layers:
        parallelize_module(block, ranks.mesh["tensor"], {**columns, **rows})


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Euclidean norm of all gradients over all shards, a plain tensor that is the same on every process."""
    by_mesh: dict[Any, list[Tensor]] = {}
    for parameter in parameters:
        if parameter.grad is not None:
            mesh = parameter.grad.device_mesh if isinstance(parameter.grad, DTensor) else None
            by_mesh.setdefault(mesh, []).append(parameter.grad)
    if not by_mesh:
        return torch.zeros(())
    norms = [whole(torch.nn.utils.get_total_norm(gradients)) for gradients in by_mesh.values()]
    together: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return together


def whole(tensor: Tensor) -> Tensor:
    """A tensor's full value, gathered where it is sharded."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
