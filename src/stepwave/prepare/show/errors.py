"""The error of the listening check: what a listener heard in kept clips, against their texts.

Clips carry it as attributes: `error`, the errors in words, and `words`, the words of the text. Finding it is the
business of the check.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from stepwave.data.records import ERRORS, WORDS, Clip

DRAWS: Final = 2_000
CONFIDENCE: Final = 0.95


@dataclass
class WordErrorCounts:
    """Clips by errors and words: all that the rate and its interval need, however many clips there are."""

    clips: Counter[tuple[float, float]] = field(default_factory=Counter)
    """Clips by (errors, words)."""

    def add(self, clip: Clip) -> None:
        """Count a clip, if it was listened to."""
        errors, words = _amount(clip.attributes.get(ERRORS)), _amount(clip.attributes.get(WORDS))
        if errors is not None and words is not None:
            self.clips[errors, words] += 1

    def update(self, other: "WordErrorCounts") -> None:
        """Add what another one counted."""
        self.clips.update(other.clips)

    @property
    def heard(self) -> int:
        """Clips that were listened to."""
        return self.clips.total()

    @property
    def rate(self) -> float | None:
        """Errors of all clips by the words of all texts; None without words."""
        words = sum(words * count for (_, words), count in self.clips.items())
        errors = sum(errors * count for (errors, _), count in self.clips.items())
        return errors / words if words else None

    def interval(self, seed: int = 0) -> tuple[float, float] | None:
        """Percentile bootstrap of `rate` over clips, 95 %; None without words.

        Clips alike in errors and words are drawn together (a multinomial draw), which is the same bootstrap and takes
        no longer for a million clips than for a thousand.
        """
        if self.rate is None:
            return None
        pairs = np.array(sorted(self.clips), dtype=np.float64)
        counts = np.array([self.clips[errors, words] for errors, words in pairs], dtype=np.int64)
        drawn = np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), size=DRAWS)
        errors, words = (drawn @ pairs).T
        rates = errors[words > 0] / words[words > 0]
        edge = 50 * (1 - CONFIDENCE)
        low, high = np.percentile(rates, [edge, 100 - edge])
        return float(low), float(high)

    def as_json(self) -> dict[str, Any] | None:
        """Rate and interval as shares of 1; None where no clip was listened to."""
        interval = self.interval()
        if self.rate is None or interval is None:
            return None
        shares = {"rate": self.rate, "low": interval[0], "high": interval[1]}
        return {"clips": self.heard} | {name: round(share, 6) for name, share in shares.items()}


def _amount(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < float("inf") else None
