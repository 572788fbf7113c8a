"""Speech mels of clips, computed when first asked for and held in half precision while a run lasts."""

import torch
from torch import Tensor

from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.signal.mel import speech_mel


class MelCache:
    """Maps a clip to its natural-log mel `[t, 80]`, 50 frames a second."""

    def __init__(self) -> None:
        self._mels: dict[tuple[str, int, float], Tensor] = {}

    def __getitem__(self, clip: Clip) -> Tensor:
        """The mel in half precision; raises `AudioError` where the sound can't be read."""
        key = (clip.file, clip.offset, clip.start)
        if key not in self._mels:
            samples, _ = read_clip(clip, OUTPUT_SAMPLE_RATE)
            self._mels[key] = speech_mel(torch.from_numpy(samples)).T.half()
        return self._mels[key]
