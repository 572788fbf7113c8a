"""What a stream of frames keeps for attention: the keys and values of some earlier frames, with bounded memory.

Not here: which of them a frame may see (`layers/visibility`), and the language model's cache (`layers/cache`).
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Kept:
    """Which earlier keys a stream still holds when the frame at `position` comes next.

    The first `head` ones (a prompt) and the last `tail` ones, in the order of time; those between are forgotten.
    """

    position: int = 0
    head: int = 0
    tail: int = 0

    @property
    def count(self) -> int:
        """Number of keys held."""
        return self.head + self.tail

    @staticmethod
    def after(position: int, left: int | None, head: int = 0) -> "Kept":
        """What later frames can still see: the first `head` frames and the last `left` (None: all)."""
        if left is None or position - left <= head:
            return Kept(position, 0, position)
        return Kept(position, head, left)


@dataclass
class KeyCache:
    """Keys and values `[b, h, t, d]` that one attention layer keeps for the frames to come; belongs to one stream.

    Tensors are replaced, never written to, so a shallow copy (`fork`) is a second stream with the same past.
    `newest_first` puts new keys before old ones, as the released detokenizer does (reference facts 6.6).
    """

    newest_first: bool = False
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append the new frames' keys and values; returns all that are held."""
        if self.newest_first:
            k, v = torch.cat([k, *self.keys], dim=2), torch.cat([v, *self.values], dim=2)
        else:
            k, v = torch.cat([*self.keys, k], dim=2), torch.cat([*self.values, v], dim=2)
        self.keys, self.values = [k], [v]
        return k, v

    def trim(self, head: int, tail: int) -> None:
        """Keep only the first `head` and the last `tail` entries (views until the next `extend` joins them)."""
        if not self.keys or head + tail >= self.length:
            return
        (k,), (v,) = self.keys, self.values
        first = k.shape[2] - tail
        self.keys = [part for part in (k[:, :, :head], k[:, :, first:]) if part.shape[2]]
        self.values = [part for part in (v[:, :, :head], v[:, :, first:]) if part.shape[2]]

    @property
    def length(self) -> int:
        """Number of entries held."""
        return sum(part.shape[2] for part in self.keys)

    def fork(self) -> "KeyCache":
        """A second cache with the same content."""
        return KeyCache(self.newest_first, list(self.keys), list(self.values))
