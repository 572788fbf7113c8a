"""Voices of any endpoint that speaks OpenAI's speech protocol (`POST /audio/speech`), by the official client.

Requests go to the address the user gave and nowhere else; the key is read from an environment variable and stored
nowhere. Time, tries and size of an answer are bounded.
"""

import importlib
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from stepwave.facts.errors import MissingExtraError, ServiceError, StepwaveError
from stepwave.prepare.engines.contract import SYNTHESIS_RATE, Samples, trim
from stepwave.signal.files import read_audio

LONGEST_ANSWER_BYTES: Final = 16 * 1024**2
"""Several minutes of 24 kHz wav: more than any sentence."""


@dataclass(frozen=True)
class EndpointSettings:
    """Which endpoint, and how patiently it is asked."""

    url: str
    """Base address, such as `http://localhost:8880/v1`."""
    model: str
    """Name of the model there."""
    key_variable: str = ""
    """Environment variable with the key; empty where none is wanted."""
    seconds: float = 60.0
    """Longest wait for one answer."""
    tries: int = 2
    """How often the client tries again after a failure that may pass."""


class EndpointVoice:
    """One voice of an endpoint."""

    def __init__(self, settings: EndpointSettings, name: str) -> None:
        self.settings, self.name = settings, name

    @cached_property
    def client(self) -> Any:
        """The official client. Raises MissingExtraError."""
        try:
            openai = importlib.import_module("openai")
        except ModuleNotFoundError:
            raise MissingExtraError("prepare", "openai") from None
        key = os.environ.get(self.settings.key_variable, "") if self.settings.key_variable else ""
        return openai.OpenAI(
            base_url=self.settings.url, api_key=key or "none", timeout=self.settings.seconds,
            max_retries=self.settings.tries,
        )  # fmt: skip

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice.speak`. Raises ServiceError where the endpoint fails, is late, or sends no usable sound."""
        try:
            with self.client.audio.speech.with_streaming_response.create(
                model=self.settings.model, voice=self.name, input=text, speed=speed, response_format="wav"
            ) as answer:
                data = bytearray()
                for block in answer.iter_bytes(2**16):
                    data += block
                    if len(data) > LONGEST_ANSWER_BYTES:
                        raise ServiceError(f"the endpoint sent over {LONGEST_ANSWER_BYTES:,} bytes for {text[:40]!r}")
            return trim(read_audio(bytes(data), sample_rate=SYNTHESIS_RATE).samples)
        except StepwaveError as problem:
            raise ServiceError(f"the endpoint's sound for {text[:40]!r} is unusable: {problem}") from None
        except Exception as problem:  # the client's own errors; its package may not be installed to name them
            raise ServiceError(f"the endpoint failed: {type(problem).__name__}") from None
