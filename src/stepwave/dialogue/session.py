"""A conversation of several turns: what was said stays as ids and in the decoder's cache, so a turn costs only itself.

A session belongs to one caller at a time; any number of them share one engine. Tool calls are passed on as events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from torch import Tensor

from stepwave.dialogue.engine import LocalEngine
from stepwave.dialogue.listening import Recording, hear
from stepwave.dialogue.tasks import WRITTEN_TOKENS_PER_SECOND, spoken_tokens, transcribe_piece
from stepwave.dialogue.voices import VoiceChoice
from stepwave.facts.conversation import AudioPart, Message, TextPart
from stepwave.facts.errors import AudioTooLongError, ConfigError, TextError
from stepwave.facts.events import Event, SpeechDelta
from stepwave.facts.rates import POSITION_RATE
from stepwave.generation.context import Context
from stepwave.generation.decode import DecodeSettings, close, decode
from stepwave.generation.speak import speak
from stepwave.models.detokenizer import DetokenizerStream
from stepwave.signal.resample import Samples
from stepwave.text.prompts import SPEAK
from stepwave.text.template import Prompt, render

RESERVED_SECONDS: Final = 10.0
"""Room for so much of an answer must be left when a question is taken."""


class Session:
    """A conversation with the model in `engine`.

    Args:
        engine: the model.
        system: the system prompt; None for the model's own, by the kind of the first question.
        seed: makes the answers repeatable; None draws anew each time.
    """

    def __init__(self, engine: LocalEngine, system: str | None = None, seed: int | None = None) -> None:
        self._engine = engine
        self._system = system
        self._seed = seed
        self._context = Context(engine.language)
        self._question: tuple[list[Samples], list[Tensor]] = ([], [])
        self._turns = 0
        self._answering = False

    @property
    def ids(self) -> list[int]:
        """The whole conversation as token ids."""
        return self._context.ids

    @property
    def turns(self) -> int:
        """Questions answered so far."""
        return self._turns

    def stream(
        self,
        question: Recording | TextPart,
        *,
        voice: VoiceChoice = None,
        text_only: bool = False,
        max_seconds: float | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[Event]:
        """Answer a recording, or a written question in a `TextPart`, as events while the answer is being made.

        Text, speech codes and sound come as they are ready, `Finished` last. Leaving off early (closing the iterator)
        keeps what was said as the turn's answer. `max_seconds` bounds the answer; `interrupted` is asked before every
        token.

        Raises, before anything is answered:
            AudioError: the recording can't be used (`listening.hear`), or is too long for what room is left.
            TextError: the written question is empty.
            ConfigError: no such voice, the last answer is still being made, or the conversation is full.
            CheckpointError: a part of the model is missing or damaged.
        """
        if self._answering:
            raise ConfigError("the session is still answering; take or close the last answer's events first")
        if max_seconds is not None and max_seconds <= 0:
            raise ConfigError(f"max_seconds is {max_seconds:g}; wanted more than 0")
        part = self._part(question)
        sound = None if text_only else self._engine.detokenizer.stream(self._engine.voices.choose(voice))
        spoken = sound is not None or not (self._engine.profile.writes_answers or isinstance(part, TextPart))
        prompt = self._prompt(part, spoken)
        self._check_room(prompt, part)
        seconds = max_seconds or self._engine.profile.longest_answer_seconds
        return self._answer(prompt, self._settings(seconds, spoken, sound is not None), sound, interrupted)

    def transcript(self) -> str:
        """The words of the last question, written down from what was encoded for the answer; "" if it was written."""
        pieces = zip(*self._question, strict=True)
        return " ".join(filter(None, (transcribe_piece(self._engine, piece, [rows]) for piece, rows in pieces)))

    def _part(self, question: Recording | TextPart) -> AudioPart | TextPart:
        if isinstance(question, TextPart):
            if not question.text.strip():
                raise TextError("got an empty question; wanted a recording or some text")
            return question
        return AudioPart(hear(question, self._engine.profile.longest_question_seconds))

    def _prompt(self, part: AudioPart | TextPart, spoken: bool) -> Prompt:
        messages = [Message("human", (part,)), Message("assistant", SPEAK if spoken else None, eot=not spoken)]
        if not self._context.ids:
            prompts = self._engine.profile.prompts
            usual = prompts.chat if isinstance(part, TextPart) else prompts.answer
            messages.insert(0, Message("system", usual if self._system is None else self._system))
        return render(messages, self._engine.tokenizer)

    def _check_room(self, prompt: Prompt, part: AudioPart | TextPart) -> None:
        room = self._context.room - spoken_tokens(RESERVED_SECONDS)
        if len(prompt.ids) <= room:
            return
        if isinstance(part, AudioPart) and room > POSITION_RATE:
            raise AudioTooLongError(
                f"the question lasts {len(prompt.ids) / POSITION_RATE:.0f} s, and the conversation has room for "
                f"{room / POSITION_RATE:.0f} s more; ask something shorter or start a new session"
            )
        raise ConfigError(
            f"the question needs {len(prompt.ids)} positions, and the conversation has room for {max(room, 0)} more "
            f"after {self._turns} turns; start a new session"
        )

    def _settings(self, seconds: float, spoken: bool, sound: bool) -> DecodeSettings:
        profile, special = self._engine.profile, self._engine.tokenizer.special
        seed = None if self._seed is None else self._seed + self._turns
        ends: tuple[int, ...] | None = None
        if spoken and not sound:
            # A written answer read off a spoken one is complete with the first padding in place of text.
            ends = (special.tts_pad, special.tts_end, special.eot, special.end_of_text)
        most = spoken_tokens(seconds) if spoken else math.ceil(WRITTEN_TOKENS_PER_SECOND * seconds)
        text = replace(profile.text, seed=seed)
        return DecodeSettings(text=text, speech=profile.speech, max_tokens=most, stop_ids=ends)

    def _answer(
        self,
        prompt: Prompt,
        settings: DecodeSettings,
        sound: DetokenizerStream | None,
        interrupted: Callable[[], bool] | None,
    ) -> Iterator[Event]:
        self._answering = True
        try:
            rows: Sequence[Tensor] = self._engine.language.encode(prompt.audio)
            self._context.read(prompt, rows)
            self._question = (prompt.audio, list(rows))
            self._turns += 1
            events = decode(self._context, self._engine.tokenizer, settings, interrupted)
            if sound is not None:
                yield from speak(events, sound)
            else:
                yield from (event for event in events if not isinstance(event, SpeechDelta))
        finally:
            # Also when the caller stops listening: what was said so far is then the answer that the history holds.
            close(self._context)
            self._answering = False
