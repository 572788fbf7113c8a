"""What can be measured in a recording of one speaker: pitch, speed, rhythm, loudness, timbre.

Plain functions of samples and a transcript. Speaking time is told by level alone (`signal.voice_activity`), so these
figures hold for fairly clean recordings; in a mix with other sounds they mean nothing, so speech is measured before it
is mixed.
"""

import itertools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.prepare.acoustics.bands import TIMBRE, word_for
from stepwave.prepare.acoustics.syllables import spoken_units
from stepwave.prepare.pitch import fundamental_frequency
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import Stretch, VoiceActivityConfig, find_sound, frame_levels

RATE: Final = OUTPUT_SAMPLE_RATE
"""Sample rate of everything measured here, in Hz."""
SPEAKING: Final = VoiceActivityConfig(range_db=30.0, margin_seconds=0.02, pause_seconds=0.2)
"""What counts as speaking; gaps from 0.2 s + two margins on are pauses, shorter ones belong to the articulation."""
_VOICED_RANGE_DB: Final = 25.0
"""Pitch is taken where the level is at most so far below the loudest frame: trackers err in what is soft."""
_LEAST_VOICED_FRAMES: Final = 10
_RUMBLE_HZ: Final = 80.0
"""Below, the sound is weakened before pitch is tracked, by 72 dB per octave."""
_HUM_HZ: Final = (60.0, 70.0)
"""Between these the rest fades to nothing: a tracker that looks for regularity finds any hum that is left."""
POSSIBLE_SYLLABLES: Final = (1.5, 9.0)
"""Syllables per second that people speak; outside, transcript and sound do not belong together."""
_FRAME: Final = 1024
_TIMBRE_BAND: Final = (100.0, 5_000.0)
"""Hz compared for timbre; above, recordings differ by their microphones and codecs rather than by their speakers."""


@dataclass(frozen=True)
class Rhythm:
    """How speaking is cut up by pauses, between the first sound and the last."""

    speaking_seconds: float
    pauses: int
    pause_share: float
    """Share of pauses in the whole, 0 to 1."""
    pauses_per_minute: float
    phrase_variability: float | None
    """Standard deviation of the lengths of what lies between pauses, over their mean; None for a single stretch."""


def measure_voice(samples: Samples, text: str, language: str = "") -> dict[str, Any]:
    """Everything that can be told of 24 kHz samples `[n]` of one speaker who says `text`, by attribute name.

    A figure that cannot be had (no voiced frames, a transcript that is not of this sound) is left out. {} for silence.
    Raises MissingExtraError where pysptk is not installed.
    """
    stretches = find_sound(samples, RATE, SPEAKING)
    if not stretches:
        return {}
    found: dict[str, Any] = {"loudness_dbfs": round(loudness(samples, stretches), 1)}
    rhythm = measure_rhythm(stretches)
    found["speaking_seconds"] = round(rhythm.speaking_seconds, 2)
    found["pauses_per_minute"] = round(rhythm.pauses_per_minute, 1)
    found["pause_share"] = round(rhythm.pause_share, 3)
    if rhythm.phrase_variability is not None:
        found["phrase_variability"] = round(rhythm.phrase_variability, 3)
    units = spoken_units(text, language)
    if units is not None:
        words, syllables = (count / rhythm.speaking_seconds for count in units)
        if POSSIBLE_SYLLABLES[0] <= syllables <= POSSIBLE_SYLLABLES[1]:
            found["words_per_second"] = round(words, 2)
            found["syllables_per_second"] = round(syllables, 2)
    found |= measure_timbre(samples)
    return found | measure_pitch(samples)


