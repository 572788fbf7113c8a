"""A voice library: a folder of clips and the store that knows them. Adding, importing, removing, reading clips.

    FOLDER/voices.sqlite             the store, unless it is a database elsewhere
    FOLDER/voices-*.index/           what searches of very many voices read, which can be made again
    FOLDER/clips/3f/3f9c...e1.opus   the clips, named by the sha256 of their bytes

A clip is stored before its entry, so that whatever is interrupted leaves at most a clip that nobody knows; the next
import of it finds it there.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import soundfile

from stepwave.facts.errors import AudioError, AudioNotFoundError, DataError, OutputError
from stepwave.signal.atomic import replace_file
from stepwave.signal.files import Audio, read_audio
from stepwave.signal.resample import Samples
from stepwave.tools.voices.contract import NewVoice, SpeakerVector, VoiceStore
from stepwave.tools.voices.entries import VoiceEntry, name_from

CLIPS: Final = "clips"
LONGEST_CLIP_SECONDS: Final = 30.0
SHORTEST_CLIP_SECONDS: Final = 1.0
"""Less says too little of a voice."""
MOST_CLIP_BYTES: Final = 16 * 1024**2
"""Thirty seconds of 48 kHz stereo in 32 bits take 11.5 MB."""
_TOGETHER: Final = 64
"""Entries that are stored at once: few enough that an interrupted import loses little work."""
_EXAMPLES: Final = 20


@dataclass(frozen=True)
class Embedding:
    """What makes speaker vectors."""

    name: str
    """Which model it is, so that vectors of two are never compared."""
    embed: Callable[[Samples], SpeakerVector]
    """Samples [n] at 16 kHz to a vector [d] of length 1. Raises AudioError for silence."""


@dataclass(frozen=True)
class Offer:
    """A voice that may be added: what is known of it, and how its clip is had."""

    name: str
    """What it is to be called; any text."""
    read: Callable[[], bytes]
    """The clip, as the bytes of a sound file. Raises StepwaveError (AudioError, DataError)."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Fields of `entries.TOLD`."""


@dataclass
class Imported:
    """What became of what was offered so far."""

    added: int = 0
    present: int = 0
    """Offers whose clip was in the library already."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Counts by reason."""
    examples: list[str] = field(default_factory=list)
    """The first that were skipped, with what was wrong."""

    @property
    def seen(self) -> int:
        """Offers looked at."""
        return self.added + self.present + self.skipped.total()


Skipped: TypeAlias = AudioError | DataError


