"""A person's turns in a stream of sound: where speech starts one, and where silence ends it.

Speech is what Silero takes for speech. While the assistant is silent, a tenth of a second of it starts a turn. While
the assistant speaks, only speech that lasts does (`TurnSettings.lasting_seconds`), and only speech that is not much
quieter than the person was before: the rest is "mm-hm", a cough, or the assistant's own voice out of a loudspeaker.
What was said is not understood here: a single "Stop!" is as short as an "Okay", and passes for one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from stepwave.facts.errors import AudioValueError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.serving.turn_taking.silero import SileroStream
from stepwave.signal.resample import Samples
from stepwave.signal.silero import FRAME

_HYSTERESIS: Final = 0.15
"""Speech ends this far under the threshold at which it begins: Silero's own choice."""
_LEAST_RELEASE: Final = 0.01
_LOUD_FRAMES: Final = 8
"""Frames, a quarter of a second, of which the loudest tells the level: within a word it falls by far more than echo is
softer."""
_LEVEL_FRAMES: Final = 94
"""Frames, three seconds of speech, over which the person's level is averaged."""
_LEAST_POWER: Final = 1e-10


@dataclass(frozen=True)
class SpeechStarted:
    """A person's turn has started. Places are samples at 16 kHz since the start of the stream."""

    start: int
    """Where the turn's sound starts: `prefix_seconds` before its speech, but never within the turn before."""
    onset: int
    """Where its speech starts, to 32 ms."""
    detected: int
    """Up to where sound had to be heard to know it."""


@dataclass(frozen=True)
class SpeechStopped:
    """The person's turn is over. Places are samples at 16 kHz since the start of the stream."""

    end: int
    """Where the turn's sound ends, and up to where sound had to be heard to know it: the silence is part of it."""
    speech_end: int
    """Where its speech ended, to 32 ms."""


@dataclass(frozen=True)
class Pause:
    """Silence within a turn, which may be its end."""

    speech_end: int
    """Where its speech ended so far, to 32 ms: if this was the end, `SpeechStopped.speech_end`."""
    seconds: float
    """How long it has been quiet."""


TurnEvent: TypeAlias = SpeechStarted | SpeechStopped


