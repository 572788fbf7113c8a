"""What a model has read and written in one conversation: the ids, and their keys and values.

The ids are the history: nothing is ever rendered or encoded again, and a token that was generated is the very token
that the next turn sees. Roles, messages and tools are the business of `dialogue`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError, TemplateError
from stepwave.generation.prefixes import Prefixes, system_turn
from stepwave.generation.together import companions
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.text.template import Prompt


class Context:
    """One conversation with `model`; it belongs to one caller at a time. Several may share the model and `prefixes`."""

    def __init__(self, model: AudioLanguageModel, capacity: int = 512, prefixes: Prefixes | None = None) -> None:
        self.model = model
        self._prefixes = prefixes
        self._cache = model.decoder.new_cache(capacity=capacity)
        self._ids: list[int] = []
        self._hidden: Tensor | None = None

    @property
    def ids(self) -> list[int]:
        """Everything read and written so far (a copy)."""
        return list(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def room(self) -> int:
        """Positions left before the model's limit."""
        return self.model.decoder.config.max_positions - len(self._ids)

    @torch.inference_mode()
    def read(self, prompt: Prompt, audio: Sequence[Tensor] | None = None) -> None:
        """Append a prompt and its sound; only what is new is computed.

        `audio` is the prompt's sound where it has been encoded already (`AudioLanguageModel.encode`), so that two
        conversations about one recording share the work.
        Raises ConfigError if it does not fit, and TemplateError if sound and placeholders disagree; both leave the
        context as it was.
        """
        if not prompt.ids:
            return
        if len(prompt.ids) > self.room:
            raise ConfigError(
                f"the prompt has {len(prompt.ids)} positions and the conversation has room for {self.room} more; "
                "shorten it or start a new conversation."
            )
        rows = self.model.encode(prompt.audio) if audio is None else audio
        before = self._cache.lengths
        self._begin(prompt.ids)
        unread = [*self._ids, *prompt.ids][self._cache.lengths[0] :]
        try:
            self._hidden = self.model.prefill(self._cache, self._row(unread), rows)
        except TemplateError:
            self._cache.truncate(before)
            raise
        self._ids += prompt.ids

    def _begin(self, ids: list[int]) -> None:
        """Where a conversation begins with a system prompt, have that read: mostly it was before."""
        end = system_turn(ids, self.model.special)
        # something must be left to read: its last position tells what comes next
        if self._ids or self._prefixes is None or not 0 < end < len(ids):
            return
        known = self._prefixes.find(ids[:end])
        if known is not None:
            self._cache.take(known)
            return
        self.model.prefill(self._cache, self._row(ids[:end]))
        copy = self.model.decoder.new_cache(capacity=end)
        copy.take(self._cache)
        self._prefixes.keep(ids[:end], copy)

    def append(self, token: int) -> None:
        """Append a token that was generated; it is computed when its successor is asked for."""
        self._ids.append(token)
        self._hidden = None

    @torch.inference_mode()
    def hidden(self) -> Tensor:
        """Hidden state [1, h] after the last id, from which the next one is chosen. Raises ConfigError when empty.

        Where other answers are made by the same thread (`together`), theirs are computed in the same pass.
        """
        if self._hidden is None:
            if not self._ids:
                raise ConfigError("nothing was read yet, so nothing can be generated; read a prompt first.")
            unread = self._unread()
            if self.model.special.audio_patch in unread:
                raise ConfigError("the context ends inside a piece of sound; read on before generating.")
            self._step_together(unread)
            if self._hidden is None:
                self._hidden = self._step(unread)
        return self._hidden

    def _unread(self) -> list[int]:
        """The last ids, those that are to be computed: at least one."""
        read = min(self._cache.lengths[0], len(self._ids) - 1)
        self._cache.truncate(read)
        return self._ids[read:]

    def _step(self, unread: list[int]) -> Tensor:
        if len(unread) == 1:
            return self.model.step(self._cache, unread)
        return self.model.prefill(self._cache, self._row(unread))

    def _step_together(self, unread: list[int]) -> None:
        """Compute what comes after `unread`, and after what others wait for, where there are others."""
        group, tokens = [self], [unread]
        room = self.model.decoder.most_together - len(unread)
        for other in companions(self):
            if other._hidden is None and 0 < len(other._ids) - other._cache.lengths[0] <= room:
                theirs = other._unread()
                if self.model.special.audio_patch not in theirs:
                    group.append(other)
                    tokens.append(theirs)
                    room -= len(theirs)
        if len(group) == 1:
            return
        try:
            states = self.model.step_together([one._cache for one in group], tokens)
        except (RuntimeError, MemoryError):
            return  # another's cache can't grow, say: each meets its own error when it is computed alone
        for one, state in zip(group, states, strict=True):
            one._hidden = state

    def _row(self, ids: list[int]) -> Tensor:
        return torch.tensor([ids], device=self._cache.keys.device)

    def rewind(self, length: int) -> None:
        """Forget everything after the first `length` ids. Raises ConfigError if there are fewer."""
        if not 0 <= length <= len(self._ids):
            raise ConfigError(f"can't rewind a context of {len(self._ids)} ids to {length}.")
        if length < len(self._ids):
            self._cache.truncate(min(length, self._cache.lengths[0]))
            del self._ids[length:]
            self._hidden = None

    def fork(self) -> Context:
        """An independent copy: another answer to the same conversation."""
        copy = Context.__new__(Context)
        copy.model, copy._ids, copy._hidden = self.model, list(self._ids), self._hidden
        copy._prefixes = self._prefixes
        copy._cache = self._cache.fork([0])
        return copy
