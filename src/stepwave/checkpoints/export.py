"""Trained parts as a whole model folder: in our own layout, or in the released one with its names.

Both start from a model folder of the same layout, the base, whose other parts, tokenizer and settings are taken over
as they are. Folders are written whole or not at all. What a training run's checkpoint must go through before its
weights are a model's (adapters folded in, say) is the business of `training.language.exporting`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, get_args

import torch
from safetensors.torch import save
from torch import Tensor, nn

from stepwave.checkpoints.config_files import read_json, write_json
from stepwave.checkpoints.convert import FOLDER
from stepwave.checkpoints.headers import INDEX_SUFFIX, PICKLE_SUFFIXES, SUFFIX
from stepwave.checkpoints.inspection import inspect
from stepwave.checkpoints.layouts import Kind, Layout, load_modules, open_layout
from stepwave.checkpoints.mini import MiniConfig
from stepwave.checkpoints.nano import CONFIG, DIGESTS, save_part, write_digests
from stepwave.checkpoints.plan import PartPlan, expected_tensors
from stepwave.checkpoints.storage import Storage
from stepwave.facts.errors import CheckpointNotFoundError, CheckpointShapeError, ConfigError
from stepwave.signal.atomic import new_folder, replace_file

RELEASED_PARTS: Final = ("decoder", "encoder", "adaptor")
"""What the shards of the released layout hold; the rest is in `token2wav`, as pickles and ONNX graphs."""
RELEASED_SHARD_BYTES: Final = 2_000_000_000
"""Largest sum of tensors in one released file: few files, and little more than this in memory at a time."""


def export_stepwave(
    folder: Path, parts: Mapping[str, nn.Module], base: Path, storage: Storage | None = None, *, replace: bool = False
) -> None:
    """Write a model folder in our layout: the base's, with some parts replaced or added, and new digests.

    Args:
        folder: where to write; a base's model card and training logs do not come along.
        parts: modules by the names of `nano.PARTS`.
        base: a model folder in our layout.
        storage: how to store the new parts; None for as the base stores them.
        replace: whether a folder that is there may be replaced.

    Raises:
        ConfigError: the base is in the released layout, `folder` is the base, or an unknown part or storage.
        CheckpointError: the base can't be read, or the parts do not fit together.
        OutputError: the disk is full, writing is not allowed, or something is there already.
    """
    layout = _opened(base, "stepwave", folder)
    kept = [plan for plan in layout.plans if plan.name not in parts]
    if problems := inspect(kept).problems:
        raise problems[0]
    record: dict[str, Any] = read_json(base / CONFIG)["parts"]
    with new_folder(folder, replace=replace) as unfinished:
        _copy(base, unfinished, lambda path: not (_is_weights(path) and _part_of(path) in parts))
        for name, module in parts.items():
            save_part(unfinished, name, module, storage or record.get(name, {}).get("storage"))
        write_digests(unfinished)


def export_released(
    folder: Path,
    parts: Mapping[str, nn.Module],
    base: Path,
    storage: Storage = "bfloat16",
    *,
    mini: MiniConfig | None = None,
    shard_bytes: int = RELEASED_SHARD_BYTES,
    replace: bool = False,
) -> None:
    """Write a model folder in the released layout and names, for every program that reads the released checkpoints.

    Args:
        folder: where to write. A base's model card does not come along; its remote code, tokenizer and `token2wav` do.
        parts: any of decoder, encoder and adaptor.
        base: a released model's folder; parts that are not given are its own.
        storage: bfloat16, as released, or float32.
        mini: sizes that the base's `config.json` does not hold; None for the released ones.
        shard_bytes: bound of one file of weights.
        replace: whether a folder that is there may be replaced.

    Raises:
        ConfigError: the base is not in the released layout, `folder` is the base, or a part or storage that the
            layout does not have.
        CheckpointError: the base can't be read, or a part is not of its sizes.
        OutputError: the disk is full, writing is not allowed, or something is there already.
    """
    layout = _opened(base, "released", folder, mini)
    foreign = [name for name in parts if name not in RELEASED_PARTS]
    if foreign:
        raise ConfigError(
            f"the released layout keeps {', '.join(foreign)} in files of other programs, which are not written here; "
            f"export only {', '.join(RELEASED_PARTS)}"
        )
    if storage == "int8" or storage not in get_args(Storage):
        raise ConfigError(f"storage {storage!r} is not known in the released layout; choose bfloat16 or float32")
    if not (base / FOLDER).is_dir():
        raise CheckpointNotFoundError(f"{base} has no folder {FOLDER}, without which no model speaks; fetch it whole")
    plans = [plan for plan in layout.plans if plan.name in RELEASED_PARTS]
    modules = dict(parts)
    if missing := [plan.name for plan in plans if plan.name not in parts]:
        modules |= load_modules(layout, missing)
    tensors: dict[str, Tensor] = {}
    for plan in plans:
        _check_shapes(plan, modules[plan.name])
        for name, tensor in modules[plan.name].state_dict().items():
            tensors[str(plan.keys.theirs(name))] = tensor
    with new_folder(folder, replace=replace) as unfinished:
        _copy(base, unfinished, lambda path: not _is_weights(path))
        _copy(base / FOLDER, unfinished / FOLDER, lambda path: True)
        config = read_json(base / CONFIG)
        config["text_config"]["torch_dtype"] = storage
        write_json(unfinished / CONFIG, config)
        _write_shards(unfinished / "model", tensors, getattr(torch, storage), shard_bytes)


def _opened(base: Path, kind: Kind, folder: Path, mini: MiniConfig | None = None) -> Layout:
    """The base's layout, which must be of `kind`."""
    layout = open_layout(base, mini)
    if layout.kind != kind:
        raise ConfigError(
            f"{base} is in the {layout.kind} layout and can't be written in the {kind} one, whose other parts it "
            f"lacks; export in the {layout.kind} format, or name another base"
        )
    if folder.resolve() == base.resolve():
        raise ConfigError(f"{folder} is the base itself, which is only read; name another folder")
    return layout


