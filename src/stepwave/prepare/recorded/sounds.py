"""Reads the sounds of records one after another, decoding a file that many neighbours lie in only once."""

from stepwave.data.manifests import clip_bytes
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import AudioEmptyError, AudioFormatError, DataError
from stepwave.signal.files import MAX_SECONDS, Audio, read_audio
from stepwave.signal.resample import Samples


def spoken_turn(record: Record) -> tuple[Turn, Clip]:
    """The one turn of a recording, with its sound. Raises DataError for a record of any other shape."""
    turn = record.turns[0] if len(record.turns) == 1 else None
    if turn is None or turn.clip is None or not turn.clip.file:
        raise DataError(
            f"record {record.id!r} of the kind {record.kind!r} has {len(record.turns)} turns and "
            f"{len(record.clips)} sounds; wanted one turn with a sound, such as ingested `speech` has"
        )
    return turn, turn.clip


class SoundReader:
    """Reads clips at one rate (at each file's own for None) and keeps the file that it decoded last.

    Utterances of one recording follow each other in a manifest, and most formats are decoded from the start.
    """

    def __init__(self, sample_rate: int | None, max_seconds: float = MAX_SECONDS) -> None:
        self._rate, self._max_seconds = sample_rate, max_seconds
        self._last: tuple[tuple[str, int, int], Audio] | None = None

    def whole(self, clip: Clip) -> Audio:
        """All of the file that the clip lies in. Raises AudioError where it is missing or damaged."""
        place = (clip.file, clip.offset, clip.size)
        if self._last is None or self._last[0] != place:
            self._last = None  # before the next one is decoded: both may be large
            source = clip_bytes(clip) if clip.size else clip.file
            try:
                audio = read_audio(source, sample_rate=self._rate, max_seconds=self._max_seconds)
            except AudioFormatError as problem:
                raise AudioFormatError(f"clip {clip.id} in {clip.file}: {problem}") from None
            self._last = place, audio
        return self._last[1]

    def read(self, clip: Clip) -> tuple[Samples, int]:
        """Samples `[n]` of the clip, and their rate. Raises AudioError as `whole`, and where nothing lies there."""
        audio = self.whole(clip)
        first = round(clip.start * audio.sample_rate)
        last = first + round(clip.seconds * audio.sample_rate) if clip.seconds else len(audio.samples)
        samples = audio.samples[first:last]
        if len(samples) == 0:
            raise AudioEmptyError(
                f"clip {clip.id} begins {clip.start:g} s into a sound of {audio.seconds:.2f} s; make its manifest again"
            )
        return samples, audio.sample_rate
