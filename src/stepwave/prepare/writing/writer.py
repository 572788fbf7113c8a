"""Who writes texts for us: the contract, and any endpoint that speaks OpenAI's chat protocol.

llama.cpp (`http://127.0.0.1:8080/v1`), Ollama (`http://127.0.0.1:11434/v1`), vLLM (`http://127.0.0.1:8000/v1`) and
hosted services do. A request goes to the address that the user gave and nowhere else: redirects are not followed,
proxies and other settings of the environment are not looked at, and of the headers only those that the protocol needs
are sent. Answers are bounded in time and size. The key stays in its environment variable and in the requests.
"""

import json
import os
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from stepwave.facts.errors import ConfigError
from stepwave.prepare.writing.guarded_client import (
    BUSY,
    DETAIL_BYTES,
    FAILED,
    REFUSED,
    TIMED_OUT,
    TOO_LARGE,
    UNREACHABLE,
    UNREADABLE,
    GuardedClient,
    WriterError,
)

__all__ = [
    "BUSY", "DETAIL_BYTES", "FAILED", "REFUSED", "TIMED_OUT", "TOO_LARGE", "UNREACHABLE", "UNREADABLE", "Endpoint",
    "OpenAIWriter", "OpensWriter", "Writer", "WriterError", "check_address", "key_of",
]  # fmt: skip


class Writer(Protocol):
    """Writes what it is told to."""

    def write(self, system: str, prompt: str, seed: int) -> str:
        """The answer to a prompt, as text. Raises WriterError."""
        ...


class OpensWriter(Protocol):
    """Settings that a writer is opened from in each process; a frozen dataclass that can be pickled."""

    @property
    def name(self) -> str:
        """What records say of who wrote them."""
        ...

    def open(self) -> Writer:
        """Make a writer ready. Raises ConfigError, MissingExtraError."""
        ...


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint and the limits it is held to."""

    url: str
    """Base of the API, which ends in `/v1` as a rule."""
    model: str
    key_env: str = ""
    """Environment variable that holds the key; empty for an endpoint that wants none."""
    timeout_seconds: float = 120.0
    """For one answer as a whole."""
    answer_bytes: int = 262_144
    """Largest answer that is read, with all that the protocol puts around the text."""
    answer_tokens: int = 2_000
    """Asked of the endpoint (`max_tokens`); 0 leaves it out, as some models want."""
    temperature: float = 0.9
    json_mode: bool = True
    """Ask for a JSON object (`response_format`); off for endpoints that do not know it."""

    def __post_init__(self) -> None:
        check_address(self.url)
        if not self.model:
            raise ConfigError(f"no model was named for {self.url}; name one that the endpoint serves")
        limits = (self.timeout_seconds, self.answer_bytes)
        if min(limits) <= 0 or self.answer_tokens < 0 or self.temperature < 0:
            raise ConfigError("a limit of the endpoint is not positive; wanted seconds and bytes above 0")

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model

    def open(self) -> "OpenAIWriter":
        """A client. Raises ConfigError for a key that is not there, MissingExtraError without `openai`."""
        return OpenAIWriter(self, key_of(self.key_env, self.url))


def check_address(url: str) -> None:
    """Raise ConfigError for what is no address of an endpoint, or one that may hold a secret."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"the endpoint {url!r} is no address; wanted one such as http://127.0.0.1:8080/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            "the endpoint's address holds more than host and path, perhaps a secret, and it is stored with the "
            "output; put the key into an environment variable and name that"
        )


def key_of(variable: str, url: str) -> str:
    """The key that an environment variable holds; empty where none is named. Raises ConfigError where it isn't set."""
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise ConfigError(f"the environment variable {variable} holds no key for {url}; set it first")
    return key


class OpenAIWriter:
    """Writes by way of the `openai` client."""

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        self._endpoint = endpoint
        self._guarded = GuardedClient(
            endpoint.url, endpoint.model, key, endpoint.timeout_seconds, endpoint.answer_bytes
        )

    def write(self, system: str, prompt: str, seed: int) -> str:
        """The answer to a prompt. Raises WriterError, or ConfigError for what would fail with every prompt alike."""
        limits: dict[str, Any] = {"max_tokens": self._endpoint.answer_tokens} if self._endpoint.answer_tokens else {}
        if self._endpoint.json_mode:
            limits["response_format"] = {"type": "json_object"}
        guarded = self._guarded
        with (
            guarded.named_problems(),
            guarded.client.chat.completions.with_streaming_response.create(
                model=self._endpoint.model,
                messages=[{"role": "system", "content": system}, {"role": "user", "content": prompt}],
                temperature=self._endpoint.temperature,
                seed=seed,
                **limits,
            ) as response,
        ):
            body = b"".join(guarded.bounded(response.iter_bytes()))
        # An endpoint that repeats what it was sent must not get the key into a record.
        return self._text(guarded.without_key(body.decode("utf-8", "replace")))

    def _text(self, body: str) -> str:
        try:
            content = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise WriterError(UNREADABLE, f"no chat completion: {body[:DETAIL_BYTES]}") from None
        if not isinstance(content, str):
            raise WriterError(UNREADABLE, "the completion holds no text")
        return content
