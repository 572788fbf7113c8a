"""Mixes of sounds of which everything is known: what is heard, when, for how long, how loud.

The recipe is written by whoever mixes, from what was added to the sum, so it is right by construction. Levels are
A-weighted (IEC 61672-1), since what a question calls loud is loud to an ear: a hum of the same power as a bird is not.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from stepwave.facts.errors import AudioValueError
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import VoiceActivityConfig, find_sound

REFERENCE_DB: Final = -26.0
"""Level in dBFS, A-weighted, of a sound with a gain of 0 dB before the mix is scaled to its peak."""
PEAK: Final = 0.9
"""Largest sample of a mix; louder ones are scaled down as a whole."""
MASKED_DB: Final = 14.0
"""A frame of a sound that lies so far below the rest of the mix is taken as unheard."""
HEARD_SECONDS: Final = 0.25
"""How much of each sound must be heard above the rest."""
_FADE_SECONDS: Final = 0.01
_LOOP_FADE_SECONDS: Final = 0.1
_FRAME_SECONDS: Final = 0.02
EVENTS: Final = VoiceActivityConfig(range_db=35.0, margin_seconds=0.05, pause_seconds=0.35)
"""What belongs to one event: quieter gaps of 0.35 s and two margins part two barks of a dog."""


class SilentSoundError(AudioValueError):
    """A recording holds nothing that could be heard."""


class DrownedSoundError(AudioValueError):
    """A sound cannot be heard for the others."""


@dataclass(frozen=True)
class Ingredient:
    """One sound as it is in a mix: an entry of the recipe."""

    label: str
    clip: str
    """Id of the clip that it was taken from."""
    start: float
    """Seconds into the mix."""
    seconds: float
    gain_db: float
    """Its level over the reference level of the mix, both A-weighted."""
    text: str = ""
    """The words, where someone speaks."""

    @property
    def end(self) -> float:
        """Seconds into the mix at which it is over."""
        return self.start + self.seconds

    def written(self) -> dict[str, Any]:
        """As JSON values, without empty words."""
        return {name: value for name, value in asdict(self).items() if value != ""}


@dataclass(frozen=True, eq=False)
class Mix:
    """The sum and how it was made."""

    samples: Samples
    recipe: tuple[Ingredient, ...]
    """In the order of their starts."""
    reference_db: float
    """Level in dBFS, A-weighted, of a gain of 0 dB in this sum."""


def event(samples: Samples, sample_rate: int, longest: float) -> Samples:
    """The strongest stretch of sound of samples `[n]`, at most `longest` seconds of it, faded in and out: `[m]`.

    A recording of several barks with pauses between gives one of them, so that it can be counted as one.
    Raises SilentSoundError.
    """
    stretches = find_sound(samples, sample_rate, EVENTS)
    if not stretches:
        raise SilentSoundError("a recording of silence cannot be mixed; leave it out")
    start, end = max(stretches, key=lambda each: float(np.square(samples[each.start : each.end]).sum()))
    return faded(samples[start : min(end, start + round(longest * sample_rate))], sample_rate)


def whole(samples: Samples, sample_rate: int) -> Samples:
    """Samples `[n]` without silence at their ends: `[m]`; for speech. Raises SilentSoundError."""
    stretches = find_sound(samples, sample_rate)
    if not stretches:
        raise SilentSoundError("a recording of silence cannot be mixed; leave it out")
    return faded(samples[stretches[0].start : stretches[-1].end], sample_rate)


def looped(samples: Samples, length: int, sample_rate: int) -> Samples:
    """Samples `[n]` again and again, each time faded into the next, until they fill `[length]`."""
    overlap = min(round(_LOOP_FADE_SECONDS * sample_rate), len(samples) // 2)
    ramp = np.sqrt(np.linspace(0, 1, overlap, dtype=np.float32))
    middle = samples.astype(np.float32, copy=True)
    middle[:overlap] *= ramp
    middle[len(middle) - overlap :] *= ramp[::-1]
    filled = np.zeros(length + len(samples), np.float32)
    for first in range(0, length, max(1, len(samples) - overlap)):
        filled[first : first + len(samples)] += middle
    return faded(filled[:length], sample_rate)


def faded(samples: Samples, sample_rate: int) -> Samples:
    """A copy of samples `[n]` whose first and last 10 ms rise and fall, so that a cut does not click."""
    length = min(round(_FADE_SECONDS * sample_rate), len(samples) // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, length, dtype=np.float32))
    copy = samples.astype(np.float32, copy=True)
    copy[:length] *= ramp
    copy[len(copy) - length :] *= ramp[::-1]
    return copy


def level_db(samples: Samples, sample_rate: int) -> float:
    """Level in dBFS, A-weighted, of samples `[n]`: their root mean square, silence in them left out."""
    return _level_db(weighted(samples, sample_rate), sample_rate)


def _level_db(heard: Samples, sample_rate: int) -> float:
    frames = _framed(heard, sample_rate)
    powers = np.square(frames, dtype=np.float64).mean(axis=1)
    sounding = powers[powers > powers.max() * 1e-4]
    return float(10 * np.log10(max(float(sounding.mean()) if len(sounding) else 0.0, 1e-20)))


def weighted(samples: Samples, sample_rate: int) -> Samples:
    """Samples `[n]` through an A-weighting without delay (IEC 61672-1, annex E), 0 dB at 1 kHz: `[n]`."""
    # A power of two: lengths with large prime factors take many times as long.
    size = 1 << len(samples).bit_length()
    squared = np.square(np.fft.rfftfreq(size, 1 / sample_rate))
    poles = (20.598997, 107.65265, 737.86223, 12_194.217)
    response = (poles[3] ** 2 * squared**2) / (
        (squared + poles[0] ** 2)
        * np.sqrt((squared + poles[1] ** 2) * (squared + poles[2] ** 2))
        * (squared + poles[3] ** 2)
    )
    gain = 10 ** (2.0 / 20)
    heard = np.fft.irfft(np.fft.rfft(samples, size) * response * gain, size)
    return heard[: len(samples)].astype(np.float32)


def mix(
    sounds: Sequence[Samples], ingredients: Sequence[Ingredient], seconds: float, sample_rate: int, floor: Samples
) -> Mix:
    """Add `sounds` (each `[n_i]`, of any level) at the starts and gains of `ingredients`, onto noise `floor` `[n]`.

    A sound may be longer than its ingredient says, by a room's reflections. Raises SilentSoundError, and
    DrownedSoundError where one is lost in the others: a recipe must not name what nobody can hear.
    """
    length = round(seconds * sample_rate)
    total = floor[:length].astype(np.float32)
    heard = np.zeros((len(sounds), length), np.float32)
    placed = []
    for line, sound, each in zip(heard, sounds, ingredients, strict=True):
        loud = weighted(sound, sample_rate)
        level = _level_db(loud, sample_rate)
        if level < -90:
            raise SilentSoundError(f"clip {each.clip} is silent; leave it out")
        first = round(each.start * sample_rate)
        factor = np.float32(10 ** ((REFERENCE_DB + each.gain_db - level) / 20))
        last = min(first + len(sound), length)
        total[first:last] += sound[: last - first] * factor
        line[first:last] = loud[: last - first] * factor
        placed.append(
            Ingredient(
                each.label,
                each.clip,
                round(first / sample_rate, 3),
                round(min(each.seconds, seconds - first / sample_rate), 3),
                round(each.gain_db, 1),
                each.text,
            )
        )
    _check_heard(heard, placed, sample_rate)
    scale = min(1.0, PEAK / max(float(np.abs(total).max()), 1e-9))
    recipe = tuple(sorted(placed, key=lambda each: (each.start, each.label)))
    return Mix((total * scale).astype(np.float32), recipe, round(REFERENCE_DB + 20 * float(np.log10(scale)), 2))


def noise_floor(length: int, level: float, generator: np.random.Generator) -> Samples:
    """Faint noise `[length]` of a level in dBFS, falling by 3 dB per octave: no real place is digitally silent."""
    size = 1 << length.bit_length()
    spectrum = np.fft.rfft(generator.standard_normal(size))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, size)[:length]
    scale = 10 ** (level / 20) / max(float(np.sqrt(np.square(noise).mean())), 1e-9)
    return np.asarray(noise * scale, np.float32)


def _check_heard(heard: Samples, placed: Sequence[Ingredient], sample_rate: int) -> None:
    powers = np.stack([np.square(_framed(line, sample_rate), dtype=np.float64).mean(axis=1) for line in heard])
    for own, each in zip(powers, placed, strict=True):
        rest = powers.sum(axis=0) - own
        loud = own > own.max() * 1e-3
        above = loud & (own * 10 ** (MASKED_DB / 10) > rest)
        if above.sum() * _FRAME_SECONDS < min(HEARD_SECONDS, 0.8 * loud.sum() * _FRAME_SECONDS):
            raise DrownedSoundError(f"{each.label} of clip {each.clip} is drowned out by the rest of the mix")


def _framed(samples: Samples, sample_rate: int) -> Samples:
    frame = round(_FRAME_SECONDS * sample_rate)
    padded = np.pad(samples, (0, -len(samples) % frame))
    return padded.reshape(-1, frame)
