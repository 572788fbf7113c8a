"""Reading the recordings of an item, and seeing that they are those that were meant."""

import hashlib
from pathlib import Path

from stepwave.checkpoints.inspection import file_digest
from stepwave.data.manifests import clip_bytes, read_clip
from stepwave.data.records import Clip
from stepwave.evaluation.items import Item, Sound
from stepwave.facts.errors import AudioNotFoundError, DataError
from stepwave.signal.resample import Samples


def inside(folder: Path, path: str) -> Path:
    """Where a list in `folder` says that a recording lies. Raises ValueError for one that leads out of it."""
    if not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"its recording, {path!r}, lies outside the folder")
    return folder / path


def read_sound(sound: Sound, sample_rate: int) -> Samples:
    """Samples `[n]` of a recording. Raises AudioError where it is missing or damaged."""
    return read_clip(clip_of(sound), sample_rate)[0]


def clip_of(sound: Sound) -> Clip:
    """A recording as `data` reads it."""
    return Clip(Path(sound.path).name, sound.path, sound.offset, sound.size, sound.start, sound.seconds)


def sound_of(clip: Clip) -> Sound:
    """A clip of a manifest as a recording to ask about."""
    seconds = clip.seconds if clip.start else 0.0
    return Sound(clip.file, start=clip.start, seconds=seconds, offset=clip.offset, size=clip.size)


def checked_digests(item: Item) -> tuple[str, ...]:
    """SHA-256 of every file that the item's model hears, in order.

    Raises AudioNotFoundError for one that is missing, DataError for one that is another than was meant.
    """
    return tuple(_checked(sound) for sound in item.sounds)


def _checked(sound: Sound) -> str:
    try:
        found = hashlib.sha256(clip_bytes(clip_of(sound))).hexdigest() if sound.size else file_digest(Path(sound.path))
    except OSError as error:
        raise AudioNotFoundError(
            f"the recording {sound.path} can't be read ({error.strerror}); bring it back, or fetch the data again"
        ) from error
    if sound.digest and found != sound.digest.lower():
        raise DataError(
            f"the recording {sound.path} has the SHA-256 {found[:16]}..., and {sound.digest[:16]}... was wanted; "
            "fetch it again"
        )
    return found
