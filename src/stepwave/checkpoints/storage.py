"""Writing weights: shards of bounded size under an index, as float or as int8 with one factor per output channel.

Every file is written whole or not at all, and the index last, so that an interrupted write is noticed on reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

import torch
from safetensors.torch import save
from torch import Tensor

from stepwave.checkpoints.headers import INDEX_SUFFIX, SUFFIX
from stepwave.checkpoints.inspection import SCALE_SUFFIX
from stepwave.facts.errors import ConfigError
from stepwave.models.quantised_linear import quantise
from stepwave.signal.atomic import replace_file

Storage = Literal["float32", "bfloat16", "int8"]
"""How the weights of a part are stored."""
SHARD_BYTES: Final = 48_000_000
"""Largest sum of tensors in one file; with its header it stays below 50 MB."""


def stored(state: Mapping[str, Tensor], storage: Storage) -> dict[str, Tensor]:
    """The tensors as they go to the file.

    `bfloat16` and `float32` convert every floating-point tensor. `int8` rounds matrices and convolution kernels (two
    axes and more) with one factor per index of the first axis, as `models.quantised_linear` does, and keeps the rest,
    which is small, in float32. Integer tensors stay.

    Raises:
        ConfigError: an unknown storage.
    """
    if storage not in get_args(Storage):
        raise ConfigError(f"storage {storage!r} is unknown; choose {', '.join(get_args(Storage))}")
    tensors: dict[str, Tensor] = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu()
        if not tensor.is_floating_point():
            tensors[name] = tensor.contiguous()
        elif storage == "int8" and tensor.dim() >= 2:
            values, scale = quantise(tensor.flatten(1))
            tensors[name], tensors[name + SCALE_SUFFIX] = values.view(tensor.shape), scale
        else:
            tensors[name] = tensor.to(torch.bfloat16 if storage == "bfloat16" else torch.float32).contiguous()
    return tensors


def write_tensors(stem: Path, tensors: Mapping[str, Tensor], shard_bytes: int = SHARD_BYTES) -> list[Path]:
    """Write tensors as one safetensors file, or as several with an index where they are larger than one may be.

    What was stored under the same path before is replaced, leftover shards included.

    Args:
        stem: path without ending, such as `FOLDER/model`.
        tensors: names to tensors on the CPU; an int8 tensor and its factors go to the same file.
        shard_bytes: bound of one file; a single tensor above it gets a file of its own.

    Returns:
        The files written.

    Raises:
        OutputError: the disk is full, or writing is not allowed.
    """
    shards = _shards(tensors, shard_bytes)
    old = {*stem.parent.glob(f"{stem.name}-?????-of-?????{SUFFIX}")}
    index = stem.with_name(stem.name + INDEX_SUFFIX)
    if len(shards) == 1:
        files = [stem.with_name(stem.name + SUFFIX)]
        replace_file(files[0], save(shards[0]))
        old.add(index)
    else:
        names = [f"{stem.name}-{number:05}-of-{len(shards):05}{SUFFIX}" for number in range(1, len(shards) + 1)]
        files = [stem.with_name(name) for name in names]
        for file, shard in zip(files, shards, strict=True):
            replace_file(file, save(shard))
        places = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
        total = sum(tensor.nbytes for tensor in tensors.values())
        replace_file(index, json.dumps({"metadata": {"total_size": total}, "weight_map": places}, indent=1).encode())
        files.append(index)
        old.add(stem.with_name(stem.name + SUFFIX))
    for path in old.difference(files):
        path.unlink(missing_ok=True)
    return files


def _shards(tensors: Mapping[str, Tensor], limit: int) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    filled = 0
    for name, tensor in tensors.items():
        base = name.removesuffix(SCALE_SUFFIX)
        with_its_values = base != name and base in shards[-1]
        if shards[-1] and filled + tensor.nbytes > limit and not with_its_values:
            shards.append({})
            filled = 0
        shards[-1][name] = tensor
        filled += tensor.nbytes
    return shards
