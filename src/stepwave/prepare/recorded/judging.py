"""What is measured on a recording with its transcript, and which of the measures speak against it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from stepwave.data.records import ERRORS, HEARD, WORDS, Clip, Turn
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.prepare.recorded.attributes import CLIPPED, FINGERPRINT, LOUDNESS, NOISE, PACE
from stepwave.prepare.recorded.fingerprints import fingerprint
from stepwave.prepare.recorded.levels import clipped_share, loudness, noise_ratio
from stepwave.prepare.recorded.scripts import share_in_script, words_to_say
from stepwave.signal.resample import Samples, resample
from stepwave.text.word_errors import UNSPACED, word_errors

Measures: TypeAlias = dict[str, Any]
Fault: TypeAlias = tuple[str, str]
"""A reason in a few words, and what exactly was found."""


@dataclass(frozen=True)
class Limits:
    """What a recording may be like."""

    text_needed: bool = True
    """Whether a recording without transcript is dropped."""
    check_needed: bool = False
    """Whether a transcript that nobody checked (no `heard`) is dropped."""
    most_error: float = 0.1
    """Share of words (characters where the language writes no spaces) in which `heard` may differ from the text."""
    shortest: float = 0.5
    """Seconds."""
    longest: float = 30.0
    """Seconds."""
    slowest: float = 0.4
    """Words per second, whole length of the recording."""
    fastest: float = 6.0
    """Words per second."""
    slowest_unspaced: float = 0.8
    """Characters per second, in languages that write no spaces."""
    fastest_unspaced: float = 12.0
    """Characters per second, in languages that write no spaces."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes of languages that are kept; none for all."""
    least_script: float = 0.5
    """Share of letters that must be in a script of the turn's language; the rest may be foreign words."""
    quietest: float = -45.0
    """Integrated loudness in LUFS."""
    loudest: float = -5.0
    """Integrated loudness in LUFS."""
    most_clipped: float = 0.001
    """Share of samples at full scale."""
    least_snr: float = 10.0
    """Estimated ratio of speech to background, in dB."""

    def __post_init__(self) -> None:
        pairs = (
            ("shortest", "longest"),
            ("slowest", "fastest"),
            ("slowest_unspaced", "fastest_unspaced"),
            ("quietest", "loudest"),
        )
        for low, high in pairs:
            if getattr(self, low) >= getattr(self, high):
                raise ConfigError(
                    f"{low} is {getattr(self, low):g} and {high} {getattr(self, high):g}; wanted {low} below {high}"
                )
        for share in ("least_script", "most_clipped"):
            if not 0 <= getattr(self, share) <= 1:
                raise ConfigError(f"{share} is {getattr(self, share):g}; wanted a share between 0 and 1")
        if self.most_error < 0:
            raise ConfigError(f"most_error is {self.most_error:g}; wanted 0 or more")


def faults_of_words(turn: Turn, clip: Clip, limits: Limits, measures: Measures) -> Iterator[Fault]:
    """What speaks against the transcript of a clip whose length is known; writes what it finds to `measures`.

    Lazy: what is measured last costs most, and whoever stops at the first fault is spared it. Raises MissingExtraError.
    """
    language, seconds = turn.language, clip.seconds
    if limits.languages and language not in limits.languages:
        yield "other language", f"{language or 'none named'}; wanted one of: {', '.join(limits.languages)}"
    words = words_to_say(turn.text)
    if words == 0:
        if limits.text_needed:
            yield "missing transcript", ""
        return
    share = share_in_script(turn.text, language)
    if share is not None and share < limits.least_script:
        yield "other script than the language's", f"{share:.2f} of the letters are in a script of {language!r}"
    pace = words / seconds
    measures[PACE] = round(pace, 3)
    unspaced = language in UNSPACED
    if pace < (limits.slowest_unspaced if unspaced else limits.slowest):
        yield "words too slow", f"{pace:.2f} a second"
    if pace > (limits.fastest_unspaced if unspaced else limits.fastest):
        yield "words too fast", f"{pace:.2f} a second"
    heard = clip.attributes.get(HEARD)
    if heard is None:
        if limits.check_needed:
            yield "transcript not checked", ""
        return
    counted = word_errors(turn.text, heard, language or "en")
    error = counted.errors / max(1, counted.words)
    measures[ERRORS], measures[WORDS] = counted.errors, counted.words
    if error > limits.most_error:
        yield "transcript differs from what is heard", f"{error:.2f}: {turn.text!r} but heard {heard!r}"


def faults_of_length(seconds: float, limits: Limits) -> Iterator[Fault]:
    """What speaks against a clip's length."""
    if seconds < limits.shortest:
        yield "too short", f"{seconds:.2f} s"
    if seconds > limits.longest:
        yield "too long", f"{seconds:.2f} s"


def faults_of_sound(samples: Samples, sample_rate: int, limits: Limits, measures: Measures) -> Iterator[Fault]:
    """What speaks against the samples `[n]` of a clip, at its own rate; writes what it finds to `measures`."""
    clipped = clipped_share(samples)
    measures[CLIPPED] = round(clipped, 6)
    if clipped > limits.most_clipped:
        yield "clipped", f"{clipped:.4f} of its samples"
    heard = resample(samples, sample_rate, INPUT_SAMPLE_RATE)
    level = loudness(heard, INPUT_SAMPLE_RATE)
    measures[LOUDNESS] = round(level, 2)
    if level < limits.quietest:
        yield "too quiet", f"{level:.1f} LUFS"
    if level > limits.loudest:
        yield "too loud", f"{level:.1f} LUFS"
    ratio = noise_ratio(heard, INPUT_SAMPLE_RATE)
    measures[NOISE] = round(ratio, 2)
    if ratio < limits.least_snr:
        yield "too noisy", f"{ratio:.1f} dB"
    measures[FINGERPRINT] = fingerprint(heard)
