"""The official `openai` client, held to one address and to bounds, and its problems by names of ours.

A request goes to the address that the user gave and nowhere else: redirects are not followed, proxies and other
settings of the environment are not looked at, and of the headers only those that the protocol needs are sent. Answers
are bounded in time and size. The key stays in the requests.
"""

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

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
_T = TypeVar("_T")


class WriterError(ServiceError):
    """An endpoint gave nothing usable this time."""

    def __init__(self, reason: str, detail: str = "", *, again: bool = True, reached: bool = True) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail
        self.again = again
        """Whether the same may be asked once more."""
        self.reached = reached
        """Whether the endpoint took the request at all."""


def persist(once: Callable[[], _T], retries: int, pause_seconds: float) -> _T:
    """What `once` gives, asked up to `retries` times again where it fails for a reason that may pass.

    The pause is twice as long before each next time. Raises the last WriterError.
    """
    for attempt in range(retries):
        try:
            return once()
        except WriterError as problem:
            # What can't be read is an answer all the same, and to ask again would be to choose among answers.
            if not problem.again or problem.reason == UNREADABLE:
                raise
        time.sleep(pause_seconds * 2**attempt)
    return once()


class GuardedClient:
    """A client for one endpoint; it tries nothing twice. May be used by several threads.

    Raises MissingExtraError without `openai`.
    """

    def __init__(self, url: str, model: str, key: str, seconds: float, most_bytes: int, extra: str = "prepare") -> None:
        """`seconds` and `most_bytes` bound a whole answer; `extra` is what to install where `openai` is missing."""
        try:
            import openai
        except ImportError:
            raise MissingExtraError(extra, "openai") from None
        self._seconds, self._most_bytes = seconds, most_bytes
        self._errors = openai
        guards = _Guards(url, model, key)
        self.without_key = guards.without_key
        """A text that may repeat what was sent, fit to be stored."""
        hooks: dict[str, list[Callable[..., Any]]] = {
            "request": [guards.only_what_is_needed],
            "response": [guards.refuse_all_but_success],
        }
        self.client: Any = openai.OpenAI(
            api_key="kept out: the request hook sets the key",
            base_url=url,
            timeout=seconds,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False, follow_redirects=False, event_hooks=hooks),
        )
        # Connections are kept between requests, and closed with the last one who could use them.
        weakref.finalize(self, self.client.close)

    def bounded(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces of an answer's body as they come. Raises WriterError where they are too much, or take too long."""
        until, size = time.monotonic() + self._seconds, 0
        for piece in pieces:
            size += len(piece)
            if size > self._most_bytes:
                raise WriterError(TOO_LARGE, f"more than {self._most_bytes} bytes")
            if time.monotonic() > until:
                raise WriterError(TIMED_OUT, f"not finished after {self._seconds:g} s", reached=False)
            yield piece

    @contextmanager
    def named_problems(self) -> Iterator[None]:
        """Give what the client raises our own names."""
        try:
            yield
        except ConfigError:
            raise
        except WriterError as problem:
            raise WriterError(
                problem.reason, self.without_key(problem.detail), again=problem.again, reached=problem.reached
            ) from None
        except self._errors.APITimeoutError:
            raise WriterError(TIMED_OUT, f"after {self._seconds:g} s", reached=False) from None
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
                raise WriterError(TIMED_OUT, f"after {self._seconds:g} s", reached=False) from None
            detail = self.without_key(f"{type(cause).__name__}: {cause}")
            raise WriterError(UNREACHABLE, detail, reached=False) from None


@dataclass(frozen=True)
class _Guards:
    """What looks at each request and each answer. It knows nothing of the client, so that this can be closed."""

    url: str
    model: str
    key: str

    def without_key(self, text: str) -> str:
        """A text that may repeat what was sent, fit to be stored."""
        return text.replace(self.key, "[key]") if self.key else text

    def only_what_is_needed(self, request: Any) -> None:
        """Before a request: no headers from the environment, none that describe this computer."""
        for name in set(request.headers):
            if name.lower() not in _HEADERS:
                del request.headers[name]
        request.headers["accept-encoding"] = "identity"
        if self.key:
            request.headers["authorization"] = f"Bearer {self.key}"

    def refuse_all_but_success(self, response: Any) -> None:
        """Before an answer's body is read: an error's body may be as long as any."""
        status = response.status_code
        if status == 200:
            return
        start = b""
        for piece in response.iter_bytes(DETAIL_BYTES):
            start = piece
            break
        response.close()
        said = self.without_key(" ".join(start.decode("utf-8", "replace").split()))
        detail = f"HTTP {status} {said}"
        if status in (401, 403, 404):
            raise ConfigError(
                f"{self.url} refuses the model {self.model!r} ({detail}); "
                "check address, model and key, then run again to go on"
            )
        if status in (429, 503):
            raise WriterError(BUSY, detail, reached=False)
        if status >= 500:
            raise WriterError(FAILED, detail, reached=False)
        raise WriterError(REFUSED, detail, again=False, reached=False)
