"""Choosing the next token from scores: repetition penalty, temperature, top-k, top-p, greedy, seeded.

Each step computes what the processor of the same name in `transformers` computes, in the order `generate` applies them
(penalty, temperature, top-k, top-p), so that settings published for the released model mean the same here.

Departures: temperature 0 means greedy (there it is an error); top-k is off unless asked for, while `generate`
defaults to 50 (reference facts 5: pass `top_k=50` to reproduce the released examples).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError

MINUS_INFINITY = -float("inf")


@dataclass(frozen=True)
class SamplingSettings:
    """How to choose the next token; the defaults are greedy."""

    temperature: float = 0.0
    """Scores are divided by it; 0 always takes the best one."""
    top_k: int | None = None
    """Keep only the k best (and what ties with the last of them); None keeps all."""
    top_p: float = 1.0
    """Keep the smallest set of best tokens whose probability reaches p; 1 keeps all."""
    repetition_penalty: float = 1.0
    """Scores of tokens seen in prompt or answer are divided (above 0) or multiplied (below 0) by it; 1 is off."""
    seed: int | None = None
    """Seed of the answer's random numbers; None draws one, so answers differ from run to run."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ConfigError(f"sampling: temperature is {self.temperature}; wanted 0 (greedy) or a positive number.")
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"sampling: top_k is {self.top_k}; wanted at least 1, or None for no limit.")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"sampling: top_p is {self.top_p}; wanted more than 0 and at most 1.")
        if not self.repetition_penalty > 0:
            raise ConfigError(f"sampling: repetition_penalty is {self.repetition_penalty}; wanted a positive number.")


def penalise(scores: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Make tokens less likely where `seen` (booleans of the shape of `scores` [rows, vocab]) says they came up
    before."""
    return torch.where(seen, torch.where(scores < 0, scores * penalty, scores / penalty), scores)


def keep_top_k(scores: Tensor, k: int) -> Tensor:
    """Set all but the `k` best scores of each row [rows, vocab] to minus infinity; ties with the k-th stay."""
    smallest = torch.topk(scores, min(k, scores.shape[-1]))[0][..., -1:]
    return scores.masked_fill(scores < smallest, MINUS_INFINITY)


def keep_top_p(scores: Tensor, p: float) -> Tensor:
    """Set to minus infinity what lies outside the smallest set of best tokens with probability >= `p`; one always
    stays."""
    # tokens ruled out already have no probability: after top-k only a few are left to sort, not the vocabulary
    alive = int((scores > MINUS_INFINITY).sum(dim=-1).max())
    best, index = torch.topk(scores, max(alive, 1))
    ascending, index = best.flip(-1), index.flip(-1)
    below = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1 - p
    below[..., -1] = False
    kept = torch.full_like(scores, MINUS_INFINITY)
    return kept.scatter(-1, index, ascending.masked_fill(below, MINUS_INFINITY))


def filter_scores(scores: Tensor, settings: SamplingSettings, seen: Tensor | None = None) -> Tensor:
    """Raw scores [rows, vocab] -> float32 scores of the distribution to draw from; ruled-out tokens are minus infinity.

    `seen` [rows, vocab] marks the tokens of prompt and answer so far; without it no penalty is applied.
    """
    scores = scores.float()
    if seen is not None and settings.repetition_penalty != 1:
        scores = penalise(scores, seen, settings.repetition_penalty)
    if settings.temperature == 0:
        return scores
    scores = scores / settings.temperature
    if settings.top_k is not None:
        scores = keep_top_k(scores, settings.top_k)
    if settings.top_p < 1:
        scores = keep_top_p(scores, settings.top_p)
    return scores


def choose(
    scores: Tensor, settings: SamplingSettings, seen: Tensor | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """Draw one token per row from raw scores [rows, vocab] -> indices [rows]; greedy where the temperature is 0."""
    filtered = filter_scores(scores, settings, seen)
    if settings.temperature == 0:
        return filtered.argmax(dim=-1)
    return torch.multinomial(filtered.softmax(dim=-1), 1, generator=generator).squeeze(-1)


def new_generator(settings: SamplingSettings, device: torch.device | str = "cpu") -> torch.Generator:
    """A source of random numbers for one answer, seeded from the settings."""
    generator = torch.Generator(device=device)
    if settings.seed is None:
        generator.seed()
    else:
        generator.manual_seed(settings.seed)
    return generator
