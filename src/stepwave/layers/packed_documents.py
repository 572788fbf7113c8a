"""Attention among documents packed into one row: each position sees its own document, no later than itself.

Three ways, equal but for rounding: document by document (CPU: packed rows cost what the documents cost alone),
FlexAttention with a block mask (CUDA: blocks that nobody sees are never computed), and a plain mask (anywhere).
"""

from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.layers.grouped_attention import LONGEST, grouped_causal_attention

Way: TypeAlias = Literal["split", "flex", "mask"]


class PackedDocuments:
    """Where documents lie in a batch of packed rows; made once for a forward pass and asked by every layer.

    Args:
        segments: `[b, s]`, the number of each position's document in its row, from 1; 0 is padding, which sees
            nothing and gives zeros.
        way: how attention is computed; by default document by document on a CPU, FlexAttention on CUDA.
    """

    def __init__(self, segments: Tensor, way: Way | None = None) -> None:
        self.segments = segments
        self.way: Way = way or ("flex" if segments.device.type == "cuda" else "split")
        self.positions = packed_positions(segments)
        self._mask = packed_mask(segments) if self.way == "mask" else None
        self._blocks = _block_mask(segments) if self.way == "flex" else None
        self._bounds = _bounds(segments) if self.way == "split" else []

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Queries `[b, h, s, d]`, keys and values `[b, g, s, d]` with h a multiple of g -> `[b, h, s, d]`."""
        if self.way == "split":
            return self._document_by_document(q, k, v)
        if self.way == "flex":
            from torch.nn.attention.flex_attention import flex_attention

            compute: Any = _compiled(flex_attention) if q.device.type == "cuda" else flex_attention
            result: Tensor = compute(q, k, v, block_mask=self._blocks, enable_gqa=q.shape[1] != k.shape[1])
            return result
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self._mask, enable_gqa=q.shape[1] != k.shape[1])

    @classmethod
    def leave_out_of_compiling(cls) -> None:
        """Have `torch.compile` pass over attention document by document: every batch has documents of other lengths.

        Not a decorator, which would import the compiler wherever a model is opened.
        """
        cls._document_by_document = torch.compiler.disable(cls._document_by_document)  # type: ignore[method-assign,no-untyped-call]

    def _document_by_document(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        rows = []
        for row, bounds in enumerate(self._bounds):
            pieces = []
            end = 0
            for start, end in bounds:
                place = (slice(row, row + 1), slice(None), slice(start, end))
                pieces.append(_causal(q[place], k[place], v[place]))
            padding = q.shape[2] - end
            if padding:
                pieces.append(q.new_zeros(1, q.shape[1], padding, q.shape[3]))
            rows.append(torch.cat(pieces, 2))
        return torch.cat(rows)


def _causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    if q.shape[2] <= LONGEST and torch.is_grad_enabled():
        return grouped_causal_attention(q, k, v)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1])


def _bounds(segments: Tensor) -> list[list[tuple[int, int]]]:
    """Start and end of the documents of each row, in order; padding is taken to stand at the end."""
    found = []
    for row in segments:
        numbers, counts = torch.unique_consecutive(row, return_counts=True)
        ends = counts.cumsum(0).tolist()
        starts = [0, *ends[:-1]]
        found.append(
            [(start, end) for number, start, end in zip(numbers.tolist(), starts, ends, strict=True) if number]
        )
    return found


_flex: dict[Any, Any] = {}


def _compiled(function: Any) -> Any:
    """The fused kernel, compiled once for a process; eager FlexAttention keeps all scores."""
    if function not in _flex:
        _flex[function] = torch.compile(function)
    return _flex[function]


def _block_mask(segments: Tensor) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    def same_document(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (segments[b, query] == segments[b, key])

    rows, length = segments.shape
    return create_block_mask(same_document, rows, None, length, length, device=segments.device.type)


def packed_mask(segments: Tensor) -> Tensor:
    """Visibility for packed rows: booleans `[b, 1, s, s]`, causal and inside one document.

    Padding sees itself and its like, so that no row of the softmax is empty (an empty one would be nan, and nan spreads
    through gradients).
    """
    same = segments.unsqueeze(2) == segments.unsqueeze(1)
    s = segments.shape[1]
    earlier = torch.ones(s, s, dtype=torch.bool, device=segments.device).tril()
    return (same & earlier).unsqueeze(1)


def packed_positions(segments: Tensor) -> Tensor:
    """Rotary positions `[b, s]` that start at 0 in every document of `segments` `[b, s]`."""
    index = torch.arange(segments.shape[1], device=segments.device).expand_as(segments)
    starts = torch.ones_like(segments, dtype=torch.bool)
    starts[:, 1:] = segments[:, 1:] != segments[:, :-1]
    return index - torch.where(starts, index, 0).cummax(dim=1).values
