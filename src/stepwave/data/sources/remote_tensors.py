"""Tensors of safetensors shards at an address: headers are read at once, each tensor when it is asked for."""

import json
import math
from typing import Any, Final

import torch
from torch import Tensor

from stepwave.data.addresses import inside, list_folder, read_bytes, reason
from stepwave.facts.errors import DataError

_TYPES: Final = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "U8": torch.uint8,
}
_HEADER: Final = 8
"""Bytes of the number that says how long the header is."""
_LONGEST: Final = 100_000_000
"""Bytes of a header at most, as in safetensors' own reader."""


def shards_in(folder: str) -> list[str]:
    """Addresses of the tensor shards in a folder, in order; none where there is no folder. Raises OSError."""
    names = list_folder(folder) or []
    return [inside(folder, each) for each in names if each.startswith("part-") and each.endswith(".safetensors")]


class RemoteTensors:
    """What `TensorStore` is for a folder on disk. Raises DataError for a shard that can't be read."""

    def __init__(self, folder: str) -> None:
        self._where: dict[str, tuple[str, torch.dtype, list[int], int]] = {}
        shard = folder
        try:
            for shard in shards_in(folder):
                self._where |= _header_of(shard)
        except OSError as problem:
            raise DataError(f"{shard} cannot be read ({reason(problem)}); check address and access") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(f"{shard} is damaged or no safetensors file; copy it there again") from None

    def __contains__(self, name: object) -> bool:
        return name in self._where

    def __getitem__(self, name: str) -> Tensor:
        """A stored tensor, by one read."""
        shard, kind, shape, offset = self._where[name]
        size = math.prod(shape) * kind.itemsize
        try:
            data = bytearray(read_bytes(shard, offset, size))
        except OSError as problem:
            raise DataError(f"{shard} cannot be read any more ({reason(problem)}); is it still there?") from None
        if len(data) != size:
            raise DataError(f"{shard} ends within {name}; copy it there again")
        return torch.frombuffer(data, dtype=kind).reshape(shape) if size else torch.empty(shape, dtype=kind)

    def length(self, name: str) -> int:
        """First dimension of a stored tensor."""
        return self._where[name][2][0]


def _header_of(shard: str) -> dict[str, tuple[str, torch.dtype, list[int], int]]:
    length = int.from_bytes(read_bytes(shard, 0, _HEADER), "little")
    if not 0 < length <= _LONGEST:
        raise ValueError(length)
    header: dict[str, Any] = json.loads(read_bytes(shard, _HEADER, length))
    begin = _HEADER + length
    return {
        name: (shard, _TYPES[about["dtype"]], [int(each) for each in about["shape"]], begin + about["data_offsets"][0])
        for name, about in header.items()
        if name != "__metadata__"
    }
