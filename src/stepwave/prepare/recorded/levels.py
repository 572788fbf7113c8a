"""How loud, how clipped and how noisy a recording is, measured on its samples.

Loudness is the integrated loudness of ITU-R BS.1770-4 for one channel: K-weighting, blocks of 400 ms every 100 ms,
gates at -70 LUFS and at 10 LU under the loudness of what passes the first. Its filters, given there for 48 kHz, are
made for any rate from the analogue prototypes that reproduce those numbers (De Man 2014), and applied in the frequency
domain. A recording shorter than a block is one block.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import frame_levels

SILENCE_LUFS: Final = -70.0
"""What silence measures: the absolute gate."""
FULL_SCALE: Final = 0.99
"""From this amplitude on a sample counts as clipped: lossy codecs and changes of rate blunt a plateau at 1.0."""
LEAST_RATIO_DB, MOST_RATIO_DB = -20.0, 100.0
"""The smallest and the largest ratio that is reported: sound without pauses, and digital silence between the words."""

_SHELF_HERTZ, _SHELF_Q, _SHELF_DB = 1681.974450955533, 0.7071752369554196, 3.999843853973347
_SHELF_SLOPE = 0.4996667741545416
_HIGH_PASS_HERTZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773
_OFFSET = -0.691  # LU, so that a full-scale sine of 997 Hz measures -3.01 LUFS
_BLOCK_SECONDS, _HOP_SECONDS = 0.4, 0.1
_RELATIVE_GATE = -10.0
_TAIL_SECONDS = 0.1  # the filters ring on for less
_QUIET_SHARE, _LOUD_SHARE = 0.1, 0.5
_LEAST_RATIO = 1e-9


def loudness(samples: Samples, sample_rate: int) -> float:
    """Integrated loudness of samples `[n]` in LUFS; -70 for silence."""
    weighted = _weighted(samples, sample_rate)
    block, hop = round(_BLOCK_SECONDS * sample_rate), round(_HOP_SECONDS * sample_rate)
    summed = np.concatenate(([0.0], np.cumsum(weighted**2)))
    starts = np.arange(0, max(1, len(weighted) - block + 1), hop)
    ends = np.minimum(starts + block, len(weighted))
    powers = np.maximum(summed[ends] - summed[starts], 0.0) / np.maximum(ends - starts, 1)
    powers = powers[powers > _power(SILENCE_LUFS)]
    if len(powers) == 0:
        return SILENCE_LUFS
    powers = powers[powers > powers.mean() * 10 ** (_RELATIVE_GATE / 10)]
    return _OFFSET + 10 * math.log10(powers.mean())


def clipped_share(samples: Samples) -> float:
    """Share of samples `[n]` at full scale."""
    return float((np.abs(samples) >= FULL_SCALE).mean())


def noise_ratio(samples: Samples, sample_rate: int) -> float:
    """Estimated ratio of speech to background in samples `[n]`, in dB: `LEAST_RATIO_DB` to `MOST_RATIO_DB`.

    The background is the power of the quietest tenth of 20 ms frames, the pauses between and inside words; speech is
    the power of the louder half, less the background. Noise that comes and goes with the words is not seen, and what
    has no pauses, such as music, measures low. White noise 20, 10 and 0 dB under the mean power of utterances measures
    23, 13 and 4 dB (LibriSpeech, median of 60): pauses weigh in that mean and not in what is taken for speech here.
    """
    powers = np.sort(10 ** (frame_levels(samples, sample_rate) / 10))
    background = powers[: max(1, round(_QUIET_SHARE * len(powers)))].mean()
    speech = powers[min(len(powers) - 1, round(_LOUD_SHARE * len(powers))) :].mean() - background
    ratio = max(speech, 0.0) / background
    return float(np.clip(10 * np.log10(max(ratio, _LEAST_RATIO)), LEAST_RATIO_DB, MOST_RATIO_DB))


def weighting(sample_rate: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """K-weighting as two second-order sections, numerators and denominators `[2, 3]`: the shelf, the high pass."""
    turn = math.tan(math.pi * _SHELF_HERTZ / sample_rate)
    gain = 10 ** (_SHELF_DB / 20)
    middle = gain**_SHELF_SLOPE
    scale = 1 + turn / _SHELF_Q + turn**2
    shelf = [
        (gain + middle * turn / _SHELF_Q + turn**2) / scale,
        2 * (turn**2 - gain) / scale,
        (gain - middle * turn / _SHELF_Q + turn**2) / scale,
    ]
    shelf_below = [1.0, 2 * (turn**2 - 1) / scale, (1 - turn / _SHELF_Q + turn**2) / scale]
    turn = math.tan(math.pi * _HIGH_PASS_HERTZ / sample_rate)
    scale = 1 + turn / _HIGH_PASS_Q + turn**2
    below = [1.0, 2 * (turn**2 - 1) / scale, (1 - turn / _HIGH_PASS_Q + turn**2) / scale]
    return np.array([shelf, [1.0, -2.0, 1.0]]), np.array([shelf_below, below])


def _weighted(samples: Samples, sample_rate: int) -> npt.NDArray[np.float64]:
    # A power of two holds the samples and the tail, so that nothing comes round to the beginning.
    size = 1 << (len(samples) + round(_TAIL_SECONDS * sample_rate) - 1).bit_length()
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    delays = np.stack((np.ones_like(delay), delay, delay**2))
    above, below = weighting(sample_rate)
    response = np.prod((above @ delays) / (below @ delays), axis=0)
    weighted = np.fft.irfft(np.fft.rfft(samples.astype(np.float64), size) * response, size)
    return np.asarray(weighted[: len(samples)], np.float64)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET) / 10))
