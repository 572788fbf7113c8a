"""What weight files say about themselves: names, types and shapes, read without touching a tensor.

Holds the header of one safetensors file and the set of shards under an index, with every way they can be damaged.
Pickles are recognised and refused here. Reading the tensors themselves is in `reader`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from stepwave.facts.errors import (
    CheckpointError,
    CheckpointIncompleteError,
    CheckpointNotFoundError,
    UnsafeFileError,
)

TYPES: Final[Mapping[str, torch.dtype]] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""The format's type names."""
SUFFIX: Final = ".safetensors"
INDEX_SUFFIX: Final = ".safetensors.index.json"
PICKLE_SUFFIXES: Final = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_LARGEST_HEADER: Final = 100_000_000
_LFS_POINTER: Final = b"version https://git-lfs"


@dataclass(frozen=True)
class Entry:
    """One stored tensor."""

    name: str
    """Its name in the file."""
    dtype: torch.dtype
    """Its stored type."""
    shape: tuple[int, ...]
    """Its shape."""
    file: Path
    """The safetensors file that holds it."""

    @property
    def count(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Stored bytes."""
        return self.count * self.dtype.itemsize


def refuse_unsafe(path: Path) -> None:
    """Raise where the file's first bytes show that it is no safetensors file.

    Raises:
        UnsafeFileError: a pickle (plain, or in a zip as PyTorch writes it).
        CheckpointIncompleteError: a Git LFS pointer in place of the file.
    """
    with path.open("rb") as file:
        start = file.read(len(_LFS_POINTER))
    # A pickle opens with byte 0x80 and its protocol, and so may a safetensors file, whose first eight bytes are the
    # length of its header; but then the header's opening brace follows.
    pickle = start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and start[8:9] != b"{"
    if pickle or start[:4] == b"PK\x03\x04":
        raise UnsafeFileError(
            f"{path} is a Python pickle, reading which can run code; safetensors are wanted: "
            "run `stepwave models convert` on its folder, or fetch the safetensors version"
        )
    if start == _LFS_POINTER:
        raise CheckpointIncompleteError(f"{path} is a Git LFS pointer, not the file itself; run `git lfs pull`")


def read_header(path: Path) -> dict[str, Entry]:
    """Read the names, types and shapes of one safetensors file and check them against the file's length.

    Raises:
        CheckpointNotFoundError: there is no such file.
        CheckpointIncompleteError: the file is cut short or half-written.
        UnsafeFileError: it is a pickle.
        CheckpointError: it is something else.
    """
    if not path.is_file():
        raise CheckpointNotFoundError(f"no file {path}")
    length = path.stat().st_size
    refuse_unsafe(path)
    with path.open("rb") as file:
        prefix = file.read(8)
        size = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or 8 + size > length:
            raise _half_written(path, length, f"at least {8 + size}" if len(prefix) == 8 else "more than 8")
        if size > _LARGEST_HEADER:
            raise CheckpointError(f"{path} is not a safetensors file: its header would have {size} bytes")
        raw = file.read(size)
    try:
        header: dict[str, Any] = json.loads(raw)
        header.pop("__metadata__", None)
        entries, position = {}, 0
        for name, described in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            shape = tuple(described["shape"])
            if not all(isinstance(size, int) and size >= 0 for size in shape):
                raise ValueError(f"{name} has the shape {shape}")
            entries[name] = Entry(name, TYPES[described["dtype"]], shape, path)
            start, end = described["data_offsets"]
            if start != position or end - start != entries[name].size:
                raise ValueError(f"{name} lies at {start} to {end}, wanted {entries[name].size} bytes from {position}")
            position = end
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a usable safetensors file (header: {error}); fetch it again") from None
    if 8 + size + position != length:
        raise _half_written(path, length, str(8 + size + position))
    return entries


def _half_written(path: Path, length: int, wanted: str) -> CheckpointIncompleteError:
    return CheckpointIncompleteError(
        f"{path} has {length} bytes, its header wants {wanted}: it is half-written or damaged; fetch or write it again"
    )


def read_headers(stem: Path) -> dict[str, Entry]:
    """Read the headers of everything stored under a path without ending.

    `FOLDER/model` stands for `FOLDER/model.safetensors`, or else for the shards that
    `FOLDER/model.safetensors.index.json` lists; a shard must hold exactly the tensors the index gives it.

    Raises:
        CheckpointNotFoundError: there is neither.
        CheckpointIncompleteError: a shard is missing, half-written or does not agree with the index.
        UnsafeFileError: there is only a pickle, or the index points outside its folder.
        CheckpointError: a file can't be understood.
    """
    whole, index = _beside(stem, SUFFIX), _beside(stem, INDEX_SUFFIX)
    if whole.is_file():
        return read_header(whole)
    if not index.is_file():
        pickles = [path for suffix in PICKLE_SUFFIXES if (path := _beside(stem, suffix)).is_file()]
        if pickles:
            raise UnsafeFileError(
                f"{pickles[0]} is a Python pickle, reading which can run code, and {whole.name} is wanted: "
                "run `stepwave models convert` on the model's folder"
            )
        raise CheckpointNotFoundError(f"{stem.parent} holds neither {whole.name} nor {index.name}")
    return _read_shards(index)


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _read_shards(index: Path) -> dict[str, Entry]:
    try:
        places: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names_of: dict[str, set[str]] = {}
        for name, file in places.items():
            names_of.setdefault(file, set()).add(name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointIncompleteError(
            f"{index} can't be read as a shard index ({type(error).__name__}: {error}); fetch it again"
        ) from None
    outside = [file for file in names_of if Path(file).name != file or file in ("", ".", "..")]
    if outside:
        raise UnsafeFileError(f"{index} points outside its folder: {outside[0]}; take it from a source you trust")
    absent = sorted(file for file in names_of if not (index.parent / file).is_file())
    if absent:
        raise CheckpointIncompleteError(
            f"{index.parent} lacks {_some(absent)}, {len(absent)} of the {len(names_of)} files its index lists; "
            "fetch the missing ones"
        )
    entries: dict[str, Entry] = {}
    for file in sorted(names_of):
        found = read_header(index.parent / file)
        if found.keys() != names_of[file]:
            lost, extra = sorted(names_of[file] - found.keys()), sorted(found.keys() - names_of[file])
            told = f"lacks {_some(lost)}" if lost else f"holds {_some(extra)}, which the index does not list"
            raise CheckpointIncompleteError(
                f"{index.parent / file} {told}: it does not belong to this index; fetch both again"
            )
        entries.update(found)
    return entries


def _some(names: list[str], limit: int = 3) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
