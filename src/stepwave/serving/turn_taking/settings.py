"""How turns are found, in seconds, and the `turn_detection` object by which OpenAI's clients ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from stepwave.facts.errors import ConfigError
from stepwave.serving.errors import ApiError

Eagerness = Literal["low", "medium", "high", "auto"]

SILENCE_BY_EAGERNESS: Final[dict[Eagerness, float]] = {"low": 1.2, "medium": 0.6, "high": 0.3, "auto": 0.6}
"""Seconds of silence that end a turn under `semantic_vad`: here, too, by silence alone, not by what was said."""
_LONGEST_SECONDS: Final = 10.0
_LONGEST_IDLE_SECONDS: Final = 30.0
_SEMANTIC: Final = ("eagerness", "create_response", "interrupt_response")
_SERVER: Final = (
    "threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "create_response", "interrupt_response",
)  # fmt: skip


@dataclass(frozen=True)
class TurnSettings:
    """What counts as a turn, and what the server does about it."""

    eagerness: Eagerness | None = None
    """Set where the client asked for `semantic_vad`: `silence_seconds` then follows from it."""
    threshold: float = 0.5
    """Probability of speech from which a frame is speech."""
    prefix_seconds: float = 0.3
    """What a turn includes of the sound before its speech."""
    silence_seconds: float = 0.5
    """Silence that ends a turn."""
    create_response: bool = True
    """Whether the end of a turn asks for an answer."""
    interrupt_response: bool = True
    """Whether the start of a turn stops the answer under way."""
    idle_seconds: float | None = None
    """After so long without a turn the server speaks by itself; None for never."""
    expecting_seconds: float = 0.05
    """Silence within a turn after which its end is expected, so that an answer may be begun in advance."""
    starting_seconds: float = 0.1
    """Speech that starts a turn while nobody answers: shorter ones are clicks."""
    lasting_seconds: float = 0.75
    """Speech that starts a turn while the assistant speaks: what is shorter is "mm-hm", a cough or a laugh."""
    pause_seconds: float = 0.3
    """A pause so long within speech makes `lasting_seconds` count anew, so that two "mm-hm" are not one long one."""
    echo_db: float = 15.0
    """So far below the person's usual level, speech heard while the assistant speaks is taken for its echo."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ConfigError(f"turns: threshold is {self.threshold:g}; wanted more than 0 and less than 1")
        for name in (
            "prefix_seconds", "silence_seconds", "expecting_seconds", "starting_seconds", "lasting_seconds",
            "pause_seconds",
        ):  # fmt: skip
            if not 0 <= getattr(self, name) <= _LONGEST_SECONDS:
                raise ConfigError(f"turns: {name} is {getattr(self, name):g}; wanted 0 to {_LONGEST_SECONDS:g}")
        if self.starting_seconds > self.lasting_seconds:
            raise ConfigError(
                f"turns: starting_seconds is {self.starting_seconds:g} and lasting_seconds {self.lasting_seconds:g}; "
                "wanted starting_seconds <= lasting_seconds"
            )
        if self.idle_seconds is not None and not 0 < self.idle_seconds <= _LONGEST_IDLE_SECONDS:
            raise ConfigError(
                f"turns: idle_seconds is {self.idle_seconds:g}; wanted more than 0, at most {_LONGEST_IDLE_SECONDS:g}"
            )
        for name in ("pause_seconds", "echo_db"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"turns: {name} is {getattr(self, name):g}; wanted more than 0")

    @classmethod
    def from_protocol(cls, value: object, path: str = "session.audio.input.turn_detection") -> TurnSettings | None:
        """Read a `turn_detection` object; None, turns that the client marks itself, stays None.

        Args:
            value: what stood in the message, decoded from JSON.
            path: where it stood, for the error's `param`.

        Raises:
            ApiError: a field is unknown, of the wrong type or out of bounds; its `param` names the field. Fields that
                belong to the other type of detection are refused too, rather than left out in silence.
        """
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise ApiError(f"{path} is {_shown(value)}; wanted an object or null", code="invalid_type", param=path)
        given = _Given(value, path)
        kind = value.get("type")
        if kind == "semantic_vad":
            given.allow(_SEMANTIC)
            eagerness = given.eagerness()
            return cls(
                eagerness=eagerness,
                silence_seconds=SILENCE_BY_EAGERNESS[eagerness],
                create_response=given.flag("create_response"),
                interrupt_response=given.flag("interrupt_response"),
            )
        if kind != "server_vad":
            raise given.refusal("type", "'server_vad' or 'semantic_vad'")
        given.allow(_SERVER)
        return cls(
            threshold=given.number("threshold", 0.5, 0.01, 0.99),
            prefix_seconds=given.number("prefix_padding_ms", 300, 0, 1000 * _LONGEST_SECONDS) / 1000,
            silence_seconds=given.number("silence_duration_ms", 500, 0, 1000 * _LONGEST_SECONDS) / 1000,
            idle_seconds=given.idle_seconds(),
            create_response=given.flag("create_response"),
            interrupt_response=given.flag("interrupt_response"),
        )

    def to_protocol(self) -> dict[str, Any]:
        """The `turn_detection` object that says the same, as the server reports it back."""
        shared = {"create_response": self.create_response, "interrupt_response": self.interrupt_response}
        if self.eagerness is not None:
            return {"type": "semantic_vad", "eagerness": self.eagerness, **shared}
        return {
            "type": "server_vad",
            "threshold": self.threshold,
            "prefix_padding_ms": round(1000 * self.prefix_seconds),
            "silence_duration_ms": round(1000 * self.silence_seconds),
            "idle_timeout_ms": None if self.idle_seconds is None else round(1000 * self.idle_seconds),
            **shared,
        }


class _Given:
    """The fields of one object; one that is null counts as left out."""

    def __init__(self, fields: Mapping[str, object], path: str) -> None:
        self._fields = fields
        self._path = path

    def allow(self, names: tuple[str, ...]) -> None:
        for name in self._fields:
            if name not in ("type", *names):
                place = f"{self._path}.{name[:40]}"
                raise ApiError(
                    f"{place} is unknown to {self._fields['type']}; wanted one of {', '.join(names)}: leave it out",
                    code="unknown_parameter",
                    param=place,
                )

    def number(self, name: str, usual: float, least: float, most: float) -> float:
        value = self._fields.get(name)
        if value is None:
            return usual
        # JSON's true is Python's 1, but nobody's threshold.
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.refusal(name, f"a number from {least:g} to {most:g}")
        return value

    def flag(self, name: str) -> bool:
        value = self._fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.refusal(name, "true or false")
        return value is not False

    def eagerness(self) -> Eagerness:
        value = self._fields.get("eagerness")
        if value is None:
            return "auto"
        if value not in get_args(Eagerness):
            raise self.refusal("eagerness", "'low', 'medium', 'high' or 'auto'")
        return cast(Eagerness, value)

    def idle_seconds(self) -> float | None:
        if self._fields.get("idle_timeout_ms") is None:
            return None
        return self.number("idle_timeout_ms", 0, 5000, 1000 * _LONGEST_IDLE_SECONDS) / 1000

    def refusal(self, name: str, wanted: str) -> ApiError:
        place = f"{self._path}.{name}"
        came = f"is {_shown(self._fields[name])}" if name in self._fields else "is missing"
        return ApiError(f"{place} {came}; wanted {wanted}", code="invalid_value", param=place)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
