"""Reads the sounds of records: recordings of any length once, and utterances of them one after another."""

from stepwave.data.manifests import clip_bytes, read_clip
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import AudioEmptyError, AudioFormatError, DataError
from stepwave.signal.files import MAX_SECONDS, Audio, read_audio
from stepwave.signal.resample import Samples
from stepwave.signal.segments import read_segment


def spoken_turn(record: Record) -> tuple[Turn, Clip]:
    """The one turn of a recording, with its sound. Raises DataError for a record of any other shape."""
    turn = record.turns[0] if len(record.turns) == 1 else None
    if turn is None or turn.clip is None or not turn.clip.file:
        raise DataError(
            f"record {record.id!r} of the kind {record.kind!r} has {len(record.turns)} turns and "
            f"{len(record.clips)} sounds; wanted one turn with a sound, such as ingested `speech` has"
        )
    return turn, turn.clip


def read_recording(clip: Clip, max_seconds: float) -> Audio:
    """A clip at its own rate, which may last up to `max_seconds`; of a file only the stretch that is wanted.

    Raises AudioError where the sound is missing, damaged or longer.
    """
    if not clip.size and clip.seconds:
        return read_segment(clip.file, clip.start, clip.seconds, max_seconds=max_seconds)
    return _stretch(_decoded(clip, None, max_seconds), clip)


class SoundReader:
    """Reads clips at one rate, at each sound's own for None.

    In a file the place of an utterance is sought; a sound inside a tar is decoded from its start. The one decoded last
    is kept, because utterances of one recording follow each other in a manifest.
    """

    def __init__(self, sample_rate: int | None) -> None:
        self._rate = sample_rate
        self._last: tuple[tuple[str, int, int], Audio] | None = None

    def read(self, clip: Clip) -> tuple[Samples, int]:
        """Samples `[n]` of the clip, and their rate. Raises AudioError where the sound is missing or damaged."""
        if not clip.size or not clip.start:
            return read_clip(clip, self._rate)
        place = (clip.file, clip.offset, clip.size)
        if self._last is None or self._last[0] != place:
            self._last = None  # before the next one is decoded: both may be large
            self._last = place, _decoded(clip, self._rate, MAX_SECONDS)
        audio = _stretch(self._last[1], clip)
        return audio.samples, audio.sample_rate


def _decoded(clip: Clip, sample_rate: int | None, max_seconds: float) -> Audio:
    """All of the sound that the clip is a stretch of."""
    try:
        source = clip_bytes(clip) if clip.size else clip.file
        return read_audio(source, sample_rate=sample_rate, max_seconds=max_seconds)
    except AudioFormatError as problem:
        raise AudioFormatError(f"clip {clip.id} in {clip.file}: {problem}") from None


def _stretch(audio: Audio, clip: Clip) -> Audio:
    first = round(clip.start * audio.sample_rate)
    last = first + round(clip.seconds * audio.sample_rate) if clip.seconds else len(audio.samples)
    samples = audio.samples[first:last]
    if len(samples) == 0:
        raise AudioEmptyError(
            f"clip {clip.id} begins {clip.start:g} s into a sound of {audio.seconds:.2f} s; make its manifest again"
        )
    return Audio(samples, audio.sample_rate)
