"""Who writes texts for us: the contract, and any endpoint that speaks OpenAI's chat protocol.

llama.cpp (`http://127.0.0.1:8080/v1`), Ollama (`http://127.0.0.1:11434/v1`), vLLM (`http://127.0.0.1:8000/v1`) and
hosted services do. A request goes to the address that the user gave and nowhere else: redirects are not followed,
proxies and other settings of the environment are not looked at, and of the headers only those that the protocol needs
are sent. Answers are bounded in time and size. The key stays in its environment variable and in the requests.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from stepwave.facts.errors import ConfigError, MissingExtraError, ServiceError

TIMED_OUT: Final = "the endpoint timed out"
UNREACHABLE: Final = "the endpoint could not be reached"
FAILED: Final = "the endpoint failed"
BUSY: Final = "the endpoint was busy"
REFUSED: Final = "the endpoint refused the request"
TOO_LARGE: Final = "the endpoint's answer was too large"
UNREADABLE: Final = "unreadable answer"

DETAIL_BYTES: Final = 300
"""How much of an error's body is kept for whoever looks into it."""
_HEADERS: Final = frozenset(
    {
        "host", "accept", "connection", "content-length", "content-type", "user-agent",
        "x-stainless-raw-response",  # the client looks at it once more when the answer is there
    }
)  # fmt: skip


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


class WriterError(ServiceError):
    """A writer gave nothing usable this time."""

    def __init__(self, reason: str, detail: str = "", *, again: bool = True, reached: bool = True) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail
        self.again = again
        """Whether the same may be asked once more."""
        self.reached = reached
        """Whether the writer took the request at all."""


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
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"the endpoint {self.url!r} is no address; wanted one such as http://127.0.0.1:8080/v1")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ConfigError(
                "the endpoint's address holds more than host and path, perhaps a secret, and it is stored with the "
                "output; put the key into an environment variable and name that"
            )
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
        key = os.environ.get(self.key_env, "") if self.key_env else ""
        if self.key_env and not key:
            raise ConfigError(f"the environment variable {self.key_env} holds no key for {self.url}; set it first")
        return OpenAIWriter(self, key)


class OpenAIWriter:
    """Writes by way of the `openai` client."""

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        try:
            import openai
        except ImportError:
            raise MissingExtraError("prepare", "openai") from None
        self._endpoint, self._key = endpoint, key
        self._errors = openai
        hooks: dict[str, list[Callable[..., Any]]] = {
            "request": [self._only_what_is_needed],
            "response": [self._refuse_all_but_success],
        }
        self._client = openai.OpenAI(
            api_key="kept out: the request hook sets the key",
            base_url=endpoint.url,
            timeout=endpoint.timeout_seconds,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False, follow_redirects=False, event_hooks=hooks),
        )

    def write(self, system: str, prompt: str, seed: int) -> str:
        """The answer to a prompt. Raises WriterError, or ConfigError for what would fail with every prompt alike."""
        limits: dict[str, Any] = {"max_tokens": self._endpoint.answer_tokens} if self._endpoint.answer_tokens else {}
        if self._endpoint.json_mode:
            limits["response_format"] = {"type": "json_object"}
        with self._named_problems():
            until = time.monotonic() + self._endpoint.timeout_seconds
            with self._client.chat.completions.with_streaming_response.create(
                model=self._endpoint.model,
                messages=[{"role": "system", "content": system}, {"role": "user", "content": prompt}],
                temperature=self._endpoint.temperature,
                seed=seed,
                **limits,
            ) as response:
                body = self._bounded(response.iter_bytes(), until)
        # An endpoint that repeats what it was sent must not get the key into a record.
        return self._text(self._without_key(body.decode("utf-8", "replace")))

    def _only_what_is_needed(self, request: Any) -> None:
        """Before a request: no headers from the environment, none that describe this computer."""
        for name in set(request.headers):
            if name.lower() not in _HEADERS:
                del request.headers[name]
        request.headers["accept-encoding"] = "identity"
        if self._key:
            request.headers["authorization"] = f"Bearer {self._key}"

    def _refuse_all_but_success(self, response: Any) -> None:
        """Before an answer's body is read: an error's body may be as long as any."""
        status = response.status_code
        if status == 200:
            return
        start = b""
        for piece in response.iter_bytes(DETAIL_BYTES):
            start = piece
            break
        response.close()
        said = self._without_key(" ".join(start.decode("utf-8", "replace").split()))
        detail = f"HTTP {status} {said}"
        if status in (401, 403, 404):
            raise ConfigError(
                f"{self._endpoint.url} refuses the model {self._endpoint.model!r} ({detail}); "
                "check address, model and key, then run again to go on"
            )
        if status in (429, 503):
            raise WriterError(BUSY, detail, reached=False)
        if status >= 500:
            raise WriterError(FAILED, detail, reached=False)
        raise WriterError(REFUSED, detail, again=False, reached=False)

    def _bounded(self, pieces: Iterator[bytes], until: float) -> bytes:
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > self._endpoint.answer_bytes:
                raise WriterError(TOO_LARGE, f"more than {self._endpoint.answer_bytes} bytes")
            if time.monotonic() > until:
                raise WriterError(TIMED_OUT, f"not finished after {self._endpoint.timeout_seconds:g} s", reached=False)
        return bytes(body)

    @contextmanager
    def _named_problems(self) -> Iterator[None]:
        """Give what the client raises our own names."""
        try:
            yield
        except (WriterError, ConfigError):
            raise
        except self._errors.APITimeoutError:
            raise WriterError(TIMED_OUT, f"after {self._endpoint.timeout_seconds:g} s", reached=False) from None
        except Exception as problem:
            if isinstance(problem.__cause__, WriterError | ConfigError):
                # Earlier versions of the client wrap what a hook raises.
                raise problem.__cause__ from None
            # While a body is read the client passes on what its transport raises.
            foreign = type(problem).__module__.startswith(("httpx", "httpcore"))
            if not foreign and not isinstance(problem, self._errors.OpenAIError):
                raise
            cause = problem.__cause__ or problem
            if "Timeout" in type(cause).__name__:
                raise WriterError(TIMED_OUT, f"after {self._endpoint.timeout_seconds:g} s", reached=False) from None
            detail = self._without_key(f"{type(cause).__name__}: {cause}")
            raise WriterError(UNREACHABLE, detail, reached=False) from None

    def _text(self, body: str) -> str:
        try:
            content = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise WriterError(UNREADABLE, f"no chat completion: {body[:DETAIL_BYTES]}") from None
        if not isinstance(content, str):
            raise WriterError(UNREADABLE, "the completion holds no text")
        return content

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text
