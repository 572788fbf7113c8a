"""A client's player, on paper: what would have been heard of an answer, from when its sound arrived.

It does as the page's player does: it starts when 0.12 s of sound wait or the answer is complete; run dry, it waits for
half as much again each time. No sound is touched; times are seconds on any one clock.
"""

from __future__ import annotations

from typing import Final

FIRST_TARGET: Final = 0.12
"""Seconds of sound that wait before it starts."""
LAST_TARGET: Final = 1.0
GROWTH: Final = 1.5
_EXACT: Final = 1e-9
"""Sums of seconds are only so exact."""


class Player:
    """One answer's. Calls come in the order of their times."""

    def __init__(self) -> None:
        self.started_at: float | None = None
        """When the first of it was heard."""
        self.underruns: list[float] = []
        """Silence within the answer, where the next sound had not come yet: seconds each."""
        self._target = FIRST_TARGET
        self._waiting = 0.0
        self._pushed = 0.0
        self._runs_out: float | None = None
        self._dry_since: float | None = None

    @property
    def ends_at(self) -> float | None:
        """When all that came will have been heard; None while it waits for more before it starts."""
        return self._runs_out if self._waiting == 0 else None

    def push(self, at: float, seconds: float) -> None:
        """So many seconds of sound arrive."""
        self._run_until(at)
        self._pushed += seconds
        if self._runs_out is not None and self._dry_since is None:
            self._runs_out += seconds
            return
        self._waiting += seconds
        if self._waiting >= self._target - _EXACT:
            self._start(at)

    def end(self, at: float) -> None:
        """Nothing more comes: what waits is played. Being dry is no fault then."""
        self._run_until(at)
        if self._waiting > 0:
            self._start(at)

    def stop(self, at: float) -> float:
        """Fall silent. Returns the seconds of the answer that were heard."""
        self._run_until(at)
        left = self._waiting
        if self._dry_since is not None:
            self.underruns.append(at - self._dry_since)
        elif self._runs_out is not None:
            left += max(0.0, self._runs_out - at)
        return self._pushed - left

    def _run_until(self, at: float) -> None:
        if self._dry_since is None and self._runs_out is not None and at > self._runs_out + _EXACT:
            self._dry_since = self._runs_out
            self._target = min(self._target * GROWTH, LAST_TARGET)

    def _start(self, at: float) -> None:
        if self.started_at is None:
            self.started_at = at
        if self._dry_since is not None:
            self.underruns.append(at - self._dry_since)
            self._dry_since = None
        self._runs_out = at + self._waiting
        self._waiting = 0.0
