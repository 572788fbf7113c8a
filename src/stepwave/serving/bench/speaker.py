"""A simulated speaker: asks, listens to the answer, now and then interrupts it, and after some turns begins anew."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from stepwave.facts.errors import ConfigError, DataError
from stepwave.serving.bench.exchange import Exchange, Turn
from stepwave.serving.bench.line import Line, LineLostError, Place, RefusedError, open_line
from stepwave.serving.bench.microphone import Speech
from stepwave.serving.bench.recordings import Recording

PAUSE_SECONDS: Final = (0.8, 2.0)
"""Between hearing an answer and asking the next question; drawn evenly between these."""
LISTENING_SECONDS: Final = (0.3, 1.0)
"""An answer is listened to for so long before it is interrupted."""
RETRY_SECONDS: Final = 1.0
MOST_REFUSALS: Final = 5
"""After so many connections in a row that came to nothing a speaker leaves."""
_SETTLING_SECONDS: Final = 1.0
_MILLISECONDS: Final = 1_000


@dataclass(frozen=True)
class Habits:
    """How speakers behave. Raises ConfigError for numbers that make no sense."""

    turns: int | None = 12
    """Questions of each speaker; None for as many as the time allows."""
    seconds: float | None = None
    """After so long no new question is asked; None for no bound."""
    interrupt_every: int = 4
    """Of so many answers one is interrupted; 0 for none."""
    conversation: int = 8
    """Turns after which a speaker hangs up and calls again."""
    seed: int = 0
    """Every random choice follows from it."""

    def __post_init__(self) -> None:
        if self.turns is None and self.seconds is None:
            raise ConfigError("speakers would talk for ever; wanted a number of turns, or a time")
        for name in ("turns", "seconds", "conversation"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"speakers: {name} is {value:g}; wanted more than 0")
        if self.interrupt_every < 0:
            raise ConfigError(f"speakers: interrupt_every is {self.interrupt_every}; wanted 0 or more")


@dataclass(eq=False)
class Log:
    """What speakers came to."""

    begun: float = field(default_factory=time.monotonic)
    """When, by `time.monotonic`."""
    turns: list[Turn] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    """Error events within conversations, by code."""
    refused: Counter[str] = field(default_factory=Counter)
    """Connections that the server had no room for, by code."""
    lost: int = 0
    """Connections that ended by themselves."""
    left: int = 0
    """Speakers that left because no connection lasted."""
    most_late: float = 0.0
    """The longest, in seconds, that a microphone's message left after its time."""


class Speaker:
    """The one of that `number`, from 0; adds to `log` and calls `told` after each turn."""

    def __init__(
        self,
        number: int,
        place: Place,
        recordings: Sequence[Recording],
        habits: Habits,
        log: Log,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._number = number
        self._place = place
        self._recordings = recordings
        self._lasting = [one for one in recordings if one.lasted is not None]
        if habits.interrupt_every and not self._lasting:
            raise DataError(
                "no recording lasts long enough to interrupt an answer; give longer ones, or don't interrupt"
            )
        self._habits = habits
        self._log = log
        self._told = told
        self._random = np.random.default_rng((habits.seed, number))
        self._turns = 0
        self._in_vain = 0

    async def run(self) -> None:
        """Talk until all turns are done or the time is over. Raises ServiceError where the server lets nobody in."""
        while self._goes_on and self._in_vain < MOST_REFUSALS:
            if self._in_vain:
                await asyncio.sleep(RETRY_SECONDS)
            self._in_vain += 1
            try:
                async with open_line(self._place, self._random) as line:
                    try:
                        await self._converse(line)
                    finally:
                        self._log.most_late = max(self._log.most_late, line.microphone.most_late)
            except RefusedError as error:
                self._log.refused[error.code] += 1
            except LineLostError:
                self._log.lost += 1
        self._log.left += self._goes_on

    @property
    def _goes_on(self) -> bool:
        habits = self._habits
        enough = habits.turns is not None and self._turns >= habits.turns
        return not enough and (habits.seconds is None or time.monotonic() - self._log.begun < habits.seconds)

    async def _converse(self, line: Line) -> None:
        """One connection's turns. A turn that failed ends it: what the server is at is not known then."""
        spoken: Speech | None = None
        for _ in range(self._habits.conversation):
            if not self._goes_on:
                return
            interrupting = spoken is not None
            if spoken is None:
                await self._pause(line)
                spoken = line.microphone.say(self._choose(self._recordings))
            exchange = Exchange(spoken)
            try:
                spoken = await self._exchange(line, exchange)
            except LineLostError as error:
                exchange.fail(time.monotonic(), str(error))
                self._note(exchange, interrupting)
                raise
            self._note(exchange, interrupting)
            if exchange.failure is not None:
                return
            self._in_vain = 0

    async def _exchange(self, line: Line, exchange: Exchange) -> Speech | None:
        """Hear an answer to its end; returns the speech that interrupted it, if that is the next question."""
        listened = self._between(LISTENING_SECONDS) if self._interrupts else None
        while True:
            over, started = exchange.over_at, exchange.player.started_at
            interrupt = None
            if listened is not None and started is not None and exchange.interruption is None:
                interrupt = started + listened
            heard = await line.next(min(one for one in (over, interrupt, exchange.deadline) if one is not None))
            if heard is not None:
                await self._take(line, exchange, heard.at, heard.event)
                continue
            now = time.monotonic()
            if over is not None and now >= over:
                break
            if interrupt is not None and now >= interrupt:
                exchange.interruption = line.microphone.say(self._choose(self._lasting))
            elif now >= exchange.deadline:
                exchange.fail(now, "the server did not answer in time")
        speech = exchange.interruption
        if speech is None or exchange.failure is not None or exchange.silenced_at is not None:
            return speech
        return speech if await self._noticed(line, speech) else None

    async def _take(self, line: Line, exchange: Exchange, at: float, event: object) -> None:
        assert isinstance(event, dict)
        playing = exchange.silenced_at is None
        exchange.take(at, event)
        if playing and exchange.silenced_at is not None and exchange.item_id is not None:
            # As clients do that play what they get.
            heard = round(_MILLISECONDS * exchange.heard_seconds)
            place = {"item_id": exchange.item_id, "content_index": 0, "audio_end_ms": heard}
            await line.send({"type": "conversation.item.truncate", **place})

    async def _noticed(self, line: Line, speech: Speech) -> bool:
        """Whether speech that an answer ended under still starts a turn."""
        while (heard := await line.next(speech.end + _SETTLING_SECONDS)) is not None:
            if heard.event["type"] == "input_audio_buffer.speech_started":
                return True
        return False

    async def _pause(self, line: Line) -> None:
        until = time.monotonic() + self._between(PAUSE_SECONDS)
        while (heard := await line.next(until)) is not None:
            if heard.event["type"] == "error":
                self._log.errors[str(heard.event["error"].get("code"))] += 1

    def _note(self, exchange: Exchange, interrupting: bool) -> None:
        self._turns += 1
        self._log.errors.update(exchange.errors)
        self._log.turns.append(exchange.turn(self._number, self._turns, self._log.begun, interrupting))
        self._told()

    @property
    def _interrupts(self) -> bool:
        every = self._habits.interrupt_every
        # Speakers do so in turn; a single one does it within its first turns.
        return every > 0 and (self._turns + self._number) % every == every // 2

    def _choose(self, recordings: Sequence[Recording]) -> Recording:
        return recordings[int(self._random.integers(len(recordings)))]

    def _between(self, bounds: tuple[float, float]) -> float:
        return float(self._random.uniform(*bounds))
