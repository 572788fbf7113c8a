"""Several stores of named tensors read as one: a corpus has one store a step, training wants all of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor

from stepwave.data.store import TensorStore


class Tensors(Protocol):
    """A mapping from name to stored tensor; `TensorStore` and `MultiStore` are such."""

    def __contains__(self, name: object) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def __getitem__(self, name: str) -> Tensor: ...

    def length(self, name: str) -> int:
        """First dimension of a stored tensor, without reading it."""
        ...


class MultiStore:
    """Stores one after the other; what several hold is read from the first of them."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Each folder holds `part-*.safetensors` (see `TensorStore`); one that is not there holds nothing."""
        self.where: dict[str, TensorStore] = {}
        for folder in folders:
            store = TensorStore(folder)
            for name in store:
                self.where.setdefault(name, store)

    def __contains__(self, name: object) -> bool:
        return name in self.where

    def __iter__(self) -> Iterator[str]:
        return iter(self.where)

    def __len__(self) -> int:
        return len(self.where)

    def __getitem__(self, name: str) -> Tensor:
        """The tensor stored under `name`, read from disk; KeyError where no store has it."""
        return self.where[name][name]

    def length(self, name: str) -> int:
        """First dimension of a stored tensor, without reading it."""
        return self.where[name].length(name)
