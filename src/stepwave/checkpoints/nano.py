"""nano's folder, and that of any model trained here: `config.json`, `tokenizer.json`, one safetensors store per part.

    config.json          format, version, and per part its configuration and storage
    digests.json         sha256 of every other file
    tokenizer.json       the vocabulary
    PART.safetensors     or PART-00001-of-0000N.safetensors and PART.safetensors.index.json
    voices.safetensors   the built-in voices (`voices`)

Names inside the files are our modules' own. Saving replaces one part at a time, so recipes can fill a folder in any
order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer
from torch import nn

from stepwave.checkpoints.config_files import from_json, read_json, to_json, write_json
from stepwave.checkpoints.headers import SUFFIX
from stepwave.checkpoints.inspection import compare_digests, file_digest
from stepwave.checkpoints.plan import PartPlan, expected_tensors
from stepwave.checkpoints.storage import Storage, stored, write_tensors
from stepwave.facts.errors import (
    CheckpointError,
    CheckpointShapeError,
    ConfigError,
)
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.models.flow import FlowConfig, FlowMatching
from stepwave.models.nano_speech_tokenizer import TRAINING_PREFIX, NanoSpeechTokenizer, NanoSpeechTokenizerConfig
from stepwave.models.speaker import SpeakerEncoder, SpeakerEncoderConfig
from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.signal.atomic import replace_file

FORMAT: Final = "stepwave"
VERSION: Final = 1
CONFIG: Final = "config.json"
DIGESTS: Final = "digests.json"
TOKENIZER: Final = "tokenizer.json"


@dataclass(frozen=True)
class PartKind:
    """How a part of nano is built and, unless the caller says otherwise, stored."""

    config: type[Any]
    """Its configuration dataclass."""
    build: Callable[[Any], nn.Module]
    """Its module, from the configuration."""
    storage: Storage
    """Its usual storage: int8 where that costs no quality that can be measured, so that the folder stays small."""


PARTS: Final[Mapping[str, PartKind]] = {
    "encoder": PartKind(EncoderConfig, AudioEncoder, "int8"),
    "adaptor": PartKind(AdaptorConfig, Adaptor, "bfloat16"),
    "decoder": PartKind(DecoderConfig, Decoder, "int8"),
    "speech_tokenizer": PartKind(NanoSpeechTokenizerConfig, NanoSpeechTokenizer, "bfloat16"),
    "flow": PartKind(FlowConfig, FlowMatching, "int8"),
    "vocoder": PartKind(VocoderConfig, Vocoder, "bfloat16"),
    "speaker": PartKind(SpeakerEncoderConfig, SpeakerEncoder, "bfloat16"),
}


def nano_plans(folder: Path) -> list[PartPlan]:
    """What a folder in this format should hold, by its `config.json`.

    Raises:
        CheckpointNotFoundError: there is no `config.json`.
        CheckpointError: it is of another format or version, or names an unknown part.
        ConfigError: a configuration is unknown in a key or out of range.
    """
    plans = []
    for name, record in _read_config(folder)["parts"].items():
        if name not in PARTS or not isinstance(record, dict):
            raise CheckpointError(f"{folder / CONFIG} names the part {name}; known are {', '.join(PARTS)}")
        config = from_json(PARTS[name].config, record.get("config", {}), f"{folder / CONFIG}, {name}")
        plans.append(PartPlan(name, folder / name, partial(PARTS[name].build, config)))
    return plans


def save_part(folder: Path, name: str, module: nn.Module, storage: Storage | None = None) -> None:
    """Store one part: its weights, its configuration, the digests.

    Weights that serve training only (the speech tokenizer's reconstruction) are left out.

    Args:
        folder: is made where it does not exist.
        name: one of `PARTS`.
        module: a module of that part's class; its `config` is stored too.
        storage: how to store the weights, or None for the part's usual storage.

    Raises:
        ConfigError: an unknown part or storage.
        CheckpointShapeError: the module's tensors are not those that its configuration makes.
        OutputError: the disk is full, or writing is not allowed.
    """
    if name not in PARTS:
        raise ConfigError(f"no part is called {name}; known are {', '.join(PARTS)}")
    kind = PARTS[name]
    storage = storage or kind.storage
    config = module.config
    state = {key: tensor for key, tensor in module.state_dict().items() if not key.startswith(TRAINING_PREFIX)}
    wanted = expected_tensors(PartPlan(name, folder / name, partial(kind.build, config)))
    if {key: tensor.shape for key, tensor in wanted.items()} != {key: tensor.shape for key, tensor in state.items()}:
        raise CheckpointShapeError(f"the {name} to be stored does not have the tensors of its configuration {config}")
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / name, stored(state, storage))
    new: dict[str, Any] = {"format": FORMAT, "version": VERSION, "parts": {}}
    record = _read_config(folder) if (folder / CONFIG).is_file() else new
    record["parts"][name] = {"config": to_json(config), "storage": storage}
    write_json(folder / CONFIG, record)
    write_digests(folder)


def save_tokenizer(folder: Path, tokenizer: Tokenizer) -> None:
    """Store the vocabulary as `tokenizer.json`; OutputError where that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / TOKENIZER, tokenizer.to_str().encode())
    write_digests(folder)


def write_digests(folder: Path) -> None:
    """Record the sha256 of the folder's files, the record itself apart."""
    files = sorted(path for path in folder.iterdir() if path.suffix in (SUFFIX, ".json") and path.name != DIGESTS)
    write_json(folder / DIGESTS, {path.name: file_digest(path) for path in files})


def check_digests(folder: Path) -> list[CheckpointError]:
    """Read every file of the folder and compare it with the recorded sha256; nothing where none are recorded."""
    path = folder / DIGESTS
    return compare_digests(folder, read_json(path)) if path.is_file() else []


def _read_config(folder: Path) -> dict[str, Any]:
    config = read_json(folder / CONFIG)
    if config.get("format") != FORMAT or config.get("version") != VERSION or not isinstance(config.get("parts"), dict):
        raise CheckpointError(
            f"{folder / CONFIG} is of format {config.get('format')!r}, version {config.get('version')!r}; "
            f"wanted {FORMAT!r}, version {VERSION}, with parts: take a folder written by this version"
        )
    return config
