"""The released token2wav files, two pickles and an ONNX graph, to safetensors: the only place where a pickle is read.

`flow.pt` and `hift.pt` go through `torch.load(weights_only=True)`, which refuses everything but tensors; the speech
tokenizer's weights are found by the names of the graph's nodes (reference facts 7). Names stay the released ones.
`campplus.onnx` is run as it is (`campplus`).
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from stepwave.checkpoints.storage import write_tensors
from stepwave.facts.errors import (
    CheckpointError,
    CheckpointIncompleteError,
    CheckpointNotFoundError,
    MissingExtraError,
    UnsafeFileError,
    short_reason,
)
from stepwave.models.fsq import DIGITS

FOLDER: Final = "token2wav"
SPEECH_TOKENIZER: Final = "speech_tokenizer_v2_25hz"
_WHOLE_FILE: Final = 1 << 62
_PROJECTION: Final = "quantizer._codebook.project_down"
_TOKENIZER_NAME: Final = re.compile(
    r"encoder\.conv[12]\.(weight|bias)|quantizer\._codebook\.project_down\.weight"
    r"|encoder\.blocks\.\d+\.(attn\.(query|key|value|out|fsmn_block)|attn_ln|mlp\.[02]|mlp_ln)\.(weight|bias)"
)


def convert(folder: Path) -> list[Path]:
    """Write the safetensors version of every token2wav file of a released model beside the original.

    Args:
        folder: the model's folder, or its `token2wav` folder.

    Returns:
        The files written; originals stay.

    Raises:
        CheckpointNotFoundError: a file is missing.
        CheckpointIncompleteError: a file is damaged or lacks tensors.
        UnsafeFileError: a pickle holds more than tensors.
        MissingExtraError: the `onnx` package is not installed.
        OutputError: the result can't be written.
    """
    inner = folder / FOLDER if (folder / FOLDER).is_dir() else folder
    sources: dict[str, Callable[[Path], dict[str, Tensor]]] = {
        "flow.pt": read_pickled_tensors,
        "hift.pt": read_pickled_tensors,
        f"{SPEECH_TOKENIZER}.onnx": read_speech_tokenizer_onnx,
    }
    missing = [name for name in sources if not (inner / name).is_file()]
    if missing:
        raise CheckpointNotFoundError(f"{inner} lacks {', '.join(missing)}: give the folder of a released model")
    written = []
    for name, read in sources.items():
        path = inner / name
        written += write_tensors(path.with_suffix(""), read(path), shard_bytes=_WHOLE_FILE)
    return written


def read_pickled_tensors(path: Path) -> dict[str, Tensor]:
    """Read a flat state dict from a PyTorch pickle; anything else in it is refused.

    Raises:
        CheckpointIncompleteError: the file is damaged.
        UnsafeFileError: it holds something other than names and tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafeFileError(
            f"{path} holds more than tensors and is refused ({short_reason(error)}); take the released file"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointIncompleteError(f"{path} can't be read ({short_reason(error)}); fetch it again") from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) and isinstance(k, str) for k, v in state.items()):
        raise UnsafeFileError(f"{path} holds more than names and tensors; a flat state dict is wanted")
    # tensors may share memory or be views, which safetensors does not store
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}


def read_speaker_encoder(path: Path) -> dict[str, Tensor]:
    """Read Resemblyzer's `pretrained.pt` under the names of `models.speaker.SpeakerEncoder`.

    Raises:
        CheckpointIncompleteError: the file is damaged, or is not Resemblyzer's.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, TypeError) as error:
        raise CheckpointIncompleteError(
            f"{path} is not Resemblyzer's speaker encoder ({short_reason(error)}); fetch it again"
        ) from None
    # what is left out scaled similarities in its training and is no part of the embedding
    return {name: tensor for name, tensor in state.items() if not name.startswith("similarity_")}


def read_speech_tokenizer_onnx(path: Path) -> dict[str, Tensor]:
    """Read the weights of the S3 v2 tokenizer from its ONNX graph, under the names of its PyTorch version, in float32.

    A linear layer is a MatMul node (weight, stored transposed) and an Add node; norms and convolutions are nodes of
    their own. Their names are the module paths, but for the two input convolutions and the quantiser's projection,
    which are known by their place and their eight outputs.

    Raises:
        CheckpointIncompleteError: the file is damaged.
        CheckpointError: it is another graph.
        MissingExtraError: the `onnx` package is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("mini", "onnx") from None
    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # errors of protobuf's own, which share no base
        raise CheckpointIncompleteError(
            f"{path} can't be read as ONNX ({short_reason(error)}); fetch it again"
        ) from None
    weights = {item.name: torch.from_numpy(onnx.numpy_helper.to_array(item).copy()) for item in graph.initializer}
    state: dict[str, Tensor] = {}
    convolutions = iter(("encoder.conv1", "encoder.conv2"))
    for node in graph.node:
        given = [weights[name] for name in node.input if name in weights]
        for name, tensor in _named(node.name, node.op_type, given, convolutions):
            if _TOKENIZER_NAME.fullmatch(name):
                state[name] = tensor.float().contiguous()
    bias = weights.get("quantizer.project_in.bias")
    if bias is not None:
        state[f"{_PROJECTION}.bias"] = bias.float()
    if "encoder.conv2.bias" not in state or not any(".fsmn_block." in name for name in state):
        raise CheckpointError(f"{path} is not the graph of an S3 v2 speech tokenizer; take {SPEECH_TOKENIZER}.onnx")
    return state


def _named(node: str, kind: str, given: list[Tensor], convolutions: Iterator[str]) -> Iterator[tuple[str, Tensor]]:
    """Names and weights of one node; nothing where it has none or they are constants of the computation."""
    module = "encoder." + node.strip("/").rsplit("/", 1)[0].replace("/", ".").replace("mlp.mlp", "mlp")
    if kind == "Conv" and given:
        if "blocks" not in node:
            module = next(convolutions, "")
        yield from zip((f"{module}.weight", f"{module}.bias"), given, strict=False)
    elif kind == "LayerNormalization" and len(given) == 2:
        yield from zip((f"{module}.weight", f"{module}.bias"), given, strict=True)
    elif kind == "MatMul" and given and given[0].dim() == 2:
        name = module if "blocks" in node else _PROJECTION if given[0].shape[1] == DIGITS else ""
        yield f"{name}.weight", given[0].t()
    elif kind == "Add" and given and given[0].dim() == 1 and "blocks" in node:
        yield f"{module}.bias", given[0]
