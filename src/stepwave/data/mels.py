"""Speech mels of recordings, computed when first asked for and held in half precision while a run lasts."""

import torch
from torch import Tensor

from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.signal.files import read_audio
from stepwave.signal.mel import speech_mel


class MelCache:
    """Maps a sound file's path to its natural-log mel `[t, 80]`, 50 frames a second."""

    def __init__(self) -> None:
        self._mels: dict[str, Tensor] = {}

    def __getitem__(self, path: str) -> Tensor:
        """The mel in half precision; raises `AudioError` where the file can't be read."""
        if path not in self._mels:
            samples = read_audio(path, sample_rate=OUTPUT_SAMPLE_RATE).samples
            self._mels[path] = speech_mel(torch.from_numpy(samples)).T.half()
        return self._mels[path]
