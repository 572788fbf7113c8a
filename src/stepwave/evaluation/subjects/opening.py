"""From what a user calls a model to a subject: `KIND:TARGET`, or a model of this project by itself.

A kind is a module of this room with a function `open_subject(target, options)`, and a line in `KINDS`. Modules are
imported when one of their kind is asked for.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast

from stepwave.evaluation.subject import Subject
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.facts.errors import ConfigError


@dataclass(frozen=True)
class SubjectKind:
    """A kind of thing that can be asked."""

    target: str
    """What stands behind the colon, for help."""
    summary: str
    module: str
    """Of this room; it has `open_subject`."""


OWN: Final = SubjectKind("", "a model of this project: nano, a folder, or a hub id", "own")
KINDS: Final[Mapping[str, SubjectKind]] = MappingProxyType(
    {
        "answers": SubjectKind("FOLDER", "answers that are there already (docs/evaluation.md)", "ready_answers"),
        "openai": SubjectKind("URL#MODEL", "a model behind OpenAI's HTTP interface", "openai_endpoint"),
        "realtime": SubjectKind("URL#MODEL", "a model behind OpenAI's Realtime interface (WebSocket)", "realtime"),
        "hf": SubjectKind(
            "ID|FOLDER", "a speech recogniser of Hugging Face's transformers: transcripts", "hugging_face"
        ),
        "whisper": SubjectKind("FOLDER", "Whisper in CTranslate2's format, by faster-whisper: transcripts", "whisper"),
    }
)
"""By what stands before the colon."""


def open_subject(model: str, options: SubjectOptions | None = None) -> Subject:
    """The subject that `model` names.

    Raises ConfigError for an unknown kind or an empty target, and what opening it raises.
    """
    kind, colon, target = model.partition(":")
    if kind in KINDS and colon:
        if not target:
            raise ConfigError(f"'{model}' names nothing to ask; wanted {kind}:{KINDS[kind].target}")
        return _opened(KINDS[kind], target, options)
    if colon and not Path(model).exists():
        known = ", ".join(f"{name}:{each.target}" for name, each in KINDS.items())
        raise ConfigError(f"there is no kind of model called '{kind}'; wanted nano, a folder, a hub id, {known}")
    return _opened(OWN, model, options)


def _opened(kind: SubjectKind, target: str, options: SubjectOptions | None) -> Subject:
    module = importlib.import_module(f"{__package__}.{kind.module}")
    return cast(Subject, module.open_subject(target, options or SubjectOptions()))
