"""One question and its answer as a client hears it: fed with timed events, it tells what somebody waited for."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from stepwave.serving.bench.microphone import Speech
from stepwave.serving.bench.player import Player
from stepwave.serving.realtime.audio_formats import PCM_RATE

ANSWER_PATIENCE: Final = 60.0
"""Seconds without anything of the answer after which a turn has failed."""
HEARING_PATIENCE: Final = 10.0
"""Seconds after a question's end within which the server must have noticed it."""
NOTICE_SECONDS: Final = 0.5
"""An interruption that had lasted only this long when the answer ended anyway came too late to be noticed."""

HowStopped: TypeAlias = Literal["cancelled", "already_made", "too_late", "ignored"]
"""The server broke the answer off; it had made all of it, and the client fell silent; the answer was over before; or
speech that lasted did not stop it."""
HOW_STOPPED: Final[tuple[HowStopped, ...]] = get_args(HowStopped)


@dataclass(frozen=True)
class BargeIn:
    """Somebody spoke into an answer. Seconds, to `response.done` for `cancelled`, to `speech_started` for
    `already_made`; None for the others."""

    how: HowStopped
    from_onset: float | None = None
    """From the onset of the interrupting speech."""
    from_lasting: float | None = None
    """From when it had lasted `TurnSettings.lasting_seconds`."""


@dataclass(frozen=True)
class Turn:
    """What became of one question. Times are in seconds."""

    speaker: int
    number: int
    """Of the speaker's turns, from 1."""
    recording: str
    at: float
    """When the question ended, since the measurement began."""
    interrupting: bool
    """Whether the question was spoken into the answer before."""
    speech_stopped: float | None = None
    """From the question's end to the event that tells of it."""
    first_audio: float | None = None
    """From the question's end to the first sound received."""
    first_audio_from_stopped: float | None = None
    """From the event to the first sound received."""
    sound_seconds: float = 0.0
    """Sound received."""
    real_time_factor: float | None = None
    """Time from the first to the last sound received, by the seconds of sound; None for less than a whole answer."""
    underruns: tuple[float, ...] = ()
    """Gaps that the player had within the answer."""
    status: str | None = None
    """How the server says that it ended."""
    failure: str | None = None
    """Why there was no answer; None where there was."""
    barge_in: BargeIn | None = None
    """What interrupting the answer came to; None where nobody did."""


@dataclass(eq=False)
class Exchange:
    """From a question that is being said to the end of its answer's sound. Times are those of `time.monotonic`."""

    speech: Speech
    player: Player = field(default_factory=Player)
    errors: Counter[str] = field(default_factory=Counter)
    """Error events by their code."""
    interruption: Speech | None = None
    """What is spoken into the answer; set when it begins."""
    item_id: str | None = None
    """The answer's message."""
    silenced_at: float | None = None
    """When the interruption made the client fall silent."""
    heard_seconds: float = 0.0
    """So much of the answer had been played then."""
    failure: str | None = None
    _stopped_at: float | None = None
    _response: str | None = None
    _first_audio: float | None = None
    _last_audio: float | None = None
    _sound: float = 0.0
    _last_event: float = 0.0
    _status: str | None = None
    _done_at: float | None = None

    @property
    def over_at(self) -> float | None:
        """When it is over if nothing more comes; None while something must come."""
        if self.failure is not None:
            return self._last_event
        if self._done_at is None:
            return None
        return self._done_at if self.silenced_at is not None else self.player.ends_at

    @property
    def deadline(self) -> float:
        """When what must come has not come for too long."""
        if self._stopped_at is None:
            return self.speech.end + HEARING_PATIENCE
        return max(self._stopped_at, self._last_audio or 0.0) + ANSWER_PATIENCE

    def take(self, at: float, event: Mapping[str, Any]) -> None:
        """An event arrived."""
        self._last_event = at
        kind = event["type"]
        if kind == "error":
            self.errors[str(event["error"].get("code"))] += 1
        elif kind == "input_audio_buffer.speech_started":
            self._speech_started(at)
        elif kind == "input_audio_buffer.speech_stopped":
            self._speech_stopped(at)
        elif kind == "response.created" and self._response is None:
            self._response = event["response"]["id"]
        elif kind == "response.output_item.added" and event["response_id"] == self._response:
            self.item_id = event["item"]["id"]
        elif kind == "response.output_audio.delta" and event["response_id"] == self._response:
            self._audio(at, len(base64.b64decode(event["delta"])) / 2 / PCM_RATE)
        elif kind == "response.done" and event["response"]["id"] == self._response:
            self._done(at, event["response"])

    def fail(self, at: float, why: str) -> None:
        """There will be no answer. What failed first is told."""
        self._last_event = at
        self.failure = self.failure or why

    def barge_in(self) -> BargeIn | None:
        """What the interruption came to, when the exchange is over."""
        speech = self.interruption
        if speech is None or self.failure is not None:
            return None
        if self.silenced_at is None or speech.lasted is None:
            ended = self.player.ends_at
            late = ended is None or speech.lasted is None or speech.lasted + NOTICE_SECONDS > ended
            return BargeIn("too_late" if late else "ignored")
        cancelled = self._status == "cancelled" and self._done_at is not None
        stopped = self._done_at if cancelled and self._done_at is not None else self.silenced_at
        how: HowStopped = "cancelled" if cancelled else "already_made"
        return BargeIn(how, stopped - speech.onset, stopped - speech.lasted)

    def turn(self, speaker: int, number: int, begun: float, interrupting: bool) -> Turn:
        """The record of it, when it is over; `begun` is when the measurement began."""
        end, first, stopped = self.speech.end, self._first_audio, self._stopped_at
        factor = None
        whole = self._status in ("completed", "incomplete")
        if whole and first is not None and self._last_audio is not None and self._last_audio > first:
            factor = (self._last_audio - first) / self._sound
        return Turn(
            speaker,
            number,
            self.speech.recording.name,
            end - begun,
            interrupting,
            None if stopped is None else stopped - end,
            None if first is None else first - end,
            None if first is None or stopped is None else first - stopped,
            self._sound,
            factor,
            tuple(self.player.underruns),
            self._status,
            self.failure,
            self.barge_in(),
        )

    def _speech_started(self, at: float) -> None:
        if self._first_audio is None or self.silenced_at is not None:
            return
        if self.interruption is None:
            self.fail(at, "the server heard speech where there was none")
            return
        self.silenced_at = at
        self.heard_seconds = self.player.stop(at)

    def _speech_stopped(self, at: float) -> None:
        if self._stopped_at is not None:
            return
        if at < self.speech.end:
            self.fail(at, "the server took a pause for the question's end")
        self._stopped_at = at

    def _audio(self, at: float, seconds: float) -> None:
        if self._first_audio is None:
            self._first_audio = at
        self._last_audio = at
        self._sound += seconds
        if self.silenced_at is None:
            self.player.push(at, seconds)

    def _done(self, at: float, response: Mapping[str, Any]) -> None:
        self._status, self._done_at = response["status"], at
        if self.silenced_at is not None:
            return
        if self._status not in ("completed", "incomplete"):
            details = response.get("status_details") or {}
            why = (details.get("error") or {}).get("message") or details.get("reason")
            self.fail(at, f"the answer ended as {self._status}: {why}")
        elif self._first_audio is None:
            self.fail(at, "the answer had no sound")
        else:
            self.player.end(at)
