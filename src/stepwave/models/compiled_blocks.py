"""All blocks of a small decoder with 8-bit weights as one compiled function, for a few positions at a time on a CPU.

At one token a step the operators of PyTorch leave half of a processor's memory bandwidth unused: its 8-bit product
computes longer than it reads, and the small operations between the products cost as much again. Here the loops are
written out, and Numba compiles them when they are first called (some seconds; the result is kept on disk for later
processes). Weights are read once, whatever the number of positions and of conversations that these belong to;
arithmetic is float32, so the numbers are those of `Decoder` with the dequantised weights. It runs in the caller's
thread without Python's lock: speech is made of the tokens on another core meanwhile.

Longer pieces are left to matrix products (`FastDecoder`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Indices: TypeAlias = NDArray[np.int64]
Stores: TypeAlias = tuple[Floats, ...]

STORES: Final = 8
"""Caches in a pass, each of a conversation; always so many are handed over, since loops are compiled for a number."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    # Sums may be reordered, so that they are computed eight at a time; nothing else of IEEE arithmetic is given up.
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract"}}
    try:
        return cast(_Function, njit(cache=True, **options)(function))
    except RuntimeError:  # nowhere to keep it: each process compiles it anew
        return cast(_Function, njit(**options)(function))


_ZERO: Final = np.float32(0)
_ONE: Final = np.float32(1)


class Integers(NamedTuple):
    """One matrix of every block, 8-bit [layers, out, in], and the scale of each of its rows [layers, out]."""

    weight: NDArray[np.int8]
    scale: Floats


class BlockWeights(NamedTuple):
    """What `run_blocks` reads, of all blocks; arrays must be contiguous."""

    attention_norm: Floats
    """[layers, h]"""
    qkv: Integers
    """Query, key and value rows, in this order: out is (heads + 2 kv_heads) * d."""
    qkv_bias: Floats
    """[layers, (heads + 2 kv_heads) * d]; zeros where there is none."""
    o: Integers
    mlp_norm: Floats
    """[layers, h]"""
    gate_up: Integers
    """Gate rows, then up rows."""
    down: Integers
    norm: Floats
    """[h], after the last block."""
    cosines: Floats
    """[max_positions, d / 2]"""
    sines: Floats
    """[max_positions, d / 2]"""


@_compiled
def product(weight: NDArray[np.int8], scale: Floats, x: Floats, out: Floats) -> None:
    """Write x [n, in] times 8-bit weights [out, in], each row by its scale [out], into `out` [n, out]."""
    # Two rows at once, so that a processor has sums to go on with while it waits for one, and up to four positions,
    # for which a weight is widened once. Three are computed as four, the last one twice: that is quicker than 2 and 1.
    # Each sum is a variable of its own, since only those are kept in registers.
    rows, columns, last = weight.shape[0], weight.shape[1], x.shape[0] - 1
    for row in range(0, rows, 2):
        other = min(row + 1, rows - 1)
        first_scale, other_scale = scale[row], scale[other]
        a = 0
        while last - a >= 2:
            b, c, d = a + 1, a + 2, min(a + 3, last)
            first_a, first_b, first_c, first_d = _ZERO, _ZERO, _ZERO, _ZERO
            other_a, other_b, other_c, other_d = _ZERO, _ZERO, _ZERO, _ZERO
            for column in range(columns):
                first, second = np.float32(weight[row, column]), np.float32(weight[other, column])
                value = x[a, column]
                first_a += first * value
                other_a += second * value
                value = x[b, column]
                first_b += first * value
                other_b += second * value
                value = x[c, column]
                first_c += first * value
                other_c += second * value
                value = x[d, column]
                first_d += first * value
                other_d += second * value
            out[a, row], out[a, other] = first_a * first_scale, other_a * other_scale
            out[b, row], out[b, other] = first_b * first_scale, other_b * other_scale
            out[c, row], out[c, other] = first_c * first_scale, other_c * other_scale
            out[d, row], out[d, other] = first_d * first_scale, other_d * other_scale
            a += 4
        if last - a == 1:
            b = a + 1
            first_a, first_b, other_a, other_b = _ZERO, _ZERO, _ZERO, _ZERO
            for column in range(columns):
                first, second = np.float32(weight[row, column]), np.float32(weight[other, column])
                value = x[a, column]
                first_a += first * value
                other_a += second * value
                value = x[b, column]
                first_b += first * value
                other_b += second * value
            out[a, row], out[a, other] = first_a * first_scale, other_a * other_scale
            out[b, row], out[b, other] = first_b * first_scale, other_b * other_scale
        elif last == a:
            first_a, other_a = _ZERO, _ZERO
            for column in range(columns):
                value = x[a, column]
                first_a += np.float32(weight[row, column]) * value
                other_a += np.float32(weight[other, column]) * value
            out[a, row], out[a, other] = first_a * first_scale, other_a * other_scale


