"""Tasks that stand by themselves: writing down what is said, and reading a text aloud. No history, one prompt each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from stepwave.dialogue.language import Engine, Heard
from stepwave.facts.conversation import AudioPart, Message, TextPart
from stepwave.facts.errors import TextError
from stepwave.facts.events import Event, TextDelta
from stepwave.facts.rates import GROUP, SPEECH_PER_GROUP, SPEECH_TOKEN_RATE, input_seconds
from stepwave.generation.decode import DecodeSettings
from stepwave.generation.speak import speak
from stepwave.models.detokenizer import Voice
from stepwave.signal.resample import Samples
from stepwave.text.prompts import SPEAK
from stepwave.text.template import render

WRITTEN_TOKENS_PER_SECOND: Final = 12
"""Bound on a transcript: quick English has 6 tokens a second."""
READ_SECONDS_PER_TOKEN: Final = 1.0
"""Bound on a reading: slow English takes 0.5 s for a token."""
_SPARE_TOKENS: Final = 16
_SPARE_SECONDS: Final = 3.0


def spoken_tokens(seconds: float) -> int:
    """Tokens of a spoken answer of `seconds` of sound at most, whole groups and the closing marks."""
    return GROUP * math.ceil(seconds * SPEECH_TOKEN_RATE / SPEECH_PER_GROUP) + 2


def transcribe_piece(engine: Engine, samples: Samples, heard: Sequence[Heard] | None = None) -> str:
    """The words of at most 25 s of sound; see `stream_transcript`."""
    return "".join(stream_transcript(engine, samples, heard)).strip()


def stream_transcript(engine: Engine, samples: Samples, heard: Sequence[Heard] | None = None) -> Iterator[str]:
    """The words of at most 25 s of sound, samples [n] at 16 kHz, as they are written; greedy.

    `heard` is the sound as `Engine.encode` gave it where it was heard before. Joined, and without white space at the
    ends, the parts are the transcript.
    """
    prompt = render(
        [
            Message("system", engine.profile.prompts.transcribe),
            Message("human", (AudioPart(samples),)),
            Message("assistant", None),
        ],
        engine.tokenizer,
    )
    context = engine.context(len(prompt.ids) + 64)
    context.read(prompt, heard)
    most = _SPARE_TOKENS + math.ceil(WRITTEN_TOKENS_PER_SECOND * input_seconds(len(samples)))
    events = context.decode(DecodeSettings(max_tokens=most))
    return (event.text for event in events if isinstance(event, TextDelta))


def read_piece(engine: Engine, text: str, voice: Voice, seed: int | None = None) -> Iterator[Event]:
    """Read a short text aloud: text, codes and sound as events. Its words are given to the model, which chooses the
    sound only.

    Raises TextError for a text without any token.
    """
    special = engine.tokenizer.special
    said = tuple(engine.tokenizer.encode(text, parse_special=False))
    if not said:
        raise TextError("got an empty text; wanted something to read aloud")
    prompt = render(
        [
            Message("system", engine.profile.prompts.read),
            Message("human", (TextPart(text),)),
            Message("assistant", SPEAK, eot=False),
        ],
        engine.tokenizer,
    )
    context = engine.context(len(prompt.ids) + 256)
    context.read(prompt)
    settings = DecodeSettings(
        text=replace(engine.profile.text, seed=seed),
        speech=engine.profile.speech,
        max_tokens=spoken_tokens(_SPARE_SECONDS + READ_SECONDS_PER_TOKEN * len(said)),
        stop_ids=(special.tts_end, special.eot, special.end_of_text),
        said=said,
    )
    return speak(context.decode(settings), engine.speech(voice))