class VoiceLibrary:
    """The library in `folder`. Clips lie there also where `store` is a database.

    Without an `embedding` voices get no vector when they are added, and are found by words alone.
    """

    def __init__(self, folder: Path, store: VoiceStore, embedding: Embedding | None = None) -> None:
        self.folder, self.store, self.embedding = folder, store, embedding

    def add(self, offer: Offer) -> VoiceEntry:
        """Add one voice and return its entry.

        Raises DataError (its name or clip is there already, a field cannot be used), AudioError (its clip is no
        recording, or too long or short), ConfigError (another model's vectors are there), OutputError.
        """
        self._claim()
        voice = self._checked(offer.read(), offer)
        if self.store.known([voice.entry.digest]):
            raise DataError(f"the clip of '{offer.name}' is in the library already, under the name of another entry")
        self.store.add([voice])
        entry = self.store.get(voice.entry.name)
        assert entry is not None
        self.store.settle()
        return entry

    def import_all(
        self, offers: Iterable[Offer], indexing: Callable[[float], None] = lambda share: None
    ) -> Iterator[Imported]:
        """Add what can be added, yielding what became of it after each; the same object, changed.

        `indexing` is told the share that is done of what follows the last, where many were added.

        What cannot be used is skipped and counted. May be stopped at any time and begun again: clips that are there
        already are known by their digests. Raises ConfigError and OutputError as `add` does.
        """
        self._claim()
        report = Imported()
        waiting: dict[str, NewVoice] = {}
        try:
            for offer in offers:
                try:
                    data = offer.read()
                    digest = hashlib.sha256(data).hexdigest()
                    if digest in waiting or self.store.known([digest]):
                        report.present += 1
                    else:
                        waiting[digest] = self._checked(data, self._named(offer, digest, waiting.values()))
                        report.added += 1
                except (AudioError, DataError) as problem:
                    report.skipped[_reason(problem)] += 1
                    if len(report.examples) < _EXAMPLES:
                        report.examples.append(f"{offer.name}: {problem}")
                if len(waiting) >= _TOGETHER:
                    self.store.add(list(waiting.values()))
                    waiting.clear()
                yield report
        finally:
            if waiting:
                self.store.add(list(waiting.values()))
        self.store.settle(indexing)

    def remove(self, name: str) -> VoiceEntry:
        """Remove a voice with its clip, and return what its entry was. Raises DataError for a name nobody has."""
        entry = self.store.remove(name)
        if entry is None:
            raise DataError(f"no voice '{name}' in {self.folder}; `stepwave voices list` shows those that there are")
        try:
            self.clip_path(entry).unlink(missing_ok=True)
        except OSError as problem:
            raise OutputError(
                f"the voice '{name}' is removed, its clip is not: {self.clip_path(entry)} ({problem.strerror})"
            ) from None
        return entry

    def clip_path(self, entry: VoiceEntry) -> Path:
        """Where the clip of an entry lies; made of its digest alone, so that it is always inside the folder."""
        return self.folder / CLIPS / entry.digest[:2] / f"{entry.digest}{entry.ending}"

    def clip_bytes(self, entry: VoiceEntry) -> bytes:
        """The clip of an entry, as it is stored. Raises AudioNotFoundError."""
        try:
            return self.clip_path(entry).read_bytes()
        except OSError as problem:
            raise AudioNotFoundError(
                f"the clip of '{entry.name}' is not at {self.clip_path(entry)} ({problem.strerror}); copy the whole "
                "folder of the library, or remove the entry"
            ) from None

    def clip(self, entry: VoiceEntry, sample_rate: int | None = None) -> Audio:
        """The clip of an entry as sound, at its own rate for None. Raises AudioError."""
        return read_audio(
            self.clip_bytes(entry), sample_rate=sample_rate, channels="mean", max_seconds=LONGEST_CLIP_SECONDS
        )

    def _claim(self) -> None:
        if self.embedding is not None:
            self.store.claim_embedder(self.embedding.name)

    def _named(self, offer: Offer, digest: str, waiting: Iterable[NewVoice]) -> Offer:
        """The offer with a name that is free: one that is taken gets a piece of the clip's digest."""
        name = name_from(offer.name)
        if self.store.get(name) is not None or any(one.entry.name == name for one in waiting):
            name = f"{name[:80]}-{digest[:12]}"
        return replace(offer, name=name)

    def _checked(self, data: bytes, offer: Offer) -> NewVoice:
        """Look at everything, then store the clip."""
        audio = read_audio(
            data,
            channels="mean",
            max_seconds=LONGEST_CLIP_SECONDS,
            min_seconds=SHORTEST_CLIP_SECONDS,
            max_bytes=MOST_CLIP_BYTES,
        )
        digest = hashlib.sha256(data).hexdigest()
        told: dict[str, Any] = {name: " ".join(value.split()) for name, value in offer.told.items()}
        entry = replace(VoiceEntry(offer.name, digest, _ending(data), round(audio.seconds, 3)), **told)
        vector = None if self.embedding is None else np.asarray(self.embedding.embed(audio.samples), np.float32)
        path = self.clip_path(entry)
        if not path.is_file():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise OutputError(f"cannot write to {path.parent} ({problem.strerror}); name another library") from None
            replace_file(path, data)
        return NewVoice(entry, vector)


def _ending(data: bytes) -> str:
    """The ending of a sound file that `read_audio` could read, by what is in it."""
    with soundfile.SoundFile(io.BytesIO(data)) as sound:
        if sound.format == "OGG":
            return ".opus" if sound.subtype == "OPUS" else ".ogg"
        known = {"WAV": ".wav", "WAVEX": ".wav", "FLAC": ".flac", "MP3": ".mp3"}
        if sound.format not in known:
            raise DataError(f"the clip is a {sound.format} file; wanted wav, flac, ogg, opus or mp3; convert it")
        return known[sound.format]


def _reason(problem: Skipped) -> str:
    """A few words for a class of problems."""
    return {
        "AudioNotFoundError": "no such sound",
        "AudioFormatError": "no recording, or damaged",
        "AudioEmptyError": "silent or empty",
        "AudioTooShortError": f"shorter than {SHORTEST_CLIP_SECONDS:g} s",
        "AudioTooLongError": f"longer than {LONGEST_CLIP_SECONDS:g} s",
        "AudioValueError": "samples that are no sound",
    }.get(type(problem).__name__, "what is told of it cannot be used")
