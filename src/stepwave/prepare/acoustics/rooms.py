"""Rooms that sounds are heard in: impulse responses that begin with the direct sound, drawn from a generator.

`shoebox` computes reflections in a rectangular room by image sources (`pyroomacoustics`, extra `prepare`), `noise` is
decaying noise as a cheap likeness (as in `augment`). One room per scene, one place in it per sound.
"""

import importlib
from random import Random
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.signal.resample import Samples

Rooms: TypeAlias = Literal["none", "noise", "shoebox"]
"""How rooms are made."""
_TAIL_SECONDS = 0.5
_SOUND_SPEED = 343.0
_ORDER = 12
"""Reflections followed at most; later ones are below hearing in furnished rooms."""


class Room:
    """One room; each call gives the response from another place in it."""

    def __init__(self, kind: Rooms, sample_rate: int, chooser: Random) -> None:
        if kind not in get_args(Rooms):
            raise ConfigError(f"rooms of the kind {kind!r} are not known; wanted one of {', '.join(get_args(Rooms))}")
        self._kind, self._rate, self._chooser = kind, sample_rate, chooser
        self._size = [chooser.uniform(3, 9), chooser.uniform(2.5, 7), chooser.uniform(2.4, 3.6)]
        self._absorption = chooser.uniform(0.2, 0.6)
        self._decay = chooser.uniform(0.1, _TAIL_SECONDS)
        self._microphone = self._place()

    def response(self) -> Samples:
        """Impulse response `[n]` from a place that is drawn; its first sample is the direct sound, 1.0."""
        if self._kind == "none":
            return np.ones(1, np.float32)
        if self._kind == "noise":
            return self._noise()
        return self._images()

    def heard(self, samples: Samples) -> Samples:
        """Samples `[n]` as they sound from a place in the room, with reflections after their end: `[n + m]`."""
        response = self.response()
        if len(response) == 1:
            return samples
        size = 1 << (len(samples) + len(response)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)
        return wet[: len(samples) + len(response) - 1].astype(np.float32)

    def _noise(self) -> Samples:
        length = round(self._decay * self._rate)
        generator = np.random.default_rng(self._chooser.randrange(2**32))
        tail = generator.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
        tail *= self._chooser.uniform(0.1, 0.6) / max(float(np.linalg.norm(tail)), 1e-6)
        tail[0] = 1.0
        return tail.astype(np.float32)

    def _images(self) -> Samples:
        try:
            pyroomacoustics: Any = importlib.import_module("pyroomacoustics")
        except ImportError:
            raise MissingExtraError("prepare", "pyroomacoustics") from None
        source = self._place()
        room: Any = pyroomacoustics.ShoeBox(
            self._size, fs=self._rate, materials=pyroomacoustics.Material(self._absorption), max_order=_ORDER
        )
        room.add_source(source)
        room.add_microphone(self._microphone)
        room.compute_rir()
        response = np.asarray(room.rir[0][0])
        # Fractional delays are filters that begin before their peak; what counts as direct is the peak.
        distance = float(np.linalg.norm(np.subtract(source, self._microphone)))
        lead = pyroomacoustics.constants.get("frac_delay_length") // 2
        first = round(distance / _SOUND_SPEED * self._rate) + lead
        cut = response[first : first + round(_TAIL_SECONDS * self._rate)] / response[first]
        return np.asarray(cut, np.float32)

    def _place(self) -> list[float]:
        return [self._chooser.uniform(0.15, 0.85) * length for length in self._size]
