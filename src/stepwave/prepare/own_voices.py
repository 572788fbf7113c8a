"""Voices of the people in a table of recordings, each from the longest of their recordings that are learnt from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip, Record
from stepwave.dialogue.stepwave import Stepwave
from stepwave.dialogue.voices import LONGEST_PROMPT_SECONDS
from stepwave.facts.errors import AudioTooShortError, ConfigError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.models.detokenizer import Voice
from stepwave.prepare.own_recordings import NO_SPEAKER, speaker_of
from stepwave.signal.files import Audio

SPARE: Final = 1.3
"""So much more sound is joined than a voice takes: silence at the ends is taken off."""


def voice_names(records: Sequence[Record], wanted: str | None, otherwise: str) -> dict[str, str]:
    """What the voice of each speaker is to be called, by the speaker's name in the table.

    Args:
        records: of the table.
        wanted: the name that was asked for, if any.
        otherwise: the name where neither the caller nor the table gives one.

    Raises ConfigError where one name was asked for and several people speak.
    """
    speakers = sorted({speaker_of(clip) for record in records for clip in record.clips})
    if len(speakers) > 1 and wanted is not None:
        raise ConfigError(
            f"--voice {wanted} came, and {len(speakers)} people speak in the table ({', '.join(speakers[:3])}...); "
            "leave it out, and each voice is called as the table calls who speaks"
        )
    return {name: wanted if wanted is not None else (otherwise if name == NO_SPEAKER else name) for name in speakers}


def make_voices(model: Stepwave, records: Sequence[Record], speakers: Sequence[str]) -> tuple[list[Voice], list[str]]:
    """Voices called as the table calls who speaks, and a sentence for each that had too little sound to make one.

    Raises AudioError, CheckpointError.
    """
    voices: list[Voice] = []
    lacking: list[str] = []
    for speaker in speakers:
        clips = {clip.id: clip for record in records for clip in record.clips if speaker_of(clip) == speaker}
        try:
            if not clips:
                raise AudioTooShortError("all recordings of it are held out; add more")
            voices.append(replace(model.voice(_joined(list(clips.values()))), name=speaker))
        except AudioTooShortError as problem:
            lacking.append(f"no voice for {speaker}: {problem}")
    return voices, lacking


def _joined(clips: Sequence[Clip]) -> Audio:
    """The longest clips one after another, as far as a voice needs them."""
    sounds = []
    seconds = 0.0
    for clip in sorted(clips, key=lambda each: (-each.seconds, each.id)):
        if seconds < SPARE * LONGEST_PROMPT_SECONDS:
            sounds.append(read_clip(clip, OUTPUT_SAMPLE_RATE)[0])
            seconds += clip.seconds
    return Audio(np.concatenate(sounds), OUTPUT_SAMPLE_RATE)
