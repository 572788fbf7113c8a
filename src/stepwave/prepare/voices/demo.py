"""Making the library that comes with the project: each part of the cast spoken, reshaped, measured and stored.

Everything follows from the cast and the engines' versions; Piper's chance begins anew with each voice.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from stepwave.facts.errors import DataError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.prepare.acoustics.voice_measures import measure_voice
from stepwave.prepare.engines.bank import VoiceBank
from stepwave.prepare.starting_points import StartingPoints
from stepwave.prepare.voices.cast import Part, read_cast
from stepwave.prepare.voices.describing import describe_measured
from stepwave.prepare.voices.reshaping import AS_IT_IS, Reshaping, reshape
from stepwave.signal.atomic import new_folder
from stepwave.signal.resample import Samples
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.library import Embedding, Offer, VoiceLibrary
from stepwave.tools.voices.words import words_of

PEAK: Final = 0.89
"""One decibel below full scale."""
SHORTEST, LONGEST = 4.0, 8.0
"""Seconds; a clip outside of them is a mistake of the cast."""
_COMPRESSION: Final = 0.915
"""libsndfile's scale from 256 to 6 kbit/s: about 28."""
_MALE_BELOW, _FEMALE_FROM = 125.0, 170.0
"""Median pitch in Hz by which a voice is called male or female where its part says nothing; between them, neither."""
_LICENCES: Final = {
    "kokoro": "Apache-2.0 (Kokoro-82M)",
    "piper": "CC0 (Piper voice joe)",
    "flite": "free, CMU Flite's licence (BSD style)",
    "espeak": "free output of espeak-ng (GPL-3.0 program)",
}
_PAGE: Final = """# Voices

{count} voices in which the model can go on when it calls the tool `audio_search` (docs/voices.md), and by which the
search can be tried. No person was recorded for them: all are synthesised by free engines, and many are reshaped
(pitch, formants, melody, breath, tremor) with the WORLD vocoder. The parts they play are meant, not certified: an
"elderly man" is a synthetic voice that was made lower and shakier. Behind the part stand pitch, pace, melody and timbre
as they were measured, in the words of `prepare/acoustics/bands.py`; gender is that of the part, or else what the
measured pitch suggests.

Made by `stepwave prepare voices --to models/voices`, from `prepare/voices/cast.toml`. Clips are Opus, 24 kHz, mono,
about 28 kbit/s, with a peak of -1 dB. Speaker vectors are nano's.

Licences: clips and descriptions are under the project's (Apache-2.0), as far as anything in them can be owned. The
engines: Kokoro-82M is Apache-2.0, Piper's voice joe is CC0, Flite and its voices are under a licence in the style of
BSD's, espeak-ng is a GPL-3.0 program whose output is free.

| name | engine's voice | description | reshaped |
|---|---|---|---|
{rows}
"""


def make_demo_library(
    folder: Path, starting: Path, embedding: Embedding, told: Callable[[float, Part], None], replace: bool = False
) -> VoiceLibrary:
    """Speak the whole cast into a new library in `folder`, which appears whole; returns it.

    Args:
        folder: where the library is to be.
        starting: files of the voices, as `prepare.starting_points` brings them.
        embedding: makes the speaker vectors.
        told: is called with the share that is done and the part that is spoken next.
        replace: whether a folder with something in it may be replaced.

    Raises ServiceError for an engine that is not installed, MissingExtraError, DataError for a clip that does not fit
    its part, OutputError.
    """
    bank = VoiceBank(StartingPoints(starting))
    rows, cast = [], read_cast()
    with new_folder(folder, replace=replace) as unfinished:
        library = VoiceLibrary(unfinished, EmbeddedStore(unfinished), embedding)
        for number, part in enumerate(cast):
            told(number / len(cast), part)
            # In two lines, since a voice that is opened first begins with the bank's own seed.
            voice = bank[part.voice]
            bank.begin(0)
            samples = _finished(reshape(voice.speak(part.text, part.speed), part.reshaping), part)
            entry = library.add(_offer(part, samples))
            rows.append(f"| {entry.name} | {part.voice} | {entry.description} | {_reshaped(part.reshaping)} |")
        library.store.close()
        (unfinished / "README.md").write_text(_PAGE.format(count=len(cast), rows="\n".join(rows)), encoding="utf-8")
    return VoiceLibrary(folder, EmbeddedStore(folder, read_only=True))


def _finished(samples: Samples, part: Part) -> Samples:
    seconds = len(samples) / OUTPUT_SAMPLE_RATE
    if not SHORTEST <= seconds <= LONGEST:
        raise DataError(f"the part '{part.name}' lasts {seconds:.1f} s; wanted {SHORTEST:g} to {LONGEST:g} s")
    return np.asarray(samples * (PEAK / max(float(np.abs(samples).max()), 1e-6)), np.float32)


def _offer(part: Part, samples: Samples) -> Offer:
    measured = measure_voice(samples, part.text, "en")
    whispered = part.style == "whispered"
    if whispered:
        # What a tracker finds in noise is no pitch.
        measured = {name: value for name, value in measured.items() if not name.startswith("pitch")}
    said = describe_measured(measured)
    engine = part.voice.split("/")[0]
    told: dict[str, str] = {
        "transcript": part.text,
        "description": f"{part.role}; {said}" if said else part.role,
        "language": "en",
        "gender": _gender(part, measured),
        "age": part.age,
        "emotion": part.emotion,
        "style": part.style,
        "speaker": part.voice,
        "licence": _LICENCES[engine],
        "source": "stepwave prepare voices",
    }
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, OUTPUT_SAMPLE_RATE, "OPUS", format="OGG", compression_level=_COMPRESSION)
    return Offer(part.name, encoded.getvalue, told)


def _gender(part: Part, measured: dict[str, Any]) -> str:
    meant = {"male", "female"} & set(words_of(part.role))
    if meant:
        return meant.pop()
    pitch = float(measured.get("pitch_hz", 0.0))
    if not pitch or _MALE_BELOW <= pitch < _FEMALE_FROM:
        return ""
    return "male" if pitch < _MALE_BELOW else "female"


def _reshaped(how: Reshaping) -> str:
    changed = [one.name for one in fields(how) if getattr(how, one.name) != getattr(AS_IT_IS, one.name)]
    return ", ".join(f"{name} {getattr(how, name):g}" for name in changed)
