"""The material of scenes: sounds by split and label, speech by split, and what is drawn of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record, speech_in
from stepwave.facts.errors import DataError
from stepwave.prepare.acoustics.sounds import SPEECH, alike, places, sound_kind

LONGEST_SPEECH_SECONDS: Final = 9.0
"""Speech is never cut, so a scene takes only what leaves room for sounds."""
_COUNTS: Final = ((1, 2, 3, 4), (1, 3, 4, 3))
_PLACE_SHARE: Final = 0.3
_REPEAT_SHARE: Final = 0.35


def sounds_by_split(manifest: Path) -> dict[str, dict[str, list[Record]]]:
    """Records of a manifest's sounds by split, then by label; only those with exactly one label that is not speech.

    A recipe must say all that is heard, so a sound of several labels cannot be an ingredient. Raises DataError where no
    record is left.
    """
    found: dict[str, dict[str, list[Record]]] = {}
    for record in read_manifest(manifest):
        labels = record.details.get("labels", ())
        if record.kind == "sound" and len(labels) == 1 and len(record.clips) == 1:
            label = sound_kind(labels[0]).label
            if label != SPEECH:
                found.setdefault(record.split, {}).setdefault(label, []).append(record)
    if not found:
        raise DataError(f"{manifest} holds no record of the kind sound with exactly one label; prepare sounds first")
    return found


@dataclass(frozen=True)
class Stock:
    """What scenes are made of, apart by split so that nothing held out slips into training."""

    sounds: dict[str, dict[str, list[Record]]]
    """Split, then label, then records."""
    speech: dict[str, list[Record]]
    """By split: clips that are short enough, as far as their length is known."""

    @classmethod
    def read(cls, sounds: Path, speech: Path | None) -> "Stock":
        """From manifests. Raises DataError where there are no sounds with exactly one label."""
        speakers: dict[str, list[Record]] = {}
        for record in read_manifest(speech) if speech is not None else ():
            found = speech_in(record)
            if found is not None and found.seconds <= LONGEST_SPEECH_SECONDS:
                speakers.setdefault(found.split, []).append(found)
        if speech is not None and not speakers:
            raise DataError(
                f"{speech} holds no speech of up to {LONGEST_SPEECH_SECONDS:g} s (kinds speech and asr) for scenes"
            )
        return cls(sounds_by_split(sounds), speakers)

    def draw_split(self, chooser: Random) -> str:
        """A split, by how many sounds it has."""
        counts = {split: sum(map(len, labels.values())) for split, labels in self.sounds.items()}
        return chooser.choices(list(counts), list(counts.values()))[0]

    def draw_labels(self, split: str, chooser: Random) -> list[str]:
        """One to four labels, all as likely; now and then of sounds that belong to one place, or one of them twice."""
        known = list(self.sounds[split])
        count = chooser.choices(*_COUNTS)[0]
        pool, labels = known, []
        fitting = [place for place in places() if place.telling & set(known)]
        if fitting and chooser.random() < _PLACE_SHARE:
            place = chooser.choice(fitting)
            labels = [chooser.choice(sorted(place.telling & set(known)))]
            pool = [label for label in known if label in place.telling | place.fitting]
        rest = [label for label in pool if not any(alike(label, each) for each in labels)]
        while rest and len(labels) < count:
            labels.append(chooser.choice(rest))
            rest = [label for label in rest if not alike(label, labels[-1])]
        if 1 < len(labels) < count or (len(labels) > 1 and chooser.random() < _REPEAT_SHARE):
            labels = labels[: count - 1]
            labels.append(chooser.choice(labels))
        elif len(labels) == 1 and chooser.random() < _REPEAT_SHARE:
            labels *= chooser.choice((2, 3))
        return labels

    def draw_clips(self, split: str, labels: Sequence[str], chooser: Random) -> list[Record]:
        """A record for each label; for a repeated one the same again or another."""
        return [chooser.choice(self.sounds[split][label]) for label in labels]
