"""The look that every recording gets before it is taken in: can it be read, how long is it, is it fit to learn from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import AudioTooShortError, ConfigError
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Sound
from stepwave.signal.files import MAX_SECONDS, Audio, read_audio
from stepwave.signal.segments import read_segment, unreadable_kind

NO_TEXT = "no transcript"
NO_TRANSLATION = "no translation"
BAD_TEXT = "text that is no UTF-8"
BAD_ENTRY = "unusable entry of the corpus"
SILENT = "nothing but silence"
UNREADABLE = "kind of file that is not read"
MISSING = "no such sound"


@dataclass(frozen=True)
class Rules:
    """What is taken and how it is kept."""

    min_seconds: float = 0.1
    max_seconds: float = MAX_SECONDS
    untranscribed: bool = False
    """Whether speech without a transcript is taken, for a later step to transcribe."""
    lower: bool = False
    """Whether transcripts are put in lower case: those of LibriSpeech and GigaSpeech are in capitals."""
    sample_rate: int = 0
    """Rate of stored copies in Hz; 0 for each recording's own. Implies that copies are stored."""
    copy: bool | None = None
    """Whether sound is stored in the output, or stays where it is. By default a whole file stays, and a stretch of a
    longer recording is cut out and stored, since a reader of it would otherwise decode the recording for each."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_seconds < self.max_seconds or not math.isfinite(self.max_seconds):
            raise ConfigError(
                f"lengths from {self.min_seconds} to {self.max_seconds} s leave nothing; wanted 0 <= least < most"
            )
        if self.sample_rate and not 4_000 <= self.sample_rate <= 192_000:
            raise ConfigError(f"a sample rate of {self.sample_rate} Hz makes no sense; wanted 4000 to 192000")
        if self.sample_rate and self.copy is False:
            raise ConfigError("sound that stays where it is keeps its rate; leave out --sample-rate or --no-copy")

    def stores(self, clip: Clip) -> bool:
        """Whether a clip's sound is stored in the output."""
        if self.copy is not None:
            return self.copy
        return bool(self.sample_rate or clip.start or clip.seconds)


@dataclass
class _Heard:
    turns: list[Turn] = field(default_factory=list)
    sounds: dict[str, Sound] = field(default_factory=dict)


def listen(row: Record, rules: Rules, given: Mapping[str, bytes] | None = None) -> Outcome:
    """Read the sound of a row, measure it, and keep the row or say why not.

    `given` holds, by clip id, sound that lies in no file of its own; it is always stored. Raises AudioError where a
    recording cannot be used.
    """
    reason = _unfit(row, rules)
    if reason:
        return Dropped(row.id, *reason)
    heard = _Heard()
    for turn in row.turns:
        text = turn.text.lower() if rules.lower and turn.role == "human" else turn.text
        turn = replace(turn, text=text)
        if turn.clip is not None:
            clip, data = turn.clip, (given or {}).get(turn.clip.id)
            if data is None and not clip.file:
                return Dropped(row.id, MISSING, "the corpus lists it, and there is no file")
            kind = unreadable_kind(clip.file if data is None else data)
            if kind:
                return Dropped(row.id, UNREADABLE, f"{clip.file or clip.id} is {kind}; convert it to flac or ogg first")
            audio = _read(clip, rules, data)
            if not np.any(audio.samples):
                return Dropped(row.id, SILENT, f"{audio.seconds:.2f} s of zeros")
            if data is not None or rules.stores(clip):
                heard.sounds[clip.id] = Sound(audio.samples, audio.sample_rate)
            turn = replace(turn, clip=replace(clip, seconds=round(audio.seconds, 4)))
        heard.turns.append(turn)
    return Kept(replace(row, turns=tuple(heard.turns)), heard.sounds)


def _unfit(row: Record, rules: Rules) -> tuple[str, str] | None:
    """Reason and detail to drop a row before its sound is opened."""
    if row.details.get("problem"):
        return BAD_ENTRY, str(row.details["problem"])
    if any("\N{REPLACEMENT CHARACTER}" in turn.text for turn in row.turns):
        return BAD_TEXT, ""
    if row.kind == "speech" and not rules.untranscribed and not row.turns[0].text.strip():
        return NO_TEXT, ""
    if row.kind in ("s2tt", "s2st") and not row.turns[-1].text.strip():
        return NO_TRANSLATION, ""
    return None


def _read(clip: Clip, rules: Rules, data: bytes | None) -> Audio:
    rate = rules.sample_rate or None
    if data is not None:
        return read_audio(data, sample_rate=rate, max_seconds=rules.max_seconds, min_seconds=rules.min_seconds)
    if not clip.seconds:
        return read_audio(clip.file, sample_rate=rate, max_seconds=rules.max_seconds, min_seconds=rules.min_seconds)
    if clip.seconds < rules.min_seconds:
        raise AudioTooShortError(f"clip {clip.id} lasts {clip.seconds:g} s; wanted at least {rules.min_seconds:g} s")
    return read_segment(clip.file, clip.start, clip.seconds, rate, rules.max_seconds)
