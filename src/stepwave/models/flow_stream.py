"""Streaming flow matching: codes go in as they come, mel frames come out, and the stream owns all that it remembers.

Two modes. "seamless": however the codes are cut, the frames equal those of `FlowMatching.generate`: under "causal"
visibility if that is the model's, else under "chunk" visibility. "released": what the released client computes, with
its trimmed caches in their odd order and its repeating noise (reference facts 6.6); it equals no whole computation.

Memory: the prompt plus the left context, whatever the length; in released mode the encoder's keys are never trimmed.
A stream is for one utterance and one thread; many streams can share one model.
"""

import copy
from collections.abc import Sequence
from itertools import chain
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.layers.frame_cache import Kept, KeyCache
from stepwave.layers.visibility import Band, window
from stepwave.models.dit import BlockState
from stepwave.models.flow import FlowMatching, Sight, check_codes, check_prompt, pretended_future
from stepwave.models.flow_encoder import LOOK_AHEAD
from stepwave.models.flow_noise import Noise

StreamMode = Literal["seamless", "released"]

RELEASED_TAIL = 100
"""Cache entries besides the prompt's number that the released client keeps in the transformer."""


class FlowStream:
    """Codes of one utterance in, mel out. `fork` gives a second stream from here, so a prompt is computed once.

    `prompt_codes` `[1, p]` and `prompt_mel` `[1, 2p, bands]` or both None, `speaker` `[1, s]`; `steps`, `guidance` and
    `noise` as in `FlowMatching.generate`. Raises ValueError for what does not fit, ConfigError for "released" with a
    causal model.
    """

    def __init__(
        self,
        flow: FlowMatching,
        prompt_codes: Tensor | None,
        prompt_mel: Tensor | None,
        speaker: Tensor,
        *,
        mode: StreamMode = "seamless",
        steps: int | None = None,
        guidance: float | None = None,
        noise: Tensor | Noise | None = None,
    ) -> None:
        config = flow.config
        self._flow = flow
        self._released = mode == "released"
        self._causal = config.visibility == "causal"
        if self._released and self._causal:
            raise ConfigError("flow: this model is causal and has no released streaming; use mode 'seamless'.")
        self._prompt = 2 * check_prompt(prompt_codes, prompt_mel)
        self._prompt_mel = prompt_mel
        self._guidance = config.guidance if guidance is None else guidance
        self._noise = flow.noise_source(noise)
        self._pending: list[int] = []
        self._position = 0
        self._finished = False
        with torch.no_grad():
            self._speaker = flow.project_speaker(speaker)
            self._schedule = flow.schedule(config.steps if steps is None else steps)
        self._encoder = flow.encoder.state()
        self._states = [
            [BlockState(KeyCache(newest_first=self._released)) for _ in range(config.depth)]
            for _ in self._schedule.lengths
        ]
        if prompt_codes is not None:
            self._hear_prompt(prompt_codes)

    @property
    def frames(self) -> int:
        """Mel frames given out so far."""
        return max(0, self._position - self._prompt)

    @property
    def held_bytes(self) -> int:
        """Bytes of what the stream remembers; forks share what was remembered before them."""
        tensors: list[Tensor | None] = [self._encoder.ahead_past, self._encoder.up_past]
        caches = [*self._encoder.caches, *self._encoder.up_caches]
        for state in chain.from_iterable(self._states):
            caches.append(state.keys)
            tensors += state.past or ()
        for cache in caches:
            tensors += [*cache.keys, *cache.values]
        # A view keeps all of what it looks into, which other views may do, too.
        storages = [one.untyped_storage() for one in tensors if one is not None]
        return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())

    def fork(self) -> "FlowStream":
        """A second stream that goes on from here on its own."""
        # tensors are never written to, so only the containers need copies
        other = copy.copy(self)
        other._pending = list(self._pending)
        other._encoder = self._encoder.fork()
        other._states = [[state.fork() for state in blocks] for blocks in self._states]
        return other

    def push(self, codes: Sequence[int] | Tensor) -> Tensor:
        """Take the next codes; returns the frames that are certain now, `[1, bands, frames]` (often none).

        Raises ValueError for an unknown code, and after `finish`.
        """
        self._take(codes)
        config, parts = self._flow.config, []
        while len(self._pending) > LOOK_AHEAD:
            count = len(self._pending) - LOOK_AHEAD
            if not self._causal:
                if count < config.chunk_codes:
                    break
                count = config.chunk_codes
            parts.append(self._advance(count))
        return self._joined(parts)

    def finish(self) -> Tensor:
        """The frames that are left, `[1, bands, frames]`. The stream takes nothing more."""
        self._take(())
        self._finished = True
        whole = self._causal or self._released
        most = len(self._pending) if whole else self._flow.config.chunk_codes
        parts = []
        while self._pending:
            parts.append(self._advance(min(len(self._pending), most)))
        return self._joined(parts)

    def _take(self, codes: Sequence[int] | Tensor) -> None:
        if self._finished:
            raise ValueError("this stream is finished; open another one.")
        more = torch.as_tensor(codes, dtype=torch.long).flatten()
        check_codes(more, self._flow.config.vocabulary)
        self._pending += more.tolist()

    def _joined(self, parts: list[Tensor]) -> Tensor:
        if parts:
            return torch.cat(parts, dim=2)
        return self._speaker.new_zeros(1, self._flow.config.mel_bands, 0)

    @torch.no_grad()
    def _hear_prompt(self, prompt_codes: Tensor) -> None:
        """Fill the caches: a causal stream hears the prompt like any codes, others as one chunk of its own."""
        if self._causal:
            self.push(prompt_codes)
            return
        check_codes(prompt_codes, self._flow.config.vocabulary)
        embedded = self._flow.embed(prompt_codes)
        if prompt_codes.shape[1]:
            self._render(embedded, pretended_future(embedded))

    @torch.no_grad()
    def _advance(self, count: int) -> Tensor:
        """Render the next `count` codes, which the codes behind them, or silence at the end, give their look-ahead."""
        near = torch.tensor([self._pending[: count + LOOK_AHEAD]], device=self._speaker.device)
        del self._pending[:count]
        embedded = self._flow.embed(near)
        ahead = embedded[:, count:]
        return self._render(embedded[:, :count], F.pad(ahead, (0, 0, 0, LOOK_AHEAD - ahead.shape[1])))

    def _render(self, embedded: Tensor, ahead: Tensor) -> Tensor:
        """Frames of embedded codes `[1, n, w]`; those of the prompt are left out: `[1, bands, up to 2n]`."""
        flow, start, count = self._flow, self._position, 2 * embedded.shape[1]
        held = self._states[0][0].keys.length
        sight = self._sight(embedded.shape[1], held)
        mixed, self._encoder.ahead_past = flow.encoder.pre_lookahead_layer(embedded, ahead, self._encoder.ahead_past)
        mu = flow.encoder_proj(flow.encoder(mixed, sight.codes, sight.frames, self._encoder))
        told = None if self._prompt_mel is None else self._prompt_mel[:, start : start + count]
        condition = flow.condition(mu, self._speaker, told, guided=self._guidance > 0)
        first = held if self._released else start
        noise = self._noise.frames(first, first + count).to(mu)[None]
        mel = flow.solve(noise, condition, self._schedule, self._guidance, sight.transformer, self._states)
        self._position += count
        self._forget()
        return mel[:, max(0, self._prompt - start) :].transpose(1, 2)

    def _sight(self, codes: int, held: int) -> Sight:
        """The rule for `codes` new codes, given what the caches hold."""
        if not self._causal:
            # a chunk sees itself and all that was kept
            at_codes, at_frames = self._encoder.caches[0].length, self._encoder.up_caches[0].length
            return Sight(
                [Band(0, codes, 0, 0, at_codes + codes)],
                [Band(0, 2 * codes, 0, 0, at_frames + 2 * codes)],
                [Band(0, 2 * codes, 0, 0, held + 2 * codes)],
            )
        config, device, position = self._flow.config, self._speaker.device, self._position
        left, near = config.left_context, config.encoder_left_context
        return Sight(
            window(codes, near // 2, kept=Kept.after(position // 2, near // 2), device=device),
            window(2 * codes, near, kept=Kept.after(position, near), device=device),
            window(2 * codes, left, self._prompt, kept=Kept.after(position, left, self._prompt), device=device),
        )

    def _forget(self) -> None:
        """Trim the caches to what later frames can see."""
        if self._released:
            # counted from the newest entry: not the prompt, but that is what the released client does
            kept = Kept(0, self._prompt, RELEASED_TAIL)
        else:
            self._encoder.trim(self._flow.config.encoder_left_context)
            kept = Kept.after(self._position, self._flow.config.left_context, self._prompt)
        for blocks in self._states:
            for state in blocks:
                state.keys.trim(kept.head, kept.tail)
