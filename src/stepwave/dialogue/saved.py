"""Conversations kept in a file: what was said as ids, with its sound, to be taken up again by any engine of the model.

One safetensors file: ids, pieces of sound and a switched voice as tensors, all else as JSON in its header. Keys and
values are not kept; they are computed anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from stepwave.dialogue.language import Engine
from stepwave.dialogue.session import Session
from stepwave.dialogue.state import Exchange, Mark, Piece
from stepwave.facts.conversation import AudioPart, Message, Part, TextPart, TokensPart
from stepwave.facts.errors import ConfigError, StepwaveError
from stepwave.facts.rates import INPUT_SAMPLE_RATE, PIECE_SECONDS
from stepwave.models.detokenizer import Voice
from stepwave.signal.atomic import replace_file
from stepwave.signal.resample import Samples
from stepwave.text.schemas import ToolSchema

_KEY: Final = "stepwave.conversation"
_VERSION: Final = 1
_MOST_BYTES: Final = 1 << 30
_LONGEST_WAITING_SECONDS: Final = 3_600.0
_VOICE: Final = ("speaker", "prompt_codes", "prompt_mel")


def save_session(session: Session, path: Path) -> None:
    """Keep a conversation in a file, which replaces one that was there; it holds what was said, sound included.

    Raises ConfigError while answering, OutputError where the file can't be written.
    """
    if session.answering:
        raise ConfigError("the session is still answering; keep it when the answer is over")
    mark = session.mark()
    sounds = _Sounds()
    told = {
        "version": _VERSION,
        "tokens": session.engine.tokenizer.digest,
        "seed": session.seed,
        "waiting": [_message_told(message, sounds) for message in mark.waiting],
        "question": [sounds.number(piece.samples) for piece in mark.question],
        "answer_start": mark.answer_start,
        "head": mark.head,
        "exchanges": [[one.start, [sounds.number(piece.samples) for piece in one.pieces]] for one in mark.exchanges],
        "turns": mark.turns,
        "system": mark.system,
        "tools": [tool.entry() for tool in mark.tools],
        "voice": None if mark.voice is None else mark.voice.name,
    }
    tensors = {"ids": torch.tensor(session.ids, dtype=torch.int64), **sounds.tensors}
    if mark.voice is not None:
        tensors |= {f"voice.{name}": getattr(mark.voice, name).detach().cpu().contiguous() for name in _VOICE}
    replace_file(path, save(tensors, {_KEY: json.dumps(told, ensure_ascii=False)}))


def load_session(engine: Engine, path: Path, seed: int | None = None) -> Session:
    """Take up a conversation that `save_session` kept; `seed` replaces that of the file.

    Raises ConfigError where the file is missing, damaged, or of a model with other tokens, and where the conversation
    does not fit this model.
    """
    tensors, told = _read(path)
    try:
        if told["version"] != _VERSION:
            raise ConfigError(f"it has version {told['version']}, and this program reads {_VERSION}")
        if told["tokens"] != engine.tokenizer.digest:
            raise ConfigError("its model has other tokens than this one; open it with the model it was held with")
        ids = _ids(tensors["ids"], engine)
        mark = _mark(told, tensors, len(ids), engine)
        kept = told["seed"]
        session = Session(engine, seed=seed if seed is not None else None if kept is None else int(kept))
        session.take_up(ids, mark)
    except StepwaveError as error:
        raise ConfigError(f"the conversation in {path} can't be taken up: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"{path} holds no whole conversation ({type(error).__name__}: {error}); save it again"
        ) from error
    return session


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise ConfigError(f"{path} has {size} bytes; a conversation has at most {_MOST_BYTES}")
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except FileNotFoundError:
        raise ConfigError(f"there is no conversation {path}; check the name") from None
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no saved conversation ({type(error).__name__}: {error})") from error
    if not isinstance(told, dict):
        raise ConfigError(f"{path} is no saved conversation; wanted a JSON object under {_KEY}")
    return tensors, told


def _ids(tensor: Tensor, engine: Engine) -> list[int]:
    if tensor.dtype != torch.int64 or tensor.dim() != 1:
        raise ConfigError(f"its ids have type {tensor.dtype} and shape {list(tensor.shape)}; wanted int64 [n]")
    ids: list[int] = tensor.tolist()
    if ids and not 0 <= min(ids) <= max(ids) < engine.tokenizer.vocab_size:
        raise ConfigError(f"its ids go from {min(ids)} to {max(ids)}; the model has {engine.tokenizer.vocab_size}")
    return ids


def _mark(told: Mapping[str, Any], tensors: Mapping[str, Tensor], length: int, engine: Engine) -> Mark:
    pieces: dict[int, Piece] = {}

    def piece(number: int) -> Piece:
        if number not in pieces:
            samples = _samples(tensors, number, PIECE_SECONDS)
            pieces[number] = Piece(samples, engine.encode([samples])[0])
        return pieces[number]

    start = told["answer_start"]
    return Mark(
        length=length,
        waiting=tuple(
            _message(one, lambda number: _samples(tensors, number, _LONGEST_WAITING_SECONDS)) for one in told["waiting"]
        ),
        question=tuple(map(piece, told["question"])),
        answer_start=None if start is None else int(start),
        head=int(told["head"]),
        exchanges=tuple(Exchange(int(start), tuple(map(piece, numbers))) for start, numbers in told["exchanges"]),
        turns=int(told["turns"]),
        system=None if told["system"] is None else str(told["system"]),
        tools=tuple(ToolSchema(**entry["function"]) for entry in told["tools"]),
        voice=None if told["voice"] is None else _voice(str(told["voice"]), tensors),
    )


def _voice(name: str, tensors: Mapping[str, Tensor]) -> Voice:
    speaker, codes, mel = (tensors[f"voice.{field}"] for field in _VOICE)
    if (speaker.dim(), codes.dim(), mel.dim()) != (1, 1, 2):
        raise ConfigError("its voice has tensors of a wrong shape")
    return Voice(name, speaker.float(), codes.long(), mel.float())


def _samples(tensors: Mapping[str, Tensor], number: int, longest: float) -> Samples:
    tensor = tensors[f"sound.{number}"]
    if tensor.dtype != torch.float32 or tensor.dim() != 1 or not 0 < len(tensor) <= longest * INPUT_SAMPLE_RATE:
        raise ConfigError(
            f"its sound {number} has type {tensor.dtype} and shape {list(tensor.shape)}; "
            f"wanted float32 [n] of at most {longest:g} s"
        )
    samples: Samples = tensor.numpy()
    if not np.isfinite(samples).all():
        raise ConfigError(f"its sound {number} holds values that are no numbers")
    return samples


class _Sounds:
    """Numbers sounds as they come; one that comes again keeps its number."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._numbers: dict[int, int] = {}

    def number(self, samples: Samples) -> int:
        number = self._numbers.setdefault(id(samples), len(self._numbers))
        # A copy: pieces of one recording share their memory, and a file must not.
        self.tensors.setdefault(f"sound.{number}", torch.from_numpy(np.array(samples, np.float32)))
        return number


def _message_told(message: Message, sounds: _Sounds) -> list[Any]:
    content = message.content
    return [message.role, content if isinstance(content, str) else [_part_told(part, sounds) for part in content or ()]]


def _part_told(part: Part, sounds: _Sounds) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": part.text}
    if isinstance(part, TokensPart):
        return {"tokens": list(part.ids)}
    return {"sound": sounds.number(part.samples)}


def _message(told: Any, sound: Callable[[int], Samples]) -> Message:
    role, content = told
    if isinstance(content, str):
        return Message(role, content)
    return Message(role, tuple(_part(part, sound) for part in content))


def _part(told: Mapping[str, Any], sound: Callable[[int], Samples]) -> Part:
    if "text" in told:
        return TextPart(str(told["text"]))
    if "tokens" in told:
        return TokensPart(tuple(map(int, told["tokens"])))
    return AudioPart(sound(told["sound"]))
