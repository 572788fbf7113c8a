"""Draws batches of items of similar length, as a function of the seed and the step.

Batches are bounded by their padded size, not by a count, so that every step costs about the same. Because a batch
follows from the step alone, a resumed run sees exactly what an uninterrupted one would have seen.
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from stepwave.facts.errors import ConfigError


@dataclass
class LengthBatches:
    """Batches over items with known lengths."""

    lengths: Sequence[int]
    budget: int
    """Most of (items x longest item) in a batch; a longer single item is a batch of its own."""
    seed: int = 0
    most: int = 64
    """Most items in a batch."""
    neighbourhood: int = 400
    """Items are sorted by length within runs of this many, so that batches are even but still vary."""
    _starts: list[int] = field(default_factory=lambda: [0], init=False)
    _epochs: list[list[list[int]]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not self.lengths:
            raise ConfigError("there is nothing to draw batches from: 0 items came; run `stepwave prepare` first")

    def __call__(self, step: int) -> list[int]:
        """Indices of the items of the batch at `step`; epochs follow one another, each in a new order."""
        while step >= self._starts[-1]:
            epoch = self._epoch(len(self._epochs))
            self._epochs.append(epoch)
            self._starts.append(self._starts[-1] + len(epoch))
        number = bisect_right(self._starts, step) - 1
        return self._epochs[number][step - self._starts[number]]

    def _epoch(self, number: int) -> list[list[int]]:
        chooser = random.Random(f"{self.seed}/{number}")
        order = list(range(len(self.lengths)))
        chooser.shuffle(order)
        batches: list[list[int]] = []
        for start in range(0, len(order), self.neighbourhood):
            run = sorted(order[start : start + self.neighbourhood], key=lambda index: self.lengths[index])
            batch: list[int] = []
            for index in run:
                if batch and (self.lengths[index] * (len(batch) + 1) > self.budget or len(batch) == self.most):
                    batches.append(batch)
                    batch = []
                batch.append(index)
            batches.append(batch)
        chooser.shuffle(batches)
        return batches
