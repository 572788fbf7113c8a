"""A conversation with a language model in a vLLM server: ids and sound are kept here, and sent for each answer.

The server keeps no conversation. Its prefix cache knows again what it has read, and its cache of sound what it has
heard, so a turn costs it only what is new; where it has forgotten, it is told again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, Final

import soundfile

from stepwave.facts.errors import ConfigError, LanguageServerError, TemplateError
from stepwave.facts.events import Event, Finished, FinishReason
from stepwave.facts.rates import INPUT_SAMPLE_RATE, placeholders
from stepwave.generation.decode import DecodeSettings
from stepwave.generation.slots import Choice, Slots, follow
from stepwave.generation.words import TokenEvents
from stepwave.signal.resample import Samples
from stepwave.text.template import Prompt
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm.choosing import Choosing
from stepwave.vllm.dialects import error_text
from stepwave.vllm.remote.server import RefusedError, Server

GENERATE: Final = "/inference/v1/generate"
_ENDS: Final[Mapping[str, FinishReason]] = {"stop": "stop", "length": "length"}


class Clip:
    """A piece of sound, samples [n] at 16 kHz, as it is told to the server: whole at first, then by name."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.positions = placeholders(len(samples))
        self.name = hashlib.blake2b(samples.tobytes(), digest_size=16).hexdigest()
        self.told = False
        """Whether the server has had it."""

    def part(self, whole: bool) -> dict[str, Any]:
        """The part of a request; only the name where the server should know the rest."""
        part = {"type": "audio_url", "uuid": self.name}
        if self.told and not whole:
            return part
        file = io.BytesIO()
        soundfile.write(file, self.samples, INPUT_SAMPLE_RATE, "FLOAT", format="WAV")
        return part | {"url": f"data:audio/wav;base64,{base64.b64encode(file.getvalue()).decode()}"}


