"""The engine of a model whose language model a vLLM server runs, and how it is found that the two belong together."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final

import numpy as np

from stepwave.checkpoints.layouts import Layout
from stepwave.dialogue.engine import SpeechParts
from stepwave.facts.conversation import AudioPart, Message
from stepwave.facts.errors import ConfigError, LanguageServerError
from stepwave.facts.tokens import NAMES, SPEECH_CODES, speech_name
from stepwave.generation.decode import DecodeSettings
from stepwave.generation.speak import SpeechStream
from stepwave.models.detokenizer import Voice
from stepwave.signal.resample import Samples
from stepwave.text.prompts import SPEAK
from stepwave.text.template import render
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm.choosing import Choosing
from stepwave.vllm.remote.context import Clip, RemoteContext
from stepwave.vllm.remote.server import RefusedError, Server

_SHORT: Final = "Name three rivers. 请说。"
_PROBE: Final = "".join([_SHORT, *NAMES.values(), speech_name(SPEECH_CODES - 1)])
"""Every kind of token, by which two tokenizers are compared."""


class RemoteEngine(SpeechParts):
    """The model in `layout`, of which only what makes sound is loaded here. Made by `connect`.

    Sessions share it, from any thread. Answers may be made at the same time; sound is made for one after the other,
    since each takes every core of this computer.
    """

    def __init__(self, layout: Layout, server: Server, model: str, positions: int, device: str | None = None) -> None:
        """`model` is the server's name of the model, `positions` what it takes in a conversation."""
        super().__init__(layout, device)
        self.server = server
        self.model = model
        self.positions = positions
        self._sounding = threading.Lock()

    def context(self, capacity: int = 512) -> RemoteContext:
        """An empty conversation; `capacity` means nothing here."""
        return RemoteContext(self.server, self.model, self.tokenizer, self.positions)

    def encode(self, pieces: Sequence[Samples]) -> list[Clip]:
        """Pieces of sound (16 kHz, [n], at most 25 s) as they are told to the server, which computes them."""
        return [Clip(piece) for piece in pieces]

    def speech(self, voice: Voice) -> SpeechStream:
        """What makes sound of one answer's speech codes; raises CheckpointError."""
        with self._sounding:
            return _InTurn(super().speech(voice), self._sounding)


class _InTurn:
    """A stream of sound that computes while no other does."""

    def __init__(self, stream: SpeechStream, lock: threading.Lock) -> None:
        self._stream, self._lock = stream, lock

    def push(self, codes: Sequence[int]) -> Samples:
        """As `SpeechStream.push`."""
        with self._lock:
            return self._stream.push(codes)

    def finish(self) -> Samples:
        """As `SpeechStream.finish`."""
        with self._lock:
            return self._stream.finish()


def connect(
    layout: Layout, url: str, key: str | None = None, model: str | None = None, device: str | None = None
) -> RemoteEngine:
    """The model in `layout`, its language model run by the vLLM server at `url`.

    Args:
        layout: the same model here; its encoder, adaptor and decoder are not loaded.
        url: `http://HOST:PORT`; nothing else is contacted.
        key: the server's `--api-key`.
        model: the server's name of the model; None where it has only one.
        device: where sound is made.

    Raises:
        ConfigError: the URL is none, or the server has not that model, or another one than is here.
        LanguageServerError: the server can't be reached, lacks what is needed, or has not the plug-in's pattern.
        CheckpointError, TokenizerError: the model here can't be used.
    """
    server = Server(url, key)
    name, positions = _served(server, model)
    engine = RemoteEngine(layout, server, name, positions, device)
    _compare_tokens(engine)
    _check_answers(engine)
    return engine


def _served(server: Server, wanted: str | None) -> tuple[str, int]:
    """Name and positions of the model to ask."""
    listed = server.get("/v1/models").get("data")
    models = {
        card["id"]: card.get("max_model_len")
        for card in (listed if isinstance(listed, list) else [])
        if isinstance(card, Mapping) and isinstance(card.get("id"), str)
    }
    known = ", ".join(models) or "none"
    if wanted is None and len(models) != 1:
        raise ConfigError(f"the server at {server.url} has the models {known}; name one of them")
    name = wanted or next(iter(models))
    if name not in models:
        raise ConfigError(f"the server at {server.url} has no model '{name}'; it has {known}")
    positions = models[name]
    if type(positions) is not int or positions < 1:
        raise LanguageServerError(f"the server at {server.url} does not tell its max_model_len; is it vLLM?")
    return name, positions


def _compare_tokens(engine: RemoteEngine) -> None:
    asked = {"model": engine.model, "prompt": _PROBE, "add_special_tokens": False}
    theirs = engine.server.post("/tokenize", asked).get("tokens")
    if theirs != engine.tokenizer.encode(_PROBE, parse_special=True):
        raise ConfigError(
            f"'{engine.model}' on the server at {engine.server.url} is not the model in {engine.layout.folder} (their "
            "tokens differ); serve what `python -m stepwave.vllm export` makes of it, or give its --model here"
        )


def _check_answers(engine: RemoteEngine) -> None:
    """Let the server say a word that is given: only with sound, by token ids, and with the pattern it can."""
    tokenizer: Tokenizer = engine.tokenizer
    word = tokenizer.encode(_SHORT, parse_special=False)[0]
    hum = (0.1 * np.sin(np.arange(8_000) * 0.2)).astype(np.float32)
    prompt = render([Message("human", (AudioPart(hum),)), Message("assistant", SPEAK, eot=False)], tokenizer)
    context = engine.context()
    context.read(prompt)
    asked: dict[str, Any] = Choosing.of(DecodeSettings(said=(word,))).sampling_params(1, (), None)
    place = f"the server at {engine.server.url}"
    try:
        with closing(context.tokens(asked)) as tokens:
            said = next(tokens, None)
    except RefusedError as error:
        raise LanguageServerError(
            f"{error}; vLLM 0.32 or later is wanted, with stepwave installed, started with --enable-scale-out"
        ) from None
    if said != word:
        raise LanguageServerError(
            f"{place} does not keep to the pattern of spoken answers; start vLLM with "
            "--logits-processors stepwave.vllm.pattern:SpokenPattern, of this version of Stepwave"
        )
