"""A model of this project as the subject of a suite: conversations through `dialogue`, single parts from its folder."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor

from stepwave.checkpoints.inspection import file_digest
from stepwave.checkpoints.layouts import Kind, load_modules
from stepwave.checkpoints.locate import locate
from stepwave.checkpoints.nano import DIGESTS
from stepwave.checkpoints.reader import Placement
from stepwave.dialogue.loading import load
from stepwave.dialogue.messages import has_sound
from stepwave.dialogue.stepwave import Stepwave
from stepwave.dialogue.voices import nano_codes
from stepwave.evaluation.answers import Arrival, MadeCall, Produced
from stepwave.evaluation.items import Side
from stepwave.evaluation.question import Question, Said, Wanted, written_prompt
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.facts.conversation import AudioPart, Message, Part, Role, TextPart
from stepwave.facts.errors import CheckpointIncompleteError, ConfigError
from stepwave.facts.events import AudioDelta, Event, Finished, TextDelta, ToolCallRequest
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.models.detokenizer import Voice
from stepwave.models.encoder import AudioEncoder
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer
from stepwave.models.vocoder import Vocoder
from stepwave.signal.mel import speech_mel
from stepwave.signal.resample import Samples
from stepwave.text.language_names import LANGUAGE_NAMES
from stepwave.text.markup import write_tool_call
from stepwave.text.prompts import TASK_PROMPTS_NANO, TASK_PROMPTS_RELEASED

_PROMPTS: Final[Mapping[Kind, Mapping[str, str]]] = {"stepwave": TASK_PROMPTS_NANO, "released": TASK_PROMPTS_RELEASED}
"""What each kind of model was trained to be told for the tasks that dialogue does not offer."""
_ROLES: Final[Mapping[Side, Role]] = {"user": "human", "assistant": "assistant", "tool": "input"}
_SPOKEN: Final = ("speech", "spoken_translation", "reading", "resynthesised")


class OwnModel:
    """See `subject.Subject`. It speaks in the model's own voice; parts are loaded when a question first needs them.

    Raises CheckpointError where there is no such model, ConfigError where the device or the threads can't be had.
    """

    at_once = 1

    def __init__(self, model: str, device: str = "cpu", threads: int | None = None) -> None:
        self.name = model
        folder = locate(model)
        self.revision = revision(folder)
        self.facts: dict[str, Any] = {"kind": "own model", "device": device, "threads": threads}
        self._model: Stepwave = load(folder, device, threads)

    def prepare(self, wanted: Wanted) -> None:
        """See `Subject.prepare`."""
        # Asked for here so that a missing part ends the check, not each of its items.
        if wanted not in ("vocoded", "resynthesised"):
            self._model.engine.context()
        if wanted in _SPOKEN:
            _ = self._voice
        if wanted == "vocoded":
            _ = self._vocoder
        if wanted == "resynthesised":
            _ = self._codes

    def ask(self, question: Question) -> Produced:
        """See `Subject.ask`: every question opens a session of its own. Calls end an answer; nothing is run."""
        if question.wanted == "reading":
            return self._read(question)
        if question.wanted == "transcript" and question.last.samples is not None and question.system is None:
            told = written_prompt(self._model.profile.prompts.transcribe, question.turns)
            started = time.perf_counter()
            text = self._model.transcribe(question.last.samples)
            return Produced(text, seconds=time.perf_counter() - started, prompt=told)
        return self._answer(question)

    def _read(self, question: Question) -> Produced:
        chosen = self._voice if question.voice is None else self._model.voice(Path(question.voice))
        started = time.perf_counter()
        reading = self._model.say(question.last.text, chosen, question.seed)
        return Produced(
            sound=_at_24_khz(reading.samples, reading.sample_rate),
            cut=bool(reading.cut),
            seconds=time.perf_counter() - started,
            prompt=written_prompt(self._model.profile.prompts.read, question.turns),
        )

    def _answer(self, question: Question) -> Produced:
        messages = [_message(turn) for turn in question.turns]
        system = question.system or self._usual(question, messages)
        session = self._model.session(system, question.seed, question.tools)
        for message in messages:
            session.add(message)
        spoken = question.wanted in ("speech", "spoken_translation")
        # The voice is made ready beforehand, as it is for anyone who talks.
        voice = self._voice if spoken else None
        told = written_prompt(system, question.turns, question.tools)
        started = time.perf_counter()
        produced = gathered(session.stream(voice=voice, text_only=not spoken), started)
        heard = session.transcript() if question.heard else ""
        return replace(produced, heard=heard, prompt=told)

    def _usual(self, question: Question, messages: Sequence[Message]) -> str:
        """The system prompt that the model knows for what is wanted."""
        profile, engine = self._model.profile, self._model.engine
        if question.wanted == "transcript":
            return profile.prompts.transcribe
        if question.wanted in ("translation", "spoken_translation"):
            task = "s2tt" if question.wanted == "translation" else "s2st"
            code = question.answer_language
            return _PROMPTS[engine.layout.kind][task].format(language=LANGUAGE_NAMES.get(code, code))
        if question.tools and profile.prompts.tools:
            return profile.prompts.tools
        return profile.prompts.answer if has_sound(messages) else profile.prompts.chat

    @torch.inference_mode()
    def vocode(self, samples: Samples) -> Samples:
        """See `SoundParts.vocode`."""
        sound: Tensor = self._vocoder(speech_mel(torch.from_numpy(samples))[None].to(self._model.engine.device))
        return cast(Samples, sound[0].cpu().numpy())

    def resynthesise(self, samples: Samples) -> Samples:
        """See `SoundParts.resynthesise`; the sound is in the model's own voice."""
        return self._model.engine.detokenizer.whole(self._codes(samples), self._voice)

    @cached_property
    def _voice(self) -> Voice:
        return self._model.voice()

    @cached_property
    def _vocoder(self) -> Vocoder:
        engine = self._model.engine
        return cast(Vocoder, load_modules(engine.layout, ("vocoder",), _float32(engine.device))["vocoder"])

    @cached_property
    def _codes(self) -> Callable[[Samples], Tensor]:
        engine = self._model.engine
        parts = load_modules(engine.layout, ("encoder", "speech_tokenizer"), _float32(engine.device))
        tokenizer = parts["speech_tokenizer"]
        if not isinstance(tokenizer, NanoSpeechTokenizer):
            raise CheckpointIncompleteError(
                f"{self.name} has a tokenizer of the released kind; resynthesis is measured of nano's kind only"
            )
        return nano_codes(cast(AudioEncoder, parts["encoder"]), tokenizer)


