"""Which voices clients may choose: the model's, OpenAI's, for which the model's own stands in, and those of libraries.

Libraries are files that others may be writing to, so they are asked in a thread beside the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, TypeAlias

from stepwave.facts.errors import StepwaveError
from stepwave.serving.errors import ApiError
from stepwave.serving.service import Service
from stepwave.signal.files import Audio

SpokenVoice: TypeAlias = str | Audio | None
"""A stored voice's name, a library's recording (which is made into a voice in the model's thread), None for the
model's own."""

OPENAI_VOICES: Final = frozenset(
    {
        "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
        "verse",
    }
)  # fmt: skip
"""Clients send one of these unless told otherwise, so they must not fail."""
OWN: Final = "default"
MOST_LISTED: Final = 500
MOST_FOUND: Final = 20
_LONGEST_QUOTED: Final = 100

_LOG = logging.getLogger(__name__)


async def voice_named(service: Service, name: str | None) -> SpokenVoice:
    """The voice of that name: stored, or else of a library; None for the model's own.

    Raises ApiError for a name that nobody knows, and where the libraries or the voice's recording cannot be read.
    """
    if name is None or name == OWN:
        return None
    if name in service.talker.voices:
        return name
    if name in OPENAI_VOICES:
        return None
    return await asyncio.to_thread(_of_library, service, name)


async def list_voices(service: Service, query: str | None = None) -> dict[str, Any]:
    """The voices that can be named, stored ones first; with `query` those that fit its words best."""
    return await asyncio.to_thread(_listed, service, query)


def _of_library(service: Service, name: str) -> Audio:
    try:
        clip = service.libraries.clip(name)
        others = clip is None and bool(service.libraries.listed(1))
    except StepwaveError:  # its message tells of this machine's folders
        _LOG.exception("the voice %r could not be read from the voice libraries", name[:_LONGEST_QUOTED])
        told = f"the voice '{name[:_LONGEST_QUOTED]}' could not be read; the server's log tells why, choose another"
        raise ApiError(told, 500, "server_error", "voice", "server_error") from None
    if clip is not None:
        return clip
    known = ", ".join(service.talker.voices) or "none"
    more = "; /v1/stepwave/voices lists those of libraries, too" if others else ""
    message = f"no voice '{name[:_LONGEST_QUOTED]}'; stored voices: {known}{more}"
    raise ApiError(message, code="invalid_value", param="voice")


def _listed(service: Service, query: str | None) -> dict[str, Any]:
    stored, own = service.talker.voices, service.talker.engine.voices.default
    words = [] if query is None else query.casefold().split()
    names = [name for name in stored if all(word in name.casefold() for word in words)]
    names.sort(key=lambda name: (name != own, name))
    listed: list[dict[str, Any]] = [{"name": name, "default": name == own, "library": False} for name in names]
    taken = {*stored, OWN, *OPENAI_VOICES}
    most = MOST_LISTED if query is None else MOST_FOUND
    libraries = service.libraries
    try:
        found = libraries.listed(most + 1, taken) if query is None else libraries.find(query, most + 1, taken)
    except StepwaveError:
        _LOG.exception("the voice libraries could not be read; only stored voices are listed")
        found = []
    for one in found[:most]:
        listed.append({"name": one.name, "description": one.description, "default": False, "library": True})
    return {"voices": listed, "more": len(found) > most}