def measure_pitch(samples: Samples) -> dict[str, float]:
    """`pitch_hz` (median) and `pitch_range_semitones` (from the 5th to the 95th percentile) of 24 kHz samples `[n]`.

    {} where hardly anything is voiced. Raises MissingExtraError.
    """
    track = fundamental_frequency(_without_hum(samples)).numpy()
    levels = frame_levels(samples, RATE)[: len(track)]
    if len(levels) == 0:
        return {}
    voiced = track[(track > 0) & (levels > levels.max() - _VOICED_RANGE_DB)]
    if len(voiced) < _LEAST_VOICED_FRAMES:
        return {}
    low, middle, high = np.percentile(voiced, [5, 50, 95])
    return {
        "pitch_hz": round(float(middle), 1),
        "pitch_range_semitones": round(float(12 * np.log2(high / low)), 1),
    }


def _without_hum(samples: Samples) -> Samples:
    # DIO follows mains hum, however faint, before it follows a voice: it found 60 Hz in 10 of 126 LibriSpeech clips.
    size = 1 << len(samples).bit_length()
    spectrum = np.fft.rfft(samples, size)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    order = 12
    spectrum /= np.sqrt(1 + (_RUMBLE_HZ / np.maximum(hertz, 1e-3)) ** (2 * order))
    low, high = _HUM_HZ
    spectrum *= 0.5 - 0.5 * np.cos(np.pi * np.clip((hertz - low) / (high - low), 0, 1))
    return np.fft.irfft(spectrum, size)[: len(samples)].astype(np.float32)


def measure_rhythm(stretches: list[Stretch]) -> Rhythm:
    """Rhythm from stretches of sound at 24 kHz, as `find_sound` gives them with `SPEAKING`; at least one."""
    margin = SPEAKING.margin_seconds
    lengths = [(each.end - each.start) / RATE for each in stretches]
    gaps = [(after.start - before.end) / RATE + 2 * margin for before, after in itertools.pairwise(stretches)]
    speaking = sum(lengths) - 2 * margin * len(lengths)
    whole = speaking + sum(gaps)
    variability = float(np.std(lengths) / np.mean(lengths)) if len(lengths) > 1 else None
    return Rhythm(speaking, len(gaps), sum(gaps) / whole, 60 * len(gaps) / whole, variability)


def loudness(samples: Samples, stretches: list[Stretch]) -> float:
    """Level in dBFS (root mean square) of the stretches of samples `[n]` that have sound."""
    power = sum(float(np.square(samples[a:b], dtype=np.float64).sum()) for a, b in stretches)
    return float(10 * np.log10(max(power / sum(b - a for a, b in stretches), 1e-20)))


def measure_timbre(samples: Samples) -> dict[str, Any]:
    """`centroid_hz`, `tilt_db_per_octave` and the word for them (`timbre`) of 24 kHz samples `[n]`.

    Both describe the mean power spectrum from 100 Hz to 5 kHz of the louder half of the frames, whose steady sounds
    tell more of the voice than its hisses do. {} for fewer samples than a frame.
    """
    if len(samples) < _FRAME:
        return {}
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[:: _FRAME // 2]
    levels = frames.var(axis=1)
    frames = frames[levels >= np.median(levels)]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_FRAME)))).mean(axis=0)
    hertz = np.fft.rfftfreq(_FRAME, 1 / RATE)
    inside = (hertz >= _TIMBRE_BAND[0]) & (hertz <= _TIMBRE_BAND[1])
    power, hertz = power[inside], hertz[inside]
    if power.sum() <= 0:
        return {}
    centroid = float((hertz * power).sum() / power.sum())
    # Third octaves weigh all octaves alike; single bins would let the upper ones decide.
    edges = _TIMBRE_BAND[0] * 2 ** (np.arange(18) / 3)
    bands = [power[(hertz >= low) & (hertz < high)] for low, high in itertools.pairwise(edges)]
    levels_db = np.array([10 * np.log10(max(float(band.mean()), 1e-20)) if len(band) else np.nan for band in bands])
    there = ~np.isnan(levels_db)
    tilt = float(np.polyfit(np.arange(17)[there] / 3, levels_db[there], 1)[0])
    return {
        "centroid_hz": round(centroid),
        "tilt_db_per_octave": round(tilt, 1),
        "timbre": word_for(TIMBRE, centroid),
    }
