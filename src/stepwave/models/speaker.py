"""nano's speaker embedding: a recording to 256 numbers that say whose voice it is.

The network and its front end are those of Resemblyzer (Apache-2.0), after Wan et al. 2018, "Generalized End-to-End
Loss for Speaker Verification": its weights load here under their own names (`lstm.*`, `linear.*`). Departures:
silence is found by level (`signal.voice_activity`), not by the WebRTC detector. mini's CAM++ is not here.
Letters: n samples at 16 kHz, p partial utterances of 160 mel frames (1.6 s).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import AudioEmptyError, ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.mel import mel_bank
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import find_sound

BANDS: Final = 40
WINDOW: Final = 400
"""Samples in one mel window: 25 ms."""
HOP: Final = 160
"""Samples from one mel frame to the next: 10 ms."""
PARTIAL: Final = 160
"""Mel frames the network hears at once: 1.6 s."""
PARTIAL_STEP: Final = 77
"""Mel frames from one partial utterance to the next: 1.3 of them a second."""
LEAST_COVERAGE: Final = 0.75
"""Share of a last partial utterance that must be sound for it to count, unless it is the only one."""
LEAST_LEVEL: Final = 10 ** (-30 / 20)
"""Root mean square a quieter recording is raised to: -30 dB of full scale. The network hears powers, not logs."""


@dataclass(frozen=True)
class SpeakerEncoderConfig:
    """Sizes of the speaker encoder; the defaults are Resemblyzer's."""

    hidden: int = 256
    """Width of the recurrent layers."""
    layers: int = 3
    """Recurrent layers."""
    width: int = 256
    """Numbers in an embedding."""

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "width"):
            if getattr(self, name) < 1:
                raise ConfigError(f"speaker encoder {name} is {getattr(self, name)}; it must be at least 1")


def speaker_mel(samples: Tensor) -> Tensor:
    """Power mel spectrogram (no logarithm) of `[n]` samples: `[n // 160 + 1, 40]`, frames centred, zeros around."""
    window = torch.hann_window(WINDOW, device=samples.device)
    spectrum = torch.stft(samples, WINDOW, HOP, window=window, center=True, pad_mode="constant", return_complex=True)
    power = spectrum.abs().square()
    return (mel_bank(INPUT_SAMPLE_RATE, WINDOW, BANDS).to(power.device) @ power).T


def partial_starts(samples: int) -> list[int]:
    """First mel frame of each partial utterance of a recording; there is always at least one."""
    frames = samples // HOP + 1
    starts = list(range(0, max(1, frames - PARTIAL + PARTIAL_STEP + 1), PARTIAL_STEP))
    covered = (samples - starts[-1] * HOP) / (PARTIAL * HOP)
    return starts[:-1] if covered < LEAST_COVERAGE and len(starts) > 1 else starts


class SpeakerEncoder(nn.Module):
    """Recurrent layers over mel frames; the last state, projected, makes the embedding."""

    def __init__(self, config: SpeakerEncoderConfig | None = None) -> None:
        super().__init__()
        self.config = config or SpeakerEncoderConfig()
        self.lstm = nn.LSTM(BANDS, self.config.hidden, self.config.layers, batch_first=True)
        self.linear = nn.Linear(self.config.hidden, self.config.width)

    def forward(self, mels: Tensor) -> Tensor:
        """Partial utterances `[p, 160, 40]` -> embeddings `[p, width]`, none negative, each of length 1."""
        _, (states, _) = self.lstm(mels)
        return F.normalize(F.relu(self.linear(states[-1])), dim=1)

    @torch.no_grad()
    def embed(self, samples: Samples) -> Tensor:
        """Embed a recording, samples `[n]` at 16 kHz -> float32 `[width]` of length 1, on the module's device.

        Long silences are cut out and quiet recordings raised, then the partial utterances' embeddings are averaged.
        A few seconds suffice; less than 1.6 s is filled with zeros and says less about the voice.
        Raises AudioEmptyError when there is nothing to be heard.
        """
        stretches = find_sound(samples, INPUT_SAMPLE_RATE)
        if not stretches:
            raise AudioEmptyError(
                f"the recording of {len(samples) / INPUT_SAMPLE_RATE:.2f} s is silent; "
                "a voice needs a second of speech or more: record it again, louder"
            )
        sound = np.concatenate([samples[stretch.start : stretch.end] for stretch in stretches])
        level = float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))
        sound = sound * np.float32(max(1.0, LEAST_LEVEL / level))
        return self._embed_sound(torch.from_numpy(sound).to(self.linear.weight.device))

    def _embed_sound(self, sound: Tensor) -> Tensor:
        starts = partial_starts(len(sound))
        missing = max(0, (starts[-1] + PARTIAL) * HOP - len(sound))
        mel = speaker_mel(F.pad(sound.float(), (0, missing)))
        partials = torch.stack([mel[start : start + PARTIAL] for start in starts])
        embeddings: Tensor = self(partials.to(self.linear.weight.dtype))
        return F.normalize(embeddings.float().mean(dim=0), dim=0)
