"""What a client may send to `/v1/audio/speech`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from stepwave.serving.http.fields import Ignored, Strict, VoiceName, only

LONGEST_INPUT: Final = 4096


class SpeechRequest(Strict):
    """A text that is to be read aloud."""

    model: str
    input: Annotated[str, Field(max_length=LONGEST_INPUT)]
    voice: VoiceName | None = None
    """A stored voice, one of a voice library, or "default"."""
    response_format: str = "mp3"
    """mp3, opus, flac, wav or pcm (16 bits, little-endian, 24 kHz, mono)."""
    speed: Annotated[float | None, only(1)] = None
    stream_format: Literal["audio", "sse"] | None = None
    instructions: Ignored = None
