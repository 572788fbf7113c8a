"""The voices stored with a model, or in a folder of one's own: `voices.safetensors`, three tensors per voice.

What a voice is, is in `models.detokenizer`; making one from a recording is not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from stepwave.checkpoints.headers import SUFFIX, read_header
from stepwave.checkpoints.nano import write_digests
from stepwave.checkpoints.reader import read_entry
from stepwave.checkpoints.storage import write_tensors
from stepwave.facts.errors import CheckpointIncompleteError, CheckpointShapeError, ConfigError
from stepwave.models.detokenizer import Voice

VOICES: Final = "voices"
_FIELDS: Final = ("speaker", "prompt_codes", "prompt_mel")


def save_voices(folder: Path, voices: Iterable[Voice]) -> None:
    """Store voices in a model's folder, replacing those that were there.

    Codes are stored as int32, the mel in half precision: its logarithm needs no more.

    Raises:
        ConfigError: two voices have one name.
        OutputError: the disk is full, or writing is not allowed.
    """
    tensors: dict[str, Tensor] = {}
    for voice in voices:
        if f"{voice.name}.speaker" in tensors:
            raise ConfigError(f"two voices are called {voice.name}; give one of them another name")
        tensors[f"{voice.name}.speaker"] = voice.speaker.float()
        tensors[f"{voice.name}.prompt_codes"] = voice.prompt_codes.to(torch.int32)
        tensors[f"{voice.name}.prompt_mel"] = voice.prompt_mel.to(torch.float16)
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / VOICES, {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    write_digests(folder)


def read_voices(folder: Path) -> dict[str, Voice]:
    """Read the voices of a model's folder, by name in alphabetical order.

    Raises:
        CheckpointNotFoundError: the folder has none.
        CheckpointIncompleteError: the file is damaged or lacks a tensor.
        CheckpointShapeError: tensors of a voice do not fit together.
    """
    path = folder / f"{VOICES}{SUFFIX}"
    tensors = {name: read_entry(entry) for name, entry in read_header(path).items()}
    voices: dict[str, Voice] = {}
    for name in sorted({name.rpartition(".")[0] for name in tensors}):
        missing = [field for field in _FIELDS if f"{name}.{field}" not in tensors]
        if missing:
            raise CheckpointIncompleteError(f"{path}: voice {name} lacks {', '.join(missing)}; store the voices again")
        speaker, codes, mel = (tensors[f"{name}.{field}"] for field in _FIELDS)
        if (speaker.dim(), codes.dim(), mel.dim()) != (1, 1, 2):
            raise CheckpointShapeError(f"{path}: voice {name} has tensors of a wrong shape; store the voices again")
        try:
            voices[name] = Voice(name, speaker, codes.long(), mel.float())
        except ConfigError as error:
            raise CheckpointShapeError(f"{path}: {error}") from None
    return voices
