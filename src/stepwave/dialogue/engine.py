"""A model on this computer, its parts loaded when first needed: transcribing never pays for the vocoder.

Holds which parts stay 8-bit, in which type and on which device. What is said to the model is not here. `SpeechParts` is
what stays here even where a server has the language model.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Final, Self, cast

import torch
from torch import Tensor, nn

from stepwave.checkpoints.campplus import CamPlus
from stepwave.checkpoints.layouts import SPEAKER_FILE, Layout, load_modules, load_tokenizer
from stepwave.checkpoints.plan import expected_tensors
from stepwave.checkpoints.reader import Placement
from stepwave.checkpoints.voices import VOICES, read_voices
from stepwave.dialogue.profile import Profile, read_profile
from stepwave.dialogue.voices import VoiceMaker, Voices, nano_codes, released_codes, released_speaker
from stepwave.facts.errors import ConfigError, short_reason
from stepwave.facts.events import Event
from stepwave.generation.context import Context
from stepwave.generation.decode import DecodeSettings, close, decode
from stepwave.generation.prefixes import Prefixes
from stepwave.generation.speak import SpeechStream
from stepwave.models.adaptor import Adaptor
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.models.decoder import Decoder
from stepwave.models.detokenizer import Detokenizer, Voice
from stepwave.models.encoder import AudioEncoder
from stepwave.models.fast_decoder import FastDecoder
from stepwave.models.flow import FlowMatching
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer
from stepwave.models.speaker import SpeakerEncoder
from stepwave.models.speech_tokenizer import SpeechTokenizer
from stepwave.models.vocoder import Vocoder
from stepwave.signal.resample import Samples
from stepwave.text.tokenizer import Tokenizer

FUSED_PARAMETERS: Final = 1_000_000_000
"""Decoders up to this size are copied into the quick arrangement; a larger one would need its memory twice."""


class SpeechParts:
    """The parts of the model in `layout` around its language model: tokenizer, voices, and what makes sound."""

    def __init__(self, layout: Layout, device: str | None = None) -> None:
        self.layout = layout
        self.device = device_named(device)
        self.profile: Profile = read_profile(layout)
        self._small = self._decoder_size() <= FUSED_PARAMETERS

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Text to ids; raises CheckpointError or TokenizerError."""
        return load_tokenizer(self.layout)

    @cached_property
    def detokenizer(self) -> Detokenizer:
        """Flow matching and vocoder, in float32; raises CheckpointError."""
        parts = load_modules(self.layout, ("flow", "vocoder"), Placement(torch.float32, self.device))
        return Detokenizer(cast(FlowMatching, parts["flow"]), cast(Vocoder, parts["vocoder"]))

    def speech(self, voice: Voice) -> SpeechStream:
        """What makes sound of one answer's speech codes. Opening a voice for the first time computes its prompt.

        Raises CheckpointError.
        """
        return self.detokenizer.stream(voice)

    @cached_property
    def voices(self) -> Voices:
        """The stored voices, and the models that make further ones; raises CheckpointError."""
        stored = (self.layout.folder / f"{VOICES}.safetensors").is_file()
        return Voices(read_voices(self.layout.folder) if stored else {}, self._voice_maker, self.profile.default_voice)

    def _voice_maker(self) -> VoiceMaker:
        tokenizer = self._module("speech_tokenizer")
        if isinstance(tokenizer, SpeechTokenizer):
            speaker = CamPlus(self.layout.folder / SPEAKER_FILE)
            return VoiceMaker(released_codes(tokenizer), released_speaker(speaker))
        embed = cast(SpeakerEncoder, self._module("speaker")).embed
        return VoiceMaker(nano_codes(self._encoder(), cast(NanoSpeechTokenizer, tokenizer)), embed)

    def _encoder(self) -> AudioEncoder:
        """The audio encoder, which nano's speech tokenizer builds on."""
        return cast(AudioEncoder, self._module("encoder"))

    def _module(self, name: str) -> nn.Module:
        return load_modules(self.layout, (name,), Placement(torch.float32, self.device))[name]

    def _decoder_size(self) -> int:
        plans = [plan for plan in self.layout.plans if plan.name == "decoder"]
        return sum(tensor.numel() for plan in plans for tensor in expected_tensors(plan).values())


