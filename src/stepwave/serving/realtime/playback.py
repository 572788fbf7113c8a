"""What still sounds at the client, counted from what was sent: answers are made faster than they are played."""

from __future__ import annotations

import time


class Playback:
    """The end of the sound sent so far, for a client that plays it as it comes."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def sounding(self) -> bool:
        """Whether some of it is still to be heard."""
        return time.monotonic() < self._until

    def add(self, seconds: float) -> None:
        """More sound is on its way."""
        self._until = max(self._until, time.monotonic()) + seconds

    def stop(self) -> None:
        """The client plays no more of it."""
        self._until = 0.0
