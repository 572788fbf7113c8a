"""A model of this project as the subject of a suite: conversations through `dialogue`, single parts from its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor

from stepwave.checkpoints.inspection import file_digest
from stepwave.checkpoints.layouts import load_modules
from stepwave.checkpoints.locate import locate
from stepwave.checkpoints.nano import DIGESTS
from stepwave.checkpoints.reader import Placement
from stepwave.dialogue.loading import load
from stepwave.dialogue.stepwave import Stepwave
from stepwave.dialogue.voices import nano_codes
from stepwave.evaluation.answers import Produced
from stepwave.facts.errors import CheckpointIncompleteError, ConfigError
from stepwave.facts.events import Event
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.models.detokenizer import Voice
from stepwave.models.encoder import AudioEncoder
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer
from stepwave.models.vocoder import Vocoder
from stepwave.signal.mel import speech_mel
from stepwave.signal.resample import Samples

_SPEAKING: Final = ("say", "say_as", "reply", "timed_reply", "resynthesise")


class ModelUnderTest:
    """See `subject.Subject`. It speaks in the model's own voice; parts are loaded when a task first needs them.

    Raises CheckpointError where there is no such model, ConfigError where the device or the threads can't be had.
    """

    def __init__(self, model: str, device: str = "cpu", threads: int | None = None) -> None:
        self.name = model
        folder = locate(model)
        self.revision = revision(folder)
        self._model: Stepwave = load(folder, device, threads)
        self._seed = 0

    def begin(self, task: str, seed: int) -> None:
        """See `Subject.begin`: every call below opens a session of its own."""
        self._seed = seed
        # Asked for here so that a missing part ends the check, not each of its items.
        if task in ("transcribe", "say", "say_as", "reply", "timed_reply"):
            self._model.engine.context()
        if task in _SPEAKING:
            _ = self._voice
        if task == "vocode":
            _ = self._vocoder
        if task == "resynthesise":
            _ = self._codes

    def transcribe(self, samples: Samples) -> Produced:
        """See `Subject.transcribe`."""
        return Produced(self._model.transcribe(samples))

    def say(self, text: str, voice: str | None = None) -> Produced:
        """See `Subject.say`."""
        chosen = self._voice if voice is None else self._model.voice(Path(voice))
        reading = self._model.say(text, chosen, self._seed)
        return Produced(sound=_at_24_khz(reading.samples, reading.sample_rate), cut=bool(reading.cut))

    def reply(self, samples: Samples) -> Produced:
        """See `Subject.reply`."""
        reply = self._model.reply(samples, self._voice, seed=self._seed)
        sound = _at_24_khz(reply.samples, reply.sample_rate)
        return Produced(
            reply.text, reply.heard or "", sound, cut=reply.reason == "length", seconds=reply.timings.answer
        )

    def stream(self, samples: Samples) -> Iterator[Event]:
        """See `Subject.stream`; the voice is made ready beforehand, as it is for anyone who talks."""
        return self._model.stream_reply(samples, self._voice, seed=self._seed)

    @torch.inference_mode()
    def vocode(self, samples: Samples) -> Samples:
        """See `Subject.vocode`."""
        sound: Tensor = self._vocoder(speech_mel(torch.from_numpy(samples))[None].to(self._model.engine.device))
        return cast(Samples, sound[0].cpu().numpy())

    def resynthesise(self, samples: Samples) -> Samples:
        """See `Subject.resynthesise`; the sound is in the model's own voice."""
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


def revision(folder: Path) -> str:
    """Ten digits that change with any weight or setting in a model's folder; its recorded digests are believed."""
    if (folder / DIGESTS).is_file():
        return file_digest(folder / DIGESTS)[:10]
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".safetensors"))
    together = "".join(f"{path.relative_to(folder)} {file_digest(path)}\n" for path in files)
    return hashlib.sha256(together.encode()).hexdigest()[:10]


def _float32(device: torch.device) -> Placement:
    return Placement(torch.float32, device)


def _at_24_khz(samples: Samples, sample_rate: int) -> Samples:
    if sample_rate != OUTPUT_SAMPLE_RATE:
        raise ConfigError(f"the model speaks at {sample_rate} Hz; suites measure sound at {OUTPUT_SAMPLE_RATE} Hz")
    return samples
