"""The decode loop: a context in, typed events out, one token at a time.

Text is held back until its characters are complete, speech is given code by code, a tool call as one request. The ids
go into the context as they are generated, so that the next turn needs nothing from here. Turning speech codes into
sound is the business of `speak`, answering tool calls that of `dialogue`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.facts.events import Event, Finished, FinishReason
from stepwave.generation.context import Context
from stepwave.generation.sampling import MINUS_INFINITY, SamplingSettings, choose, new_generator
from stepwave.generation.slots import Guards, Slots, follow
from stepwave.generation.together import taking_part
from stepwave.generation.words import TokenEvents
from stepwave.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class DecodeSettings:
    """How one answer is generated."""

    text: SamplingSettings = field(default_factory=SamplingSettings)
    """Choice of text tokens (and of everything outside spoken sections). Its seed is the answer's."""
    speech: SamplingSettings | None = None
    """Choice of speech tokens; None for the same as `text`, as the released model does. Its seed is not used."""
    max_tokens: int = 2048
    """Longest answer in tokens, text and speech together."""
    stop_ids: tuple[int, ...] | None = None
    """Ids that end the answer; None for `<|EOT|>` and `<|endoftext|>`."""
    guards: Guards = field(default_factory=Guards)
    """Limits for answers that go round in circles."""
    said: tuple[int, ...] | None = None
    """Text ids of the spoken section where they are given and only the sound is to be chosen, as in reading aloud."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ConfigError(f"decoding: max_tokens is {self.max_tokens}; it must be at least 1.")


def decode(
    context: Context,
    tokenizer: Tokenizer,
    settings: DecodeSettings | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[Event]:
    """Generate the answer to what `context` has read, and yield it as events; the last one is `Finished`.

    The answer is spoken where the context ends in an open spoken section (`<tts_start>`), otherwise it is text. Its
    ids, the one that ended it included, are in the context afterwards: `context.ids[before:]`. An answer that ran
    into a limit or a guard, or was interrupted (asked before each token), is left open there; `close` ends it.

    A call whose markup is broken is reported too, with the name that could be read (or "") and the markup as arguments,
    so that the tool runner can tell the model.
    """
    return _Answer(context, tokenizer, settings or DecodeSettings(), interrupted).events()


def close(context: Context) -> None:
    """Bring an answer that was cut short to a proper end, as history: full group, `<tts_end>`, `<|EOT|>`."""
    special = context.model.special
    if context.ids and context.ids[-1] != special.eot:
        for token in follow(context.ids, special).closing():
            context.append(token)


class _Answer:
    """The state of one generation."""

    def __init__(
        self,
        context: Context,
        tokenizer: Tokenizer,
        settings: DecodeSettings,
        interrupted: Callable[[], bool] | None,
    ) -> None:
        self._context, self._settings = context, settings
        self._interrupted = interrupted or (lambda: False)
        self._special = context.model.special
        stop_ids = settings.stop_ids
        self._stop_ids = (self._special.eot, self._special.end_of_text) if stop_ids is None else stop_ids
        self._slots: Slots = follow(context.ids, self._special, settings.guards, settings.said)
        self._generator = new_generator(settings.text)
        self._seen = self._history()
        self._told = TokenEvents(tokenizer)

    def events(self) -> Iterator[Event]:
        started = time.perf_counter()
        reason: FinishReason = "length"
        with taking_part(self._context):
            for _ in range(min(self._settings.max_tokens, self._context.room)):
                if self._interrupted():
                    reason = "interrupted"
                    break
                token = self._next()
                self._context.append(token)
                if self._seen is not None:
                    self._seen[0, token] = True
                if token in self._stop_ids:
                    reason = "length" if self._slots.runaway else "stop"
                    break
                self._slots.push(token)
                yield from self._told.push(token)
                if self._slots.over:
                    break
        yield from self._told.finish()
        seconds = time.perf_counter() - started
        yield Finished(reason, self._told.text_tokens, self._told.speech_tokens, seconds)

    def _next(self) -> int:
        choice = self._slots.choice()
        if choice.forced is not None:
            return choice.forced
        with torch.inference_mode():
            scores = self._context.model.decoder.head(self._context.hidden(), choice.rows).float().cpu()
            if choice.ruled_out is not None:
                scores.index_fill_(-1, choice.ruled_out, MINUS_INFINITY)
            seen = None if self._seen is None else self._seen[:, choice.rows]
            settings = self._settings.text
            if self._slots.spoken and self._slots.slot and self._settings.speech is not None:
                settings = self._settings.speech
            first: int = choice.rows.start
            return first + int(choose(scores, settings, seen, self._generator))

    def _history(self) -> Tensor | None:
        """Booleans [1, vocab] of the ids seen, for the repetition penalty; None where there is none."""
        speech = self._settings.speech or self._settings.text
        if self._settings.text.repetition_penalty == speech.repetition_penalty == 1:
            return None
        seen = torch.zeros(1, self._context.model.decoder.config.vocab_size, dtype=torch.bool)
        seen[0, torch.tensor(self._context.ids, dtype=torch.long)] = True
        return seen
