"""The object that `stepwave.load` returns: one model, and everything that can be asked of it in one call."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from stepwave.dialogue.language import Engine
from stepwave.dialogue.listening import Recording, hear, stretches
from stepwave.dialogue.loop import LoopEvent, converse
from stepwave.dialogue.profile import Profile
from stepwave.dialogue.results import Reading, Reply, Round, Timings
from stepwave.dialogue.saved import load_session
from stepwave.dialogue.sentences import readings
from stepwave.dialogue.session import Session
from stepwave.dialogue.tasks import read_piece, stream_transcript, transcribe_piece
from stepwave.dialogue.voices import VoiceChoice
from stepwave.facts.conversation import TextPart
from stepwave.facts.errors import TextError
from stepwave.facts.events import AudioDelta, Event, Finished, FinishReason, TextDelta
from stepwave.facts.rates import INPUT_SAMPLE_RATE, OUTPUT_SAMPLE_RATE, PIECE_SECONDS
from stepwave.models.detokenizer import Voice
from stepwave.signal.files import MAX_SECONDS
from stepwave.signal.resample import Samples
from stepwave.text.schemas import ToolSchema
from stepwave.tools.contract import Tool
from stepwave.tools.runner import Confirm, ToolOutcome, ToolRunner

PAUSE_SECONDS = 0.15
"""Silence between two pieces of a text that are read one after the other."""
ATTEMPTS = 3
"""How often a piece is read when its sound runs into a bound."""

Listener = Callable[[Event], None]


class Stepwave:
    """A model that hears and speaks. Safe to share between threads, save that each session belongs to one of them.

    Every method that takes a recording takes a path, the bytes or stream of a file, an `Audio`, or samples at 16 kHz;
    every `voice` is a stored voice's name, a recording of a few seconds, or None for the model's own voice.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def profile(self) -> Profile:
        """The model's prompts, sampling and bounds."""
        return self.engine.profile

    @property
    def voices(self) -> list[str]:
        """Names of the stored voices."""
        return self.engine.voices.names

    def voice(self, choice: VoiceChoice = None) -> Voice:
        """Make a voice ready; handing the result on as `voice` spares doing it again.

        Raises ConfigError for an unknown name, AudioError for a recording that can't be used.
        """
        voice = self.engine.voices.choose(choice)
        self.engine.speech(voice)
        return voice

    def warm(self) -> None:
        """Load all that an answer needs, and go through each part once, so that the first question waits for nothing.

        Raises CheckpointError where a part is missing or damaged.
        """
        hum = 0.1 * np.sin(np.arange(INPUT_SAMPLE_RATE, dtype=np.float32) * 0.2)
        for _ in self.session(seed=0).stream(hum, voice=self.voice(), max_seconds=1.0):
            pass

    def hear(self, audio: Recording) -> Samples:
        """Samples [n] at 16 kHz of a recording that can be a question; the other methods take them in its place.

        Raises AudioError where it can't be used, long before any model is loaded.
        """
        return hear(audio, self.profile.longest_question_seconds)

    def session(self, system: str | None = None, seed: int | None = None, tools: Sequence[ToolSchema] = ()) -> Session:
        """A conversation of several turns; see `Session`."""
        return Session(self.engine, system, seed, tools)

    def resume(self, path: str | os.PathLike[str], seed: int | None = None) -> Session:
        """Take up a conversation that `dialogue.saved.save_session` kept; `seed` replaces its own.

        Raises ConfigError where the file is missing or damaged, or does not fit this model.
        """
        return load_session(self.engine, Path(path), seed)

    def stream_reply(
        self,
        audio: Recording | TextPart,
        voice: VoiceChoice = None,
        text_only: bool = False,
        max_seconds: float | None = None,
        seed: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[Event]:
        """Answer one question as events while the answer is being made; arguments and errors as `Session.stream`."""
        return self.session(seed=seed).stream(
            audio, voice=voice, text_only=text_only, max_seconds=max_seconds, interrupted=interrupted
        )

    def reply(
        self,
        audio: Recording | TextPart,
        voice: VoiceChoice = None,
        text_only: bool = False,
        heard: bool = True,
        max_seconds: float | None = None,
        seed: int | None = None,
        listener: Listener | None = None,
        tools: Sequence[Tool] = (),
        confirm: Confirm | None = None,
        session: Session | None = None,
    ) -> Reply:
        """Answer one question, as a whole.

        Args:
            audio: the question, a recording (or a `TextPart`).
            voice: whose voice the answer has.
            text_only: answer in writing; then `samples` is empty.
            heard: write down the question too, after the answer.
            max_seconds: longest answer; None for the model's usual bound.
            seed: makes the answer repeatable.
            listener: is called with every event as it comes.
            tools: what the model may call; calls are run as `dialogue.loop.converse` tells.
            confirm: asks the user before a sensitive tool is run; without it none is.
            session: a conversation to go on with, from now on with `tools`, and by its own seed; without it a new one.

        Raises:
            StepwaveError: see `Session.stream`.
        """
        question = audio if isinstance(audio, TextPart) else self.hear(audio)
        ready = None if text_only else self.voice(voice)
        runner = ToolRunner(tools, confirm=confirm)
        if session is None:
            session = self.session(seed=seed, tools=runner.schemas)
        else:
            session.offer(runner.schemas)
        started = time.perf_counter()
        told = _Told(started)
        for event in converse(session, runner, question, voice=ready, text_only=text_only, max_seconds=max_seconds):
            told.take(event)
            if listener is not None and not isinstance(event, ToolOutcome):
                listener(event)
        answered = time.perf_counter()
        words = session.transcript() if heard else None
        finished = time.perf_counter()
        timings = Timings(told.first_sound, answered - started, finished - answered if heard else None)
        return Reply(words, told.text, told.samples, OUTPUT_SAMPLE_RATE, told.reason, timings, told.rounds)

    def transcribe(self, audio: Recording, progress: Callable[[float], None] | None = None) -> str:
        """Write down what is said in a recording of up to half an hour.

        Longer than 25 s, it is cut at pauses and written down piece by piece. `progress` is called with the share done.
        Raises AudioError where the recording can't be used.
        """
        samples = hear(audio, MAX_SECONDS)
        texts, done = [], 0
        for stretch in stretches(samples, PIECE_SECONDS):
            texts.append(transcribe_piece(self.engine, stretch))
            done += len(stretch)
            if progress is not None:
                progress(done / len(samples))
        return " ".join(filter(None, texts))

    def stream_transcribe(self, audio: Recording) -> Iterator[str]:
        """Write down a recording as `transcribe` does, word by word; joined, the parts are the transcript.

        Raises AudioError where the recording can't be used, before anything is written.
        """
        return self._written(stretches(hear(audio, MAX_SECONDS), PIECE_SECONDS))

    def _written(self, pieces: Sequence[Samples]) -> Iterator[str]:
        begun = False
        for piece in pieces:
            space, first = "", True
            for part in stream_transcript(self.engine, piece):
                # White space is told with the word behind it, so that none stands at the ends.
                text = space + part
                words = text.rstrip()
                space = text[len(words) :]
                if words:
                    yield words if not first else f"{' ' if begun else ''}{words.lstrip()}"
                    begun, first = True, False

    def stream_say(self, text: str, voice: VoiceChoice = None, seed: int | None = None) -> Iterator[Event]:
        """Read a text aloud as events, sentence by sentence; every piece ends in a `Finished` of its own.

        Raises TextError for an empty text, and errors as `voice`.
        """
        pieces, ready = self._pieces(text), self.voice(voice)
        return (event for number, piece in enumerate(pieces) for event in self._read(piece, ready, seed, number))

    def say(
        self,
        text: str,
        voice: VoiceChoice = None,
        seed: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Reading:
        """Read a text of any length aloud, cut at its sentences; no word is left out without telling (`Reading.cut`).

        `progress` is called with the share done. Raises TextError for an empty text, and errors as `voice`.
        """
        pieces, ready = self._pieces(text), self.voice(voice)
        pause = np.zeros(round(PAUSE_SECONDS * OUTPUT_SAMPLE_RATE), dtype=np.float32)
        sound: list[Samples] = []
        cut = []
        for number, piece in enumerate(pieces):
            for attempt in range(ATTEMPTS):
                told = _Told(time.perf_counter())
                for event in self._read(piece, ready, seed, number + attempt * len(pieces)):
                    told.take(event)
                if told.reason == "stop":
                    break
            else:
                cut.append(piece)
            sound += [told.samples, pause]
            if progress is not None:
                progress((number + 1) / len(pieces))
        return Reading(np.concatenate(sound[:-1]), OUTPUT_SAMPLE_RATE, tuple(cut))

    def _read(self, piece: str, voice: Voice, seed: int | None, number: int) -> Iterator[Event]:
        return read_piece(self.engine, piece, voice, None if seed is None else seed + number)

    def _pieces(self, text: str) -> list[str]:
        pieces = readings(text, self.profile.longest_reading)
        if not pieces:
            raise TextError("got an empty text; wanted something to read aloud")
        return pieces


class _Told:
    """Gathers the events of one answer."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._sound: list[Samples] = [np.zeros(0, dtype=np.float32)]
        self._earlier: list[Round] = []
        self._texts: list[str] = []
        self._calls: list[ToolOutcome] = []
        self._began = self._answered = self._called = 0.0
        self.first_sound: float | None = None
        self.reason: FinishReason = "interrupted"

    def take(self, event: LoopEvent) -> None:
        now = time.perf_counter() - self._started
        if isinstance(event, ToolOutcome):
            self._calls.append(event)
            self._called = now
        elif isinstance(event, Finished):
            self.reason = event.reason
        else:
            if self._calls:
                self._earlier.append(self._round())
                self._texts, self._calls, self._began = [], [], self._called
            self._answered = now
            if isinstance(event, TextDelta):
                self._texts.append(event.text)
            elif isinstance(event, AudioDelta):
                if self.first_sound is None:
                    self.first_sound = now
                self._sound.append(event.samples)

    def _round(self) -> Round:
        return Round("".join(self._texts).strip(), self._began, self._answered, tuple(self._calls))

    @property
    def rounds(self) -> tuple[Round, ...]:
        return (*self._earlier, self._round())

    @property
    def text(self) -> str:
        return " ".join(filter(None, (one.text for one in self.rounds)))

    @property
    def samples(self) -> Samples:
        return np.concatenate(self._sound)
