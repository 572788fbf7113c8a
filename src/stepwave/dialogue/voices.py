"""Whose voice an answer is spoken in: a stored voice by name, or a recording of a few seconds made into one."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

import torch
from torch import Tensor

from stepwave.facts.errors import AudioTooShortError, ConfigError
from stepwave.facts.rates import (
    INPUT_SAMPLE_RATE,
    OUTPUT_SAMPLE_RATE,
    speech_tokens_of_mel,
    tokenizer_mel_frames,
    valid_mel_frames,
)
from stepwave.models.detokenizer import Voice
from stepwave.models.encoder import AudioEncoder
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer
from stepwave.models.speech_tokenizer import SpeechTokenizer
from stepwave.signal.fbank import speaker_features
from stepwave.signal.files import Audio, read_audio
from stepwave.signal.mel import log_mel, speech_mel
from stepwave.signal.resample import Samples, resample
from stepwave.signal.voice_activity import trim

VoiceChoice: TypeAlias = str | os.PathLike[str] | Audio | Voice | None
"""A stored voice's name, a recording, a voice made before, or None for the model's own."""

LONGEST_PROMPT_SECONDS: Final = 10.0
"""So much of a recording becomes the voice's prompt: more costs time with every answer and adds little."""
LEAST_PROMPT_SECONDS: Final = 1.0
"""Less sound says too little about a voice."""
REMEMBERED: Final = 16
"""Voices made of recordings that are kept, 0.2 MB each. What their prompts left in the flow's caches takes much more
and is bounded by itself (`models.heard_prompts`)."""
_LONGEST_CLIP_SECONDS: Final = 600.0


@dataclass(frozen=True)
class VoiceMaker:
    """The models that turn a recording into a voice, as plain functions of samples [n] at 16 kHz."""

    codes: Callable[[Samples], Tensor]
    """Speech codes [p], 25 a second."""
    speaker: Callable[[Samples], Tensor]
    """Speaker vector [s]."""

    def make(self, name: str, audio: Audio) -> Voice:
        """A voice from a recording at its own rate: its first 10 s of sound, silence at the ends taken off.

        Codes and mel cover the same stretch (reference facts 6.1).
        Raises AudioTooShortError where less than a second of sound is there.
        """
        sound = trim(audio.samples, audio.sample_rate)[: int(LONGEST_PROMPT_SECONDS * audio.sample_rate)]
        seconds = len(sound) / audio.sample_rate
        if seconds < LEAST_PROMPT_SECONDS:
            raise AudioTooShortError(
                f"the voice recording {name} has {seconds:.2f} s of sound in {audio.seconds:.2f} s; "
                f"wanted at least {LEAST_PROMPT_SECONDS:g} s of speech: record a longer one, or louder"
            )
        heard = resample(sound, audio.sample_rate, INPUT_SAMPLE_RATE)
        mel = speech_mel(torch.from_numpy(resample(sound, audio.sample_rate, OUTPUT_SAMPLE_RATE)))
        return Voice.fitted(name, self.speaker(heard), self.codes(heard), mel.T.contiguous())


class Voices:
    """The voices of one model, to be used from any thread. `maker` is called for when the first recording comes."""

    def __init__(
        self, stored: Mapping[str, Voice], maker: Callable[[], VoiceMaker], default: str | None = None
    ) -> None:
        if default is not None and stored and default not in stored:
            raise ConfigError(f"the model's own voice '{default}' is not stored with it; known are {', '.join(stored)}")
        self._stored = dict(stored)
        self._make = maker
        self._default = default
        self._made: OrderedDict[tuple[str, bytes], Voice] = OrderedDict()
        self._looking, self._making = threading.Lock(), threading.Lock()

    @property
    def names(self) -> list[str]:
        """The stored voices, by name."""
        return sorted(self._stored)

    @property
    def default(self) -> str | None:
        """The stored voice that is the model's own; None where none is stored."""
        return (self._default or self.names[0]) if self._stored else None

    @cached_property
    def _maker(self) -> VoiceMaker:
        return self._make()

    def choose(self, choice: VoiceChoice = None) -> Voice:
        """The voice meant by `choice`; a name goes before a file of that name.

        The last 16 recordings are remembered by their samples: choosing one again gives the same object.

        Raises:
            ConfigError: no voice is stored, or none of that name, and it is no file either.
            AudioError: the recording can't be read, or is too short.
        """
        if isinstance(choice, Voice):
            return choice
        if isinstance(choice, Audio):
            return self._made_of("recording", choice)
        if choice is None:
            if self.default is None:
                raise ConfigError("this model has no voice of its own; give a recording of a few seconds as the voice")
            return self._stored[self.default]
        if isinstance(choice, str) and choice in self._stored:
            return self._stored[choice]
        if not Path(choice).exists():
            known = ", ".join(self.names) or "none"
            raise ConfigError(f"no voice '{os.fspath(choice)}', and no file of that name; stored voices: {known}")
        audio = read_audio(choice, sample_rate=None, channels="mean", max_seconds=_LONGEST_CLIP_SECONDS)
        return self._made_of(Path(choice).stem, audio)

    def _made_of(self, name: str, audio: Audio) -> Voice:
        """The voice of a recording, made where it is not remembered. Voices are made one at a time."""
        digest = hashlib.sha256(f"{audio.sample_rate} {audio.samples.dtype} ".encode())
        digest.update(audio.samples.tobytes())
        key = (name, digest.digest())
        if (known := self._known(key)) is not None:
            return known
        with self._making:
            if (known := self._known(key)) is not None:  # made by another thread meanwhile
                return known
            voice = self._maker.make(name, audio)
            with self._looking:
                self._made[key] = voice
                if len(self._made) > REMEMBERED:
                    self._made.popitem(last=False)
            return voice

    def _known(self, key: tuple[str, bytes]) -> Voice | None:
        with self._looking:
            if key in self._made:
                self._made.move_to_end(key)
            return self._made.get(key)


def nano_codes(encoder: AudioEncoder, tokenizer: NanoSpeechTokenizer) -> Callable[[Samples], Tensor]:
    """Codes from the frames of nano's own encoder, as in training."""

    @torch.inference_mode()
    def codes(samples: Samples) -> Tensor:
        weight = encoder.conv1.weight
        mel = log_mel(torch.from_numpy(samples).to(weight.device), encoder.config.bands)[None].to(weight.dtype)
        frames, lengths = encoder(mel, torch.tensor([valid_mel_frames(len(samples))], device=weight.device))
        found: Tensor = tokenizer.encode(frames.float(), lengths)
        return found[0, : int(lengths)].cpu()

    return codes


def released_codes(tokenizer: SpeechTokenizer) -> Callable[[Samples], Tensor]:
    """Codes of the released S3 tokenizer, whose mel has no padding on the right (reference facts 6.1a)."""

    @torch.inference_mode()
    def codes(samples: Samples) -> Tensor:
        weight = tokenizer.encoder.conv1.weight
        mel = log_mel(torch.from_numpy(samples).to(weight.device), tokenizer.config.bands, right_padding=0)
        frames = tokenizer_mel_frames(len(samples))
        found, _ = tokenizer.encode(mel[None].to(weight.dtype), torch.tensor([frames], device=weight.device))
        return found[0, : speech_tokens_of_mel(frames)].cpu()

    return codes


def released_speaker(embed: Callable[[Tensor], Tensor]) -> Callable[[Samples], Tensor]:
    """CAM++ on its features (reference facts 6.1b)."""
    return lambda samples: embed(speaker_features(samples))