def _check_shapes(plan: PartPlan, module: nn.Module) -> None:
    """Raise where a module's tensors are not those that the base's configuration makes."""
    wanted = {name: tuple(tensor.shape) for name, tensor in expected_tensors(plan).items()}
    came = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    wrong = sorted(name for name in wanted.keys() | came.keys() if wanted.get(name) != came.get(name))
    if wrong:
        shapes = [list(each[wrong[0]]) if wrong[0] in each else "none" for each in (came, wanted)]
        raise CheckpointShapeError(
            f"the {plan.name} to be exported has {wrong[0]} of shape {shapes[0]}, the base {plan.stem.parent} wants "
            f"{shapes[1]}; name the base that it was trained from"
        )


def _copy(source: Path, target: Path, wanted: Callable[[Path], bool]) -> None:
    """Copy the files of a folder, but for the base's model card and digests, which are not true of the new model."""
    target.mkdir(exist_ok=True)
    for path in sorted(source.iterdir()):
        its_own = path.name.startswith((".", "README")) or path.name == DIGESTS
        if path.is_file() and not its_own and wanted(path):
            shutil.copyfile(path, target / path.name)


def _is_weights(path: Path) -> bool:
    return path.suffix in (SUFFIX, *PICKLE_SUFFIXES) or path.name.endswith((INDEX_SUFFIX, ".bin.index.json"))


def _part_of(path: Path) -> str:
    """The part in PART.safetensors, PART-00001-of-0000N.safetensors or PART.safetensors.index.json."""
    return path.name.split(".")[0].split("-")[0]


def _write_shards(stem: Path, tensors: Mapping[str, Tensor], dtype: torch.dtype, limit: int) -> None:
    """Write tensors as safetensors shards with their index, converting one shard at a time.

    Other than `storage.write_tensors` it keeps no converted copy of the whole, which would be as large as the model,
    and marks files as PyTorch's, which some readers insist on.
    """
    shards: list[dict[str, Tensor]] = [{}]
    filled = total = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * dtype.itemsize
        if shards[-1] and filled + size > limit:
            shards.append({})
            filled = 0
        shards[-1][name] = tensor
        filled, total = filled + size, total + size
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        ending = f"-{number:05}-of-{len(shards):05}{SUFFIX}" if len(shards) > 1 else SUFFIX
        path = stem.with_name(stem.name + ending)
        converted = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in shard.items()}
        replace_file(path, save(converted, metadata={"format": "pt"}))
        places |= dict.fromkeys(shard, path.name)
    if len(shards) > 1:
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
        write_json(stem.with_name(stem.name + INDEX_SUFFIX), index)