@_compiled
def _normalise(x: Floats, weight: Floats, eps: float, out: Floats) -> None:
    """RMSNorm of each row of x [n, h]."""
    for position in range(x.shape[0]):
        squares = _ZERO
        for column in range(x.shape[1]):
            squares += x[position, column] * x[position, column]
        factor = _ONE / np.sqrt(squares / np.float32(x.shape[1]) + np.float32(eps))
        for column in range(x.shape[1]):
            out[position, column] = x[position, column] * factor * weight[column]


@_compiled
def _rotate(head: Floats, cosines: Floats, sines: Floats) -> None:
    """Rotary embedding of one head [d] in place; half rotation."""
    half = cosines.shape[0]
    for index in range(half):
        first, second = head[index], head[index + half]
        head[index] = first * cosines[index] - second * sines[index]
        head[index + half] = second * cosines[index] + first * sines[index]


@_compiled
def _attend(queries: Floats, keys: Floats, values: Floats, scores: Floats, out: Floats) -> None:
    """Attention of query heads [g, d] that share keys and values [t, d]; `scores` [t] is scratch. Into out [g, d]."""
    scale = np.float32(1 / math.sqrt(queries.shape[1]))
    for head in range(queries.shape[0]):
        best = np.float32(-np.inf)
        for position in range(keys.shape[0]):
            score = _ZERO
            for index in range(keys.shape[1]):
                score += queries[head, index] * keys[position, index]
            scores[position] = score * scale
            best = max(best, scores[position])
        total = _ZERO
        for position in range(keys.shape[0]):
            scores[position] = np.exp(scores[position] - best)
            total += scores[position]
        out[head] = _ZERO
        for position in range(keys.shape[0]):
            share = scores[position] / total
            for index in range(values.shape[1]):
                out[head, index] += share * values[position, index]


@_compiled
def _add(x: Floats, more: Floats) -> None:
    """Add `more` [n, h] to x in place."""
    for position in range(x.shape[0]):
        for column in range(x.shape[1]):
            x[position, column] += more[position, column]


@_compiled
def run_blocks(
    x: Floats, owners: Indices, rows: Indices, places: Indices, keys: Stores, values: Stores, weights: BlockWeights,
    heads: int, eps: float,
) -> Floats:  # fmt: skip
    """Embeddings x [n, h] -> hidden states after the final norm [n, h]; x is overwritten.

    Position i goes to place `places[i]` of row `rows[i]` of cache `owners[i]`, where its keys and values are written;
    it sees that row up to there. `keys` and `values` are those of STORES caches, [layers, rows, kv_heads, capacity, d]
    each. The caller has made room, and gives the positions of a row in order.
    """
    n, h = x.shape
    kv_heads, d = keys[0].shape[2], keys[0].shape[4]
    group, turned, inner = heads // kv_heads, heads + kv_heads, weights.down.weight.shape[2]
    normed, more = np.empty((n, h), np.float32), np.empty((n, h), np.float32)
    qkv = np.empty((n, turned + kv_heads, d), np.float32)
    seen = np.empty((n, heads, d), np.float32)
    gate_up, gated = np.empty((n, 2 * inner), np.float32), np.empty((n, inner), np.float32)
    scores = np.empty(places.max() + 1, np.float32)
    for layer in range(weights.qkv.weight.shape[0]):
        _normalise(x, weights.attention_norm[layer], eps, normed)
        product(weights.qkv.weight[layer], weights.qkv.scale[layer], normed, qkv.reshape(n, -1))
        for i in range(n):
            row, place = rows[i], places[i]
            held_keys, held_values = keys[owners[i]], values[owners[i]]
            flat = qkv[i].reshape(-1)
            for column in range(flat.shape[0]):
                flat[column] += weights.qkv_bias[layer, column]
            for head in range(turned):
                _rotate(qkv[i, head], weights.cosines[place], weights.sines[place])
            for head in range(kv_heads):
                held_keys[layer, row, head, place] = qkv[i, heads + head]
                held_values[layer, row, head, place] = qkv[i, turned + head]
        for i in range(n):
            row, end = rows[i], places[i] + 1
            held_keys, held_values = keys[owners[i]], values[owners[i]]
            for head in range(kv_heads):
                shared = slice(head * group, (head + 1) * group)
                _attend(
                    qkv[i, shared], held_keys[layer, row, head, :end], held_values[layer, row, head, :end], scores,
                    seen[i, shared],
                )  # fmt: skip
        product(weights.o.weight[layer], weights.o.scale[layer], seen.reshape(n, -1), more)
        _add(x, more)
        _normalise(x, weights.mlp_norm[layer], eps, normed)
        product(weights.gate_up.weight[layer], weights.gate_up.scale[layer], normed, gate_up)
        for i in range(n):
            for column in range(inner):
                gate = gate_up[i, column]
                gated[i, column] = gate / (_ONE + np.exp(-gate)) * gate_up[i, inner + column]
        product(weights.down.weight[layer], weights.down.scale[layer], gated, more)
        _add(x, more)
    _normalise(x, weights.norm, eps, normed)
    return normed
