"""Which records of a source are learnt from: by kind, split, language, length, and how well they were checked."""

import math
from dataclasses import dataclass

from stepwave.data.records import ERRORS, KINDS, WORDS, Kind, Record
from stepwave.facts.errors import ConfigError


@dataclass(frozen=True)
class FilterConfig:
    """What a record has to be."""

    kinds: tuple[Kind, ...] = ()
    """Of one of these kinds; empty for any."""
    split: str | None = "train"
    """Of this split; None for any."""
    languages: tuple[str, ...] = ()
    """All of its turns that name a language name one of these (ISO 639-1); empty for any."""
    min_seconds: float = 0.0
    """Its clips last at least this long together. A record without sound is not concerned."""
    max_seconds: float = math.inf
    """And no longer than this."""
    max_error_rate: float = math.inf
    """Words that were heard otherwise, by words that should have been said, over its clips that were listened to.
    Clips that nobody listened to are not concerned."""
    longest: int | None = None
    """Positions that it takes at most; None for any number."""
    sound: bool = True
    """Turns that are spoken have their sound; one that was not made yet has none."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise ConfigError(f"there is no kind {', '.join(unknown)}; a kind is one of: {', '.join(KINDS)}")
        if not 0 <= self.min_seconds <= self.max_seconds:
            raise ConfigError(
                f"clips of {self.min_seconds:g} to {self.max_seconds:g} s are wanted; wanted 0 or more, and a least "
                "length that is no longer than the greatest"
            )
        if not self.max_error_rate >= 0 or (self.longest is not None and self.longest < 1):
            raise ConfigError(
                f"an error rate of {self.max_error_rate:g} and {self.longest} positions are allowed; "
                "wanted a rate of 0 or more, and 1 position or more"
            )

    def reason(self, record: Record, positions: int | None = None) -> str | None:
        """Why a record is left out; None for one that is kept. Without `positions` its length is not judged.

        Reasons name settings, kinds, splits and languages, never a single record, so that they can be counted.
        """
        if self.kinds and record.kind not in self.kinds:
            return f"of the kind {record.kind}"
        if self.split is not None and record.split != self.split:
            return f"of the split {record.split!r}"
        spoken = {turn.language for turn in record.turns if turn.language}
        if self.languages and not spoken <= set(self.languages):
            return f"in the language {', '.join(sorted(spoken - set(self.languages)))}"
        if self.sound and any(turn.spoken and (turn.clip is None or not turn.clip.file) for turn in record.turns):
            return "without the sound of a spoken turn"
        if positions is not None and self.longest is not None and positions > self.longest:
            return f"longer than {self.longest} positions"
        return self._about_clips(record)

    def _about_clips(self, record: Record) -> str | None:
        clips = record.clips
        if clips and record.seconds < self.min_seconds:
            return f"shorter than {self.min_seconds:g} s"
        if clips and record.seconds > self.max_seconds:
            return f"longer than {self.max_seconds:g} s"
        judged = [clip.attributes for clip in clips if clip.attributes.get(WORDS)]
        words = sum(float(each[WORDS]) for each in judged)
        errors = sum(float(each.get(ERRORS, 0)) for each in judged)
        if words and errors / words > self.max_error_rate:
            return f"more than {self.max_error_rate:.0%} of the words are heard otherwise"
        return None