def open_subject(target: str, options: SubjectOptions) -> OwnModel:
    """nano, a folder, or a hub id; see `opening`."""
    return OwnModel(target, options.device, options.threads)


def revision(folder: Path) -> str:
    """Ten digits that change with any weight or setting in a model's folder; its recorded digests are believed."""
    if (folder / DIGESTS).is_file():
        return file_digest(folder / DIGESTS)[:10]
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".safetensors"))
    together = "".join(f"{path.relative_to(folder)} {file_digest(path)}\n" for path in files)
    return hashlib.sha256(together.encode()).hexdigest()[:10]


def gathered(events: Iterable[Event], started: float, clock: Callable[[], float] = time.perf_counter) -> Produced:
    """What an answer's events come to, each piece of sound and each call timed from `started` on."""
    texts: list[str] = []
    pieces: list[Samples] = []
    arrivals: list[Arrival] = []
    calls: list[MadeCall] = []
    cut = False
    for event in events:
        if isinstance(event, TextDelta):
            texts.append(event.text)
        elif isinstance(event, AudioDelta) and len(event.samples):
            piece = _at_24_khz(event.samples, event.sample_rate)
            arrivals.append(Arrival(clock() - started, len(piece) / OUTPUT_SAMPLE_RATE))
            pieces.append(piece)
        elif isinstance(event, ToolCallRequest):
            calls.append(MadeCall(event.name, event.arguments_json, clock() - started))
        elif isinstance(event, Finished):
            cut = event.reason == "length"
    return Produced(
        "".join(texts).strip(),
        sound=np.concatenate(pieces) if pieces else None,
        cut=cut,
        seconds=clock() - started,
        arrivals=tuple(arrivals),
        calls=tuple(calls),
    )


def _message(turn: Said) -> Message:
    parts: list[Part] = [] if turn.samples is None else [AudioPart(turn.samples)]
    calls = "".join(write_tool_call(call.name, call.arguments) for call in turn.calls)
    if turn.text or calls:
        parts.append(TextPart(turn.text + calls))
    return Message(_ROLES[turn.side], tuple(parts))


def _float32(device: torch.device) -> Placement:
    return Placement(torch.float32, device)


def _at_24_khz(samples: Samples, sample_rate: int) -> Samples:
    if sample_rate != OUTPUT_SAMPLE_RATE:
        raise ConfigError(f"the model speaks at {sample_rate} Hz; suites measure sound at {OUTPUT_SAMPLE_RATE} Hz")
    return samples
