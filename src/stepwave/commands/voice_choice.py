"""Whose voice `--voice` means: a voice stored with the model, a recording, or a voice of a library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepwave.facts.errors import ConfigError

if TYPE_CHECKING:
    from stepwave.dialogue.stepwave import Stepwave
    from stepwave.models.detokenizer import Voice

_SHOWN: Final = 6


def chosen_voice(talker: Stepwave, name: str | None) -> Voice:
    """The voice of that name, made ready: stored, else a file, else of the user's or the project's library.

    Raises ConfigError for a name that is none of them, AudioError for a recording that can't be used, and DataError or
    OutputError where a library can't be read.
    """
    if name is None or name in talker.voices or Path(name).exists():
        return talker.voice(name)
    from stepwave.tools.voices.offered import offered_voices

    libraries = offered_voices()
    try:
        clip = libraries.clip(name)
        some = [] if clip is not None else [one.name for one in libraries.listed(_SHOWN + 1)]
    finally:
        libraries.close()
    if clip is not None:
        return talker.voice(clip)
    stored = ", ".join(talker.voices) or "none"
    others = ", ".join(some[:_SHOWN]) + (" and others" if len(some) > _SHOWN else "")
    told = f"; in libraries: {others} (`stepwave voices list`)" if some else ""
    raise ConfigError(f"no voice '{name}', and no file of that name; stored voices: {stored}{told}")
