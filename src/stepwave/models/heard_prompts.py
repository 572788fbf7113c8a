"""What voices' prompts left in the flow's caches, so that a voice that speaks again costs no computation.

Bounded by what it holds: a second of prompt takes 5 MB with nano and 65 MB with mini.
"""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from stepwave.models.flow_stream import FlowStream, StreamMode

MOST_BYTES: Final = 1 << 30
"""For all voices together: 16 s of prompts with mini, 200 s with nano."""

_V = TypeVar("_V")


class HeardPrompts(Generic[_V]):
    """Streams that have heard a voice's prompt, each as long as its voice lives and at most `most_bytes` in all.

    Where they take more, those go that were asked for longest ago; the last one stays, whatever it takes. Threads may
    share it.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._held: WeakKeyDictionary[_V, dict[StreamMode, FlowStream]] = WeakKeyDictionary()  # last asked for last

    @property
    def held_bytes(self) -> int:
        """What is held now."""
        return sum(stream.held_bytes for heard in list(self._held.values()) for stream in heard.values())

    def stream(self, voice: _V, mode: StreamMode, hear: Callable[[], FlowStream]) -> FlowStream:
        """The stream of `voice`, to be forked; `hear` makes it where none is held. Raises what that raises."""
        with self._lock:
            heard = self._held.pop(voice, {})
            self._held[voice] = heard
        if mode not in heard:
            heard[mode] = hear()
            with self._lock:
                self._forget()
        return heard[mode]

    def _forget(self) -> None:
        while len(self._held) > 1 and self.held_bytes > self._most:
            del self._held[next(iter(self._held))]