class TurnDetector:
    """Finds the turns in one stream of sound, however it is cut. One thread at a time; nothing is kept of the sound.

    `settings` may be replaced between two pushes. Raises MissingExtraError where Silero's package or ONNX Runtime is
    missing, ConfigError where the package is too old.
    """

    def __init__(self, settings: TurnSettings) -> None:
        self.settings = settings
        self._silero = SileroStream()
        self._pending = np.zeros(0, np.float32)
        self._place = 0  # of the next frame
        self._last_end = 0
        self._level = _Level()
        self._utterance: _Utterance | None = None
        self._speaking = False

    @property
    def position(self) -> int:
        """Samples pushed so far."""
        return self._place + len(self._pending)

    @property
    def speaking(self) -> bool:
        """Whether a turn has started and not stopped."""
        return self._speaking

    @property
    def pause(self) -> Pause | None:
        """The silence within the turn under way; None within its speech, and between turns."""
        utterance = self._utterance
        if utterance is None or not self._speaking:
            return None
        seconds = utterance.quiet_seconds(self._place)
        return Pause(utterance.speech_end, seconds) if seconds > 0 else None

    def reset(self) -> None:
        """Forget the turn under way and what was heard, without an event; places go on, the person's level stays."""
        self._place = self._last_end = self.position
        self._pending = self._pending[:0]
        self._silero.reset()
        self._level.forget_recent()
        self._utterance, self._speaking = None, False

    def push(self, samples: Samples, answering: bool) -> list[TurnEvent]:
        """Hear what comes next.

        Args:
            samples: float32 [n] at 16 kHz, full scale 1.0; any n. About 0.15 ms of work for each 32 ms.
            answering: whether the assistant's sound still plays at the client.

        Returns:
            What is now known, in order.

        Raises:
            AudioValueError: not one dimension of finite float32; nothing of it was heard.
        """
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise AudioValueError(
                f"got samples of shape {list(samples.shape)} and type {samples.dtype}; wanted float32 of shape [n]"
            )
        if not np.isfinite(samples).all():
            raise AudioValueError("the samples hold NaN or infinity; wanted full scale at 1.0")
        waiting = np.concatenate((self._pending, samples))
        whole = len(waiting) // FRAME * FRAME
        self._pending = waiting[whole:].copy()  # a view would keep all of it
        events = (self._hear(frame, answering) for frame in waiting[:whole].reshape(-1, FRAME))
        return [event for event in events if event is not None]

    def _hear(self, frame: Samples, answering: bool) -> TurnEvent | None:
        place, self._place = self._place, self._place + FRAME
        probability = self._silero.probability(frame)
        self._level.hear(frame)
        echo = answering and self._level.below_usual > self.settings.echo_db
        voiced = probability >= self.settings.threshold and not echo
        if self._utterance is None:
            if not voiced:
                return None
            self._utterance = _Utterance(place)
        utterance = self._utterance
        release = max(self.settings.threshold - _HYSTERESIS, _LEAST_RELEASE)
        utterance.hear(place, voiced, quiet=probability < release or echo, pause=self.settings.pause_seconds)
        if self._speaking and voiced and not answering:
            self._level.learn()
        quiet = utterance.quiet_seconds(self._place)
        if quiet > 0 and quiet >= self.settings.silence_seconds:
            return self._stop(utterance)
        return self._start(utterance, answering) if voiced and not self._speaking else None

    def _start(self, utterance: _Utterance, answering: bool) -> SpeechStarted | None:
        needed = self.settings.lasting_seconds if answering else self.settings.starting_seconds
        if utterance.voiced * FRAME < needed * INPUT_SAMPLE_RATE:
            return None
        self._speaking = True
        prefix = round(self.settings.prefix_seconds * INPUT_SAMPLE_RATE)
        return SpeechStarted(max(self._last_end, utterance.onset - prefix), utterance.onset, self._place)

    def _stop(self, utterance: _Utterance) -> SpeechStopped | None:
        self._utterance = None
        if not self._speaking:
            return None
        self._speaking = False
        self._last_end = self._place
        return SpeechStopped(self._place, utterance.speech_end)


class _Utterance:
    """Speech under way, a turn or not yet."""

    def __init__(self, onset: int) -> None:
        self.onset = onset
        self.speech_end = onset
        self.voiced = 0
        """Frames of speech since the last pause."""
        self._quiet_from: int | None = None

    def hear(self, place: int, voiced: bool, quiet: bool, pause: float) -> None:
        if voiced:
            if self.quiet_seconds(place) >= pause:
                self.voiced = 0
            self.voiced += 1
            self.speech_end = place + FRAME
            self._quiet_from = None
        elif quiet and self._quiet_from is None:
            self._quiet_from = place

    def quiet_seconds(self, now: int) -> float:
        """How long it has been quiet at sample `now`; 0 within speech."""
        return 0.0 if self._quiet_from is None else (now - self._quiet_from) / INPUT_SAMPLE_RATE


class _Level:
    """How loud the stream is, and how loud the person usually is."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=_LOUD_FRAMES)
        self._usual = 0.0  # mean power of the person's loud frames
        self._learnt = 0

    @property
    def below_usual(self) -> float:
        """How far, in dB, the stream now lies below the person's usual level; 0 while that is unknown."""
        return 10 * float(np.log10(self._usual / self._now)) if self._learnt else 0.0

    @property
    def _now(self) -> float:
        return max(self._recent)

    def hear(self, frame: Samples) -> None:
        self._recent.append(max(float(frame.var()), _LEAST_POWER))

    def learn(self) -> None:
        self._learnt = min(self._learnt + 1, _LEVEL_FRAMES)
        self._usual += (self._now - self._usual) / self._learnt

    def forget_recent(self) -> None:
        self._recent.clear()
