"""Which voice a client means: one of the model's, or one of OpenAI's, for which the model's own stands in."""

from __future__ import annotations

from typing import Final

from stepwave.dialogue.stepwave import Stepwave
from stepwave.serving.errors import ApiError

OPENAI_VOICES: Final = frozenset(
    {
        "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer",
        "verse",
    }
)  # fmt: skip
"""Clients send one of these unless told otherwise, so they must not fail."""


def voice_named(talker: Stepwave, name: str | None) -> str | None:
    """The stored voice of that name; None for the model's own. Raises ApiError for a name that nobody knows."""
    if name is None or name == "default":
        return None
    if name in talker.voices:
        return name
    if name in OPENAI_VOICES:
        return None
    known = ", ".join(talker.voices) or "none"
    raise ApiError(f"no voice '{name}'; stored voices: {known}", code="invalid_value", param="voice")
