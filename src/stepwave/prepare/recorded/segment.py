"""The step `segment`: long recordings into utterances."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Clip, Record
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Sound, Step, Worker, one_by_one, short_digest
from stepwave.prepare.recorded.attributes import unmeasured
from stepwave.prepare.recorded.cutting import UtteranceBounds, cut
from stepwave.prepare.recorded.sounds import read_recording, spoken_turn
from stepwave.prepare.recorded.speech_activity import Detector, SpeechActivity, open_detector
from stepwave.signal.files import MAX_SECONDS
from stepwave.signal.resample import resample


@dataclass(frozen=True)
class Segment(Step):
    """Cuts each recording of a manifest where nobody speaks.

    A new `speech` record for each utterance: `details["recording"]` is the id of the recording, `details["index"]` the
    number of the utterance in it (those dropped are counted, so that a hole shows), `details["start"]` its first second
    there. A transcript stays where all of a recording makes one utterance; of several, nobody knows who has which word.
    """

    name: ClassVar[str] = "segment"
    part_size: ClassVar[int] = 8
    source: Path
    """Manifest whose records are one turn with sound each."""
    activity: SpeechActivity = field(default_factory=SpeechActivity)
    bounds: UtteranceBounds = field(default_factory=UtteranceBounds)
    copy: bool = False
    """Whether utterances are stored anew, at the recording's own rate; they refer to the recording where not."""
    copy_over: float = 120.0
    """Those of a recording inside a tar that is longer than this, in seconds, are stored anew in any case: nobody can
    seek in there, and whoever wants one utterance has to decode all before it."""
    longest_recording: float = 4 * 3600.0
    """Seconds; longer files are refused."""

    def __post_init__(self) -> None:
        for setting in ("copy_over", "longest_recording"):
            if getattr(self, setting) <= 0:
                raise ConfigError(f"{setting} is {getattr(self, setting):g} s; wanted more than 0")
        if self.copy_over > MAX_SECONDS:
            raise ConfigError(
                f"copy_over is {self.copy_over:g} s; wanted at most {MAX_SECONDS:g}, which can be decoded"
            )

    def rows(self) -> Iterable[Record]:
        """The recordings."""
        return read_manifest(self.source)

    def open(self) -> Worker:
        """Opens the detector. Raises MissingExtraError."""
        detector = open_detector(self.activity)
        return one_by_one(lambda row: self._work(row, detector))

    def _work(self, row: Record, detector: Detector) -> Iterator[Outcome]:
        turn, clip = spoken_turn(row)
        audio = read_recording(clip, self.longest_recording)
        samples, rate = audio.samples, audio.sample_rate
        # In a tar, what lies before the clip has to be decoded as well.
        copied = self.copy or (clip.size > 0 and clip.start + audio.seconds > self.copy_over)
        heard = resample(samples, rate, INPUT_SAMPLE_RATE)
        utterances = cut(heard, detector(heard), self.bounds)
        if not utterances:
            yield Dropped(row.id, "no speech found", f"in {len(samples) / rate:.2f} s")
        for index, (first, last) in enumerate(utterances):
            name = short_digest("segment", row.id, index)
            start, seconds = (round(count / INPUT_SAMPLE_RATE, 4) for count in (first, last - first))
            if seconds < self.bounds.shortest:
                yield Dropped(name, "utterance too short", f"{seconds:.2f} s at {start:.2f} s of {row.id}")
                continue
            attributes = unmeasured(clip.attributes)
            sounds = {}
            if copied:
                part = Clip(name, voice=clip.voice, attributes=attributes)
                sounds[name] = Sound(samples[round(start * rate) : round((start + seconds) * rate)], rate)
            else:
                start_in_file = round(clip.start + start, 4)
                part = replace(clip, id=name, start=start_in_file, seconds=seconds, attributes=attributes)
            text = turn.text if len(utterances) == 1 else ""
            details = {**row.details, "recording": row.id, "index": index, "start": start}
            said = replace(turn, text=text, clip=part, spoken=True)
            yield Kept(replace(row, id=name, kind="speech", turns=(said,), details=details), sounds)
