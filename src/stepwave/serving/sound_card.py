"""Microphone and loudspeaker of this computer, by PortAudio: 16-bit PCM at 24 kHz, one channel."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any, Final, Self

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

_BLOCK: Final = OUTPUT_SAMPLE_RATE // 25
_SAMPLE_BYTES: Final = 2
_MOST_WAITING: Final = 250  # pieces, ten seconds


class SoundCard:
    """Both, open between `with`; `device` is a name or number that PortAudio knows, None the system's choice.

    Raises MissingExtraError without the package `sounddevice`, ConfigError where there is no such device.
    """

    def __init__(self, device: str | int | None = None) -> None:
        self._portaudio = _portaudio()
        self._device = device
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._played = 0
        self._heard: asyncio.Queue[bytes] = asyncio.Queue(_MOST_WAITING)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._streams: list[Any] = []

    def __enter__(self) -> Self:
        shape = {
            "samplerate": OUTPUT_SAMPLE_RATE, "channels": 1, "dtype": "int16", "blocksize": _BLOCK,
            "device": self._device,
        }  # fmt: skip
        self._loop = asyncio.get_running_loop()
        try:
            for make, callback in (
                (self._portaudio.RawOutputStream, self._give),
                (self._portaudio.RawInputStream, self._take),
            ):
                stream = make(callback=callback, **shape)
                self._streams.append(stream)
                stream.start()
        except (self._portaudio.PortAudioError, ValueError) as error:
            self.__exit__()
            raise ConfigError(
                f"no microphone and loudspeaker could be opened ({error}); `python -m sounddevice` lists them, "
                "--sound-device names one"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._streams:
            stream.close()
        self._streams.clear()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """The next 40 ms from the microphone."""
        return await self._heard.get()

    def play(self, pcm: bytes) -> None:
        """Put more sound behind what is not played yet."""
        with self._lock:
            if not self._waiting:
                self._played = 0
            self._waiting += pcm

    def stop(self) -> float:
        """Drop what is not played yet; seconds played since the card was last silent or stopped."""
        with self._lock:
            self._waiting.clear()
            seconds = self._played / _SAMPLE_BYTES / OUTPUT_SAMPLE_RATE
            self._played = 0
            return seconds

    @property
    def playing(self) -> bool:
        """Whether sound is left to play."""
        return bool(self._waiting)

    def _give(self, out: Any, frames: int, *_: object) -> None:
        """PortAudio wants sound; silence where there is none."""
        size = frames * _SAMPLE_BYTES
        with self._lock:
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._played += len(piece)
        out[:] = piece.ljust(size, b"\0")

    def _take(self, heard: Any, *_: object) -> None:
        """PortAudio has sound; it is dropped where nobody takes it for ten seconds."""
        piece = bytes(heard)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, piece)

    def _put(self, piece: bytes) -> None:
        if not self._heard.full():
            self._heard.put_nowait(piece)


def play_through(samples: Samples, device: str | int | None = None) -> None:
    """Play 24 kHz samples [n] to their end; the microphone stays closed.

    Raises MissingExtraError without the package `sounddevice`, ConfigError where there is no such device.
    """
    portaudio = _portaudio()
    try:
        portaudio.play(samples, OUTPUT_SAMPLE_RATE, blocking=True, device=device)
    except (portaudio.PortAudioError, ValueError) as error:
        raise ConfigError(
            f"no loudspeaker could be opened ({error}); `python -m sounddevice` lists them, or write a file with -o"
        ) from None


def _portaudio() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise MissingExtraError("chat", "sounddevice") from None
    except OSError as error:  # the package is there, PortAudio is not
        raise ConfigError(f"{error}; install PortAudio: apt install libportaudio2, or brew install portaudio") from None
    return sounddevice
