"""What a checkpoint folder holds, lacks, has wrong or has too much, part by part, from headers alone.

No tensor is read, so a folder of any size is checked in seconds. Loading (`reader`) starts with the same check, and
`stepwave models check` prints it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from stepwave.checkpoints.headers import Entry, read_headers
from stepwave.checkpoints.plan import PartPlan, expected_tensors
from stepwave.facts.errors import CheckpointError, CheckpointIncompleteError, CheckpointShapeError

SCALE_SUFFIX: Final = "_scale"
"""A tensor stored as int8 has a second one beside it, of this name, with one factor per output channel."""
_FLOATS: Final = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class PartReport:
    """One part of a model as found."""

    name: str
    """The part."""
    tensors: dict[str, Entry] = field(default_factory=dict)
    """What belongs to it, under our names, scales included."""
    parameters: int = 0
    """Values it holds, scales not counted."""
    problems: tuple[CheckpointError, ...] = ()
    """What is missing, wrong or unreadable; empty for a good part."""

    @property
    def size(self) -> int:
        """Stored bytes."""
        return sum(entry.size for entry in self.tensors.values())

    @property
    def types(self) -> str:
        """Stored types by number of tensors, such as `bfloat16 x 338, float32 x 1`."""
        kinds = [str(entry.dtype).removeprefix("torch.") for entry in self.tensors.values()]
        return ", ".join(f"{kind} x {kinds.count(kind)}" for kind in sorted(set(kinds)))


@dataclass(frozen=True)
class Report:
    """A whole folder as found."""

    parts: tuple[PartReport, ...]
    """Its parts, in the order of the plan."""
    extra: tuple[CheckpointError, ...] = ()
    """Tensors that belong to no part."""

    @property
    def problems(self) -> tuple[CheckpointError, ...]:
        """Everything that keeps the folder from being loaded."""
        return tuple(problem for part in self.parts for problem in part.problems) + self.extra


def inspect(plans: Sequence[PartPlan]) -> Report:
    """Compare a folder's files with what its plans expect, reading headers only."""
    parts: dict[str, PartReport] = {}
    extra: list[CheckpointError] = []
    for stem in dict.fromkeys(plan.stem for plan in plans):
        sharing = [plan for plan in plans if plan.stem == stem]
        try:
            entries = read_headers(stem)
        except CheckpointError as error:
            parts.update({plan.name: PartReport(plan.name, problems=(error,)) for plan in sharing})
            continue
        left = set(entries)
        for plan in sharing:
            claimed = {theirs: ours for theirs in entries if (ours := plan.keys.ours(theirs)) is not None}
            left -= claimed.keys()
            parts[plan.name] = _inspect_part(plan, entries, claimed)
        if left:
            extra.append(
                CheckpointIncompleteError(
                    f"{stem}: tensors that belong to no part of this model: {_some(sorted(left))}; "
                    "is it a checkpoint of another model?"
                )
            )
    return Report(tuple(parts[plan.name] for plan in plans), tuple(extra))


def _inspect_part(plan: PartPlan, entries: Mapping[str, Entry], claimed: Mapping[str, str]) -> PartReport:
    problems: list[CheckpointError] = []
    found: dict[str, Entry] = {}
    for theirs, ours in claimed.items():
        if ours in found:
            problems.append(CheckpointIncompleteError(f"{plan.name}: {ours} is stored twice, once as {theirs}"))
        found[ours] = entries[theirs]
    expected = expected_tensors(plan)
    scales = {name + SCALE_SUFFIX for name in expected if name in found and found[name].dtype == torch.int8}
    missing = sorted((expected.keys() | scales) - found.keys())
    unexpected = sorted(found.keys() - expected.keys() - scales)
    where = f"{plan.name} ({plan.stem})"
    if missing:
        names = [plan.keys.theirs(name) or name for name in missing]
        problems.append(
            CheckpointIncompleteError(
                f"{where} lacks {len(missing)} of {len(expected | dict.fromkeys(scales))} tensors: {_some(names)}; "
                "fetch the model again, or choose the configuration it was made with"
            )
        )
    if unexpected:
        names = [plan.keys.theirs(name) or name for name in unexpected]
        problems.append(
            CheckpointIncompleteError(
                f"{where} holds {len(unexpected)} tensors its configuration does not have: {_some(names)}; "
                "choose the configuration it was made with"
            )
        )
    wrong = [told for name, tensor in expected.items() if name in found and (told := _mismatch(name, tensor, found))]
    if wrong:
        problems.append(
            CheckpointShapeError(f"{where} does not fit its configuration: {_some(wrong)}; use the files of one model")
        )
    parameters = sum(found[name].count for name in expected if name in found)
    return PartReport(plan.name, found, parameters, tuple(problems))


def _mismatch(name: str, wanted: Tensor, found: Mapping[str, Entry]) -> str:
    """What is wrong with a stored tensor, or nothing."""
    entry, shape = found[name], tuple(wanted.shape)
    if entry.shape != shape:
        return f"{name} has shape {list(entry.shape)}, wanted {list(shape)}"
    if not wanted.is_floating_point():
        return "" if entry.dtype == wanted.dtype else f"{name} is {entry.dtype}, wanted {wanted.dtype}"
    if entry.dtype == torch.int8:
        scale = found.get(name + SCALE_SUFFIX)
        if scale is not None and (scale.shape != shape[:1] or scale.dtype not in _FLOATS):
            return f"{name + SCALE_SUFFIX} is {scale.dtype} {list(scale.shape)}, wanted a factor for each of {shape[0]}"
        return ""
    return "" if entry.dtype in _FLOATS else f"{name} is {entry.dtype}, wanted floating point or int8 with a scale"


def compare_digests(folder: Path, digests: Mapping[str, str]) -> list[CheckpointError]:
    """Read files whole and compare them with their recorded sha256.

    Args:
        folder: where the files are.
        digests: file name, relative to the folder -> sha256 in hexadecimal.
    """
    problems: list[CheckpointError] = []
    for name, wanted in digests.items():
        path = folder / name
        if not path.is_file():
            problems.append(CheckpointIncompleteError(f"{folder} lacks {name}; fetch it again"))
        elif (came := file_digest(path)) != wanted:
            problems.append(
                CheckpointIncompleteError(
                    f"{path} is damaged: its sha256 is {came}, recorded is {wanted}; fetch it again"
                )
            )
    return problems


def file_digest(path: Path) -> str:
    """The file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _some(told: Sequence[str], limit: int = 3) -> str:
    more = f" and {len(told) - limit} more" if len(told) > limit else ""
    return ", ".join(told[:limit]) + more
