"""What a client lets the server hear: sound that comes in, the turns found in it, and the events that tell of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.audio_formats import InputStream
from stepwave.serving.realtime.input_buffer import InputBuffer
from stepwave.serving.realtime.items import new_id
from stepwave.serving.realtime.playback import Playback
from stepwave.serving.realtime.response import Put
from stepwave.serving.realtime.settings import Settings
from stepwave.serving.service import Service
from stepwave.serving.turn_taking.detector import SpeechStarted, SpeechStopped, TurnDetector
from stepwave.signal.resample import Samples

MILLISECONDS: Final = 1_000
LEAST_COMMIT_SECONDS: Final = 0.1
"""Less is no question: OpenAI's own bound."""
_SLICE_BYTES: Final = 48_000  # a second of PCM


@dataclass(frozen=True)
class Question:
    """What a client said."""

    item_id: str
    """The item that it becomes."""
    samples: Samples
    """[n] at 16 kHz."""
    wants_answer: bool
    """Whether an answer is to be made unasked: the end of a turn asks for one, a commit by hand does not."""
    speech_end: int | None = None
    """Where its speech ended, if that is known; by this an answer that was foreseen is told from others."""


class Listener(Protocol):
    """Whom `Hearing` tells what it found."""

    @property
    def responding(self) -> bool:
        """Whether an answer is being told."""

    def interrupt(self) -> None:
        """Somebody speaks, and the answer under way is to stop."""

    def foresee(self, samples: Callable[[], Samples], speech_end: int) -> bool:
        """What `samples` gives, [n] at 16 kHz, may be all of a question, whose speech ended at `speech_end`; it pauses.

        Giving it copies the question, so it is asked for where that is taken up.
        False where nothing can be begun yet: it is told again while the pause lasts.
        """

    def resumed(self) -> None:
        """It was not all: it goes on."""

    def commit(self, question: Question) -> None:
        """Something was asked. May raise ApiError, which the client is told."""


class Hearing:
    """The sound of one session. Lives on the event loop; its owner hands it one message after the other."""

    def __init__(self, service: Service, settings: Settings, playback: Playback, put: Put, listener: Listener) -> None:
        """`put` takes events for the client; `playback` tells whether the client still hears an answer."""
        self._service = service
        self._settings = settings
        self._playback = playback
        self._put = put
        self._listener = listener
        self._idle = _Idle()
        self._buffer = self._new_buffer(0)
        self._foreseen: int | None = None

    def configure(self, settings: Settings) -> None:
        """From now on hear by these. A new format or other turns drop what was not committed; places go on."""
        old, self._settings = self._settings, settings
        if (old.turns, old.input_format) != (settings.turns, settings.input_format):
            self._buffer = self._new_buffer(self._buffer.position)

    async def append(self, data: bytes) -> None:
        """Hear more, bytes in the session's format, cut anywhere. Raises ApiError where a question gets too long."""
        for start in range(0, len(data), _SLICE_BYTES):
            # Much at once must not hold up other sessions while it is searched for speech.
            self._hear(data[start : start + _SLICE_BYTES])
            await asyncio.sleep(0)

    def answered(self) -> None:
        """An answer is over: where the settings ask for it, silence after its sound is a question too."""
        self._idle = _Idle(waiting=True)

    def commit(self) -> None:
        """What was appended is a question.

        Raises ApiError where it is too short to be one, AudioError where it can't be used.
        """
        samples = self._buffer.finish()
        if len(samples) < LEAST_COMMIT_SECONDS * INPUT_SAMPLE_RATE:
            raise ApiError(
                f"the buffer holds {_milliseconds(len(samples))} ms of sound; wanted at least "
                f"{LEAST_COMMIT_SECONDS * MILLISECONDS:.0f} ms: append more before the commit",
                code="input_audio_buffer_commit_empty",
            )
        self._idle = _Idle()
        self._listener.commit(Question(new_id("item"), self._service.talker.hear(samples), wants_answer=False))

    def clear(self) -> None:
        """Forget what was appended; silence is counted anew."""
        self._buffer.clear()
        self._idle.start = None
        self._put({"type": "input_audio_buffer.cleared"})

    def _new_buffer(self, position: int) -> InputBuffer:
        turns, longest = self._settings.turns, self._service.talker.profile.longest_question_seconds
        detector = None if turns is None else TurnDetector(turns)
        return InputBuffer(InputStream(self._settings.input_format), detector, longest, position)

    def _hear(self, data: bytes) -> None:
        before, answering = self._buffer.position, self._listener.responding or self._playback.sounding
        for event in self._buffer.push(data, answering):
            if isinstance(event, SpeechStarted):
                self._started(event)
            else:
                self._stopped(event)
        self._foresee()
        self._service.metrics.heard_seconds.inc((self._buffer.position - before) / INPUT_SAMPLE_RATE)
        if answering or self._buffer.speaking:
            self._idle.start = None
        elif self._idle.waiting:
            self._count_silence(before)

    def _foresee(self) -> None:
        """Tell of a pause, until that is taken up, and of its end."""
        pause, turns = self._buffer.pause, self._settings.turns
        if self._foreseen is not None and (pause is None or pause.speech_end != self._foreseen):
            self._foreseen = None
            self._listener.resumed()
        if pause is None or turns is None or self._foreseen is not None:
            return
        if pause.seconds < turns.expecting_seconds:
            return
        if self._listener.foresee(lambda: self._buffer.turn(self._buffer.position), pause.speech_end):
            self._foreseen = pause.speech_end

    def _started(self, event: SpeechStarted) -> None:
        self._idle = _Idle()
        self._buffer.item_id = new_id("item")
        place = {"audio_start_ms": _milliseconds(event.start), "item_id": self._buffer.item_id}
        self._put({"type": "input_audio_buffer.speech_started", **place})
        turns = self._settings.turns
        if turns is not None and turns.interrupt_response:
            self._listener.interrupt()
        self._playback.stop()

    def _stopped(self, event: SpeechStopped) -> None:
        item_id = self._buffer.item_id or new_id("item")
        place = {"audio_end_ms": _milliseconds(event.end), "item_id": item_id}
        self._put({"type": "input_audio_buffer.speech_stopped", **place})
        turns = self._settings.turns
        wants_answer = turns is not None and turns.create_response
        self._listener.commit(Question(item_id, self._buffer.take(event.end), wants_answer, event.speech_end))

    def _count_silence(self, before: int) -> None:
        """Count what came since place `before` as silence, in sound and not by a clock: who sends none is not asked."""
        turns = self._settings.turns
        if turns is None or turns.idle_seconds is None:
            return
        start = self._idle.start = before if self._idle.start is None else self._idle.start
        end = self._buffer.position
        if end - start < turns.idle_seconds * INPUT_SAMPLE_RATE:
            return
        self._idle = _Idle()
        item_id = new_id("item")
        place = {"audio_start_ms": _milliseconds(start), "audio_end_ms": _milliseconds(end), "item_id": item_id}
        self._put({"type": "input_audio_buffer.timeout_triggered", **place})
        # The model hears the end of it, which is all that is kept of silence; a whole minute would fill its context.
        self._listener.commit(Question(item_id, self._buffer.take(end), turns.create_response))


@dataclass
class _Idle:
    """Whether nobody spoke since the last answer, and from which place on that is counted: the end of its sound."""

    waiting: bool = False
    start: int | None = None


def _milliseconds(samples: int) -> int:
    return round(samples / INPUT_SAMPLE_RATE * MILLISECONDS)
