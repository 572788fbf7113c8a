"""Sound that came in and was not committed yet, at the model's rate, with the positions that events speak of."""

from __future__ import annotations

from typing import Final

import numpy as np

from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.audio_formats import InputStream
from stepwave.serving.turn_taking.detector import Pause, SpeechStarted, SpeechStopped, TurnDetector, TurnEvent
from stepwave.signal.resample import Samples

KEPT_SECONDS: Final = 3.0
"""Of what is no speech so far: a turn found late begins there."""


class InputBuffer:
    """Bytes in; turns found, or everything for a client that commits by hand. `longest` bounds it in seconds.

    `position` counts on from what came before, through another buffer of the same session.
    """

    def __init__(self, stream: InputStream, detector: TurnDetector | None, longest: float, position: int = 0) -> None:
        self._origin = position
        self._stream = stream
        self._detector = detector
        self._longest = round(longest * INPUT_SAMPLE_RATE)
        self._pieces: list[Samples] = []
        self._held = 0
        self._start: int | None = None
        self.position = position
        """Samples at 16 kHz that came so far."""
        self.item_id: str | None = None
        """The item that the speech under way will be."""

    @property
    def speaking(self) -> bool:
        """Whether a turn has started and not stopped."""
        return self._start is not None

    @property
    def pause(self) -> Pause | None:
        """The silence within the turn under way; None within its speech, between turns, and without a detector."""
        pause = None if self._detector is None else self._detector.pause
        return None if pause is None else Pause(pause.speech_end + self._origin, pause.seconds)

    def push(self, data: bytes, answering: bool) -> list[TurnEvent]:
        """Take more sound; returns the turns' borders that it brought.

        Raises ApiError where turns are committed by hand and the buffer would get longer than a question may be.
        """
        samples = self._stream.push(data)
        if self._detector is None and self._held + len(samples) > self._longest:
            raise ApiError(
                f"the buffer would hold more than the {self._longest / INPUT_SAMPLE_RATE:g} s that a question may "
                "last; commit or clear it before appending more",
                code="input_audio_buffer_full",
                param="audio",
            )
        self._pieces.append(samples)
        self._held += len(samples)
        self.position += len(samples)
        if self._detector is None:
            return []
        events = [_moved(event, self._origin) for event in self._detector.push(samples, answering)]
        for event in events:
            self._start = event.start if isinstance(event, SpeechStarted) else self._start
        if self._start is None:
            self._forget(self.position - round(KEPT_SECONDS * INPUT_SAMPLE_RATE))
        elif self.position - self._start > self._longest and not any(isinstance(one, SpeechStopped) for one in events):
            self._detector.reset()
            events = [*events, SpeechStopped(self.position, self.position)]
        return events

    def turn(self, end: int) -> Samples:
        """The turn from where speech started up to the sample `end` [n]."""
        whole = np.concatenate(self._pieces) if self._pieces else np.zeros(0, dtype=np.float32)
        first = self.position - len(whole)
        start = first if self._start is None else max(self._start, first)
        samples: Samples = whole[start - first : end - first]
        return samples

    def take(self, end: int) -> Samples:
        """The same; then it is over, and what came before `end` is forgotten."""
        samples = self.turn(end)
        self._start = None
        self._forget(end)
        return samples

    def finish(self) -> Samples:
        """All that is held [n]; then it is empty."""
        last = self._stream.finish()
        self.position += len(last)
        samples: Samples = np.concatenate([*self._pieces, last])
        self.clear()
        return samples

    def clear(self) -> None:
        """Forget all that is held; positions go on."""
        self._pieces, self._held, self._start = [], 0, None
        if self._detector is not None:
            self._detector.reset()

    def _forget(self, position: int) -> None:
        """Drop whole pieces before `position`."""
        while self._pieces and self.position - self._held + len(self._pieces[0]) <= position:
            self._held -= len(self._pieces.pop(0))


def _moved(event: TurnEvent, by: int) -> TurnEvent:
    """The event with its places counted from the start of the session."""
    if isinstance(event, SpeechStarted):
        return SpeechStarted(event.start + by, event.onset + by, event.detected + by)
    return SpeechStopped(event.end + by, event.speech_end + by)