class LocalEngine(SpeechParts):
    """The whole model in `layout`, on `device`. Sessions share it; of theirs it keeps system prompts alone."""

    def __init__(self, layout: Layout, device: str | None = None) -> None:
        super().__init__(layout, device)
        self._prefixes = Prefixes()

    @cached_property
    def language(self) -> AudioLanguageModel:
        """Encoder, adaptor and decoder; raises CheckpointError."""
        special = self.tokenizer.special
        on_cpu = self.device.type == "cpu"
        # A processor reads 8-bit weights twice as quickly as 16-bit ones; a large model is taken as it is stored.
        quantised = ("decoder",) if on_cpu and self._small else ()
        dtype = None if on_cpu else torch.bfloat16
        parts = load_modules(self.layout, ("encoder", "adaptor"), Placement(self._float_type(), self.device))
        parts |= load_modules(self.layout, ("decoder",), Placement(dtype, self.device, quantised))
        decoder = cast(Decoder, parts["decoder"])
        return AudioLanguageModel(
            cast(AudioEncoder, parts["encoder"]),
            cast(Adaptor, parts["adaptor"]),
            FastDecoder(decoder) if self._small else decoder,
            special,
        ).eval()

    def context(self, capacity: int = 512) -> LocalContext:
        """An empty conversation, with room for `capacity` positions before its cache grows; raises CheckpointError."""
        return LocalContext(self.language, self.tokenizer, capacity, self._prefixes)

    @torch.inference_mode()  # else what is kept of a question would keep every activation of the encoder
    def encode(self, pieces: Sequence[Samples]) -> list[Tensor]:
        """Pieces of sound (16 kHz, [n], at most 25 s) -> one tensor [positions, h] each."""
        return self.language.encode(pieces)

    def _encoder(self) -> AudioEncoder:
        return self.language.encoder

    def _float_type(self) -> torch.dtype | None:
        """Type of encoder and adaptor: float32 where that is cheap, else as stored."""
        if self._small:
            return torch.float32
        return None if self.device.type == "cpu" else torch.bfloat16


class LocalContext(Context):
    """A conversation with a model on this computer, which knows how answers are read."""

    def __init__(
        self, model: AudioLanguageModel, tokenizer: Tokenizer, capacity: int = 512, prefixes: Prefixes | None = None
    ) -> None:
        super().__init__(model, capacity, prefixes)
        self._tokenizer = tokenizer

    def decode(
        self, settings: DecodeSettings | None = None, interrupted: Callable[[], bool] | None = None
    ) -> Iterator[Event]:
        """Generate the answer to what was read, as events; see `generation.decode.decode`."""
        return decode(self, self._tokenizer, settings, interrupted)

    def close(self) -> None:
        """Bring an answer that was cut short to a proper end, as history."""
        close(self)

    def fork(self) -> Self:
        """An independent copy: another answer to the same conversation."""
        twin = copy.copy(self)
        vars(twin).update(vars(super().fork()))
        return twin


def use_threads(count: int | None) -> None:
    """Let PyTorch compute with `count` threads; None takes every core this process may run on. Raises ConfigError."""
    if count is not None and count < 1:
        raise ConfigError(f"threads is {count}; wanted at least 1, or none for all cores")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(count or cores)


def device_named(name: str | None) -> torch.device:
    """The device called `name`, the GPU where there is one for None. Raises ConfigError where it can't be used."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"the device '{name}' can't be used ({short_reason(error)}); wanted cpu, or cuda where there is one"
        ) from None
    return device