class RemoteContext:
    """One conversation with the model called `model` on `server`; it belongs to one caller at a time.

    `positions` is how many the server takes in a conversation.
    """

    def __init__(self, server: Server, model: str, tokenizer: Tokenizer, positions: int) -> None:
        self._server, self._model, self._tokenizer, self._positions = server, model, tokenizer, positions
        self._ids: list[int] = []
        self._clips: list[Clip] = []

    @property
    def ids(self) -> list[int]:
        """Everything read and written so far (a copy)."""
        return list(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def room(self) -> int:
        """Positions left before the server's limit."""
        return self._positions - len(self._ids)

    def read(self, prompt: Prompt, audio: Sequence[Clip] | None = None) -> None:
        """Append a prompt and its sound; the server reads it when the answer is asked for.

        Raises ConfigError if it does not fit, and TemplateError if sound and placeholders disagree; both leave the
        context as it was.
        """
        if len(prompt.ids) > self.room:
            raise ConfigError(
                f"the prompt has {len(prompt.ids)} positions and the conversation has room for {self.room} more; "
                "shorten it or start a new conversation"
            )
        heard = [Clip(piece) for piece in prompt.audio] if audio is None else audio
        clips = [clip for clip in heard if clip.positions]  # 20 ms or less have no position
        runs = self._runs(prompt.ids)
        if runs != [clip.positions for clip in clips]:
            raise TemplateError(
                f"the pieces of sound have {[clip.positions for clip in clips]} positions, the prompt has {runs}; "
                "render the prompt again from the same recordings"
            )
        self._ids += prompt.ids
        self._clips += clips

    def append(self, token: int) -> None:
        """Append a token."""
        self._ids.append(token)

    def rewind(self, length: int) -> None:
        """Forget everything after the first `length` ids. Raises ConfigError if there are fewer, or sound is cut."""
        if not 0 <= length <= len(self._ids):
            raise ConfigError(f"can't rewind a context of {len(self._ids)} ids to {length}.")
        patch = self._tokenizer.special.audio_patch
        if 0 < length < len(self._ids) and self._ids[length - 1] == self._ids[length] == patch:
            raise ConfigError(f"can't rewind to {length}, which lies inside a piece of sound.")
        del self._ids[length:]
        del self._clips[len(self._runs(self._ids)) :]

    def fork(self) -> RemoteContext:
        """An independent copy: another answer to the same conversation."""
        twin = RemoteContext(self._server, self._model, self._tokenizer, self._positions)
        twin._ids, twin._clips = list(self._ids), list(self._clips)
        return twin

    def decode(
        self, settings: DecodeSettings | None = None, interrupted: Callable[[], bool] | None = None
    ) -> Iterator[Event]:
        """Let the server answer, and yield its answer as events; as `generation.decode.decode`.

        Raises LanguageServerError where the server fails, writes what no answer can hold, or is given up
        (`dialogue.waiting`). What came before is in the context.
        """
        return _Answer(self, self._tokenizer, settings or DecodeSettings(), interrupted or (lambda: False)).events()

    def close(self) -> None:
        """Bring an answer that was cut short to a proper end, as history: full group, `<tts_end>`, `<|EOT|>`."""
        special = self._tokenizer.special
        if self._ids and self._ids[-1] != special.eot:
            self._ids += follow(self._ids, special).closing()

    def tokens(self, sampling: Mapping[str, Any]) -> Generator[int]:
        """The ids with which the server goes on, as they come; it is left alone when the iterator is closed.

        Raises LanguageServerError.
        """
        by_name = any(clip.told for clip in self._clips)
        try:
            yield from self._streamed(sampling, whole=False)
        except RefusedError:
            if not by_name:
                raise
            yield from self._streamed(sampling, whole=True)  # it may have forgotten the sound

    def _streamed(self, sampling: Mapping[str, Any], *, whole: bool) -> Iterator[int]:
        clips = tuple(self._clips)
        body = {
            "model": self._model,
            "token_ids": self._short_ids(),
            "content_parts": [clip.part(whole) for clip in clips] or None,
            "sampling_params": sampling,
            "stream": True,
        }
        reason = None
        with self._server.stream(GENERATE, body) as chunks:
            for chunk in chunks:
                ids, ended = _read(chunk)
                for clip in clips:
                    clip.told = True
                reason = ended or reason
                yield from ids
        if reason not in _ENDS:
            raise LanguageServerError(f"the server ended the answer with the reason {reason!r}; ask again")

    def _short_ids(self) -> list[int]:
        """The ids with one placeholder for each piece of sound, which is how vLLM wants them."""
        patch = self._tokenizer.special.audio_patch
        return [token for token, run in groupby(self._ids) for _ in ([token] if token == patch else run)]

    def _runs(self, ids: Sequence[int]) -> list[int]:
        """Lengths of the runs of placeholders."""
        patch = self._tokenizer.special.audio_patch
        return [sum(1 for _ in run) for token, run in groupby(ids) if token == patch]


class _Answer:
    """The state of one answer: what the server writes, followed by the rules it is to keep."""

    def __init__(
        self, context: RemoteContext, tokenizer: Tokenizer, settings: DecodeSettings, interrupted: Callable[[], bool]
    ) -> None:
        self._context, self._settings, self._interrupted = context, settings, interrupted
        self._special = tokenizer.special
        ends = settings.stop_ids
        self._stop_ids = (self._special.eot, self._special.end_of_text) if ends is None else ends
        self._slots: Slots = follow(context.ids, self._special, settings.guards, settings.said)
        self._tokens = TokenEvents(tokenizer)

    def events(self) -> Iterator[Event]:
        started = time.perf_counter()
        reason: FinishReason = "length"
        most = min(self._settings.max_tokens, self._context.room)
        if most > 0:
            choosing = Choosing.of(self._settings)
            asked = choosing.sampling_params(most, self._stop_ids, self._settings.text.seed)
            with closing(self._context.tokens(asked)) as tokens:
                reason = yield from self._told(tokens, most)
        yield from self._tokens.finish()
        yield Finished(reason, self._tokens.text_tokens, self._tokens.speech_tokens, time.perf_counter() - started)

    def _told(self, tokens: Iterator[int], most: int) -> Generator[Event, None, FinishReason]:
        for _ in range(most):
            if self._interrupted():
                return "interrupted"
            token = next(tokens, None)
            if token is None:
                break
            self._check(token)
            self._context.append(token)
            if token in self._stop_ids:
                return "length" if self._slots.runaway else "stop"
            self._slots.push(token)
            yield from self._tokens.push(token)
            if self._slots.over:
                break
        return "length"

    def _check(self, token: int) -> None:
        choice = self._slots.choice()
        if not _may_come(choice, token):
            raise LanguageServerError(
                f"the server wrote token {token} where no answer has it; start vLLM with "
                "--logits-processors stepwave.vllm.pattern:SpokenPattern, of this version of Stepwave"
            )


def _may_come(choice: Choice, token: int) -> bool:
    if choice.forced is not None:
        return token == choice.forced
    inside = choice.rows.start <= token < choice.rows.stop
    return inside and (choice.ruled_out is None or token - choice.rows.start not in choice.ruled_out)


def _read(chunk: Mapping[str, Any]) -> tuple[list[int], str | None]:
    """New ids and the reason of the end, if it is the end. Raises LanguageServerError for what is no chunk."""
    if chunk.get("error"):
        raise LanguageServerError(f"the server reports an error: {error_text(chunk['error'])}")
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else {}
    ids = choice.get("token_ids") or [] if isinstance(choice, Mapping) else None
    if not isinstance(ids, list) or not all(type(token) is int for token in ids):
        raise LanguageServerError("the server sent token_ids that are no list of numbers; is it vLLM 0.32 or later?")
    return ids, choice.get("finish_reason")
