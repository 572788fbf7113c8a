"""A store of named tensors in safetensors shards: written once, memory-mapped, looked up by name.

Cached encoder features, speech tokens and mels live in stores. Writing is resumable: a shard appears under its final
name only when complete, and a name that is already stored can be asked for before computing it again.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from stepwave.facts.errors import CheckpointError


class TensorStore:
    """Reads every shard `part-*.safetensors` of a folder as one mapping from name to tensor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: dict[Path, Any] = {}
        self.where: dict[str, Path] = {}
        for path in sorted(folder.glob("part-*.safetensors")):
            try:
                shard: Any = safe_open(path, "pt")
            except SafetensorError as failure:
                raise CheckpointError(f"{path} is damaged ({failure}); delete it and run the same step again") from None
            self.shards[path] = shard
            for name in shard.keys():  # noqa: SIM118 (a safetensors handle is not iterable)
                self.where[name] = path

    def __contains__(self, name: object) -> bool:
        return name in self.where

    def __iter__(self) -> Iterator[str]:
        return iter(self.where)

    def __len__(self) -> int:
        return len(self.where)

    def __getitem__(self, name: str) -> Tensor:
        """The tensor stored under `name`, read from disk."""
        tensor: Tensor = self.shards[self.where[name]].get_tensor(name)
        return tensor

    def length(self, name: str) -> int:
        """First dimension of a stored tensor, without reading it."""
        return int(self.shards[self.where[name]].get_slice(name).get_shape()[0])


class StoreWriter:
    """Adds shards of about `shard_bytes` to a folder; a context manager that writes the rest when it closes."""

    def __init__(self, folder: Path, shard_bytes: int = 64 << 20) -> None:
        self.folder, self.shard_bytes = folder, shard_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self.pending: dict[str, Tensor] = {}
        self.held = 0

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def add(self, name: str, tensor: Tensor) -> None:
        """Hold a tensor for the next shard; floating-point tensors are stored in half precision."""
        stored = tensor.detach().to(torch.float16) if tensor.is_floating_point() else tensor.detach()
        self.pending[name] = stored.cpu().contiguous().clone()
        self.held += stored.numel() * stored.element_size()
        if self.held >= self.shard_bytes:
            self.flush()

    def flush(self) -> None:
        """Write what is held as one new shard."""
        if not self.pending:
            return
        number = 1 + max((int(path.stem.split("-")[1]) for path in self.folder.glob("part-*.safetensors")), default=-1)
        temporary = self.folder / f"part-{number:05d}.partial"
        save_file(self.pending, temporary)
        temporary.replace(self.folder / f"part-{number:05d}.safetensors")
        self.pending, self.held = {}, 0
