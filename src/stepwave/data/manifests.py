"""Manifests: records as JSON lines in a folder, their sound in tar shards beside them, read record by record.

    FOLDER/manifest.jsonl            one record a line
    FOLDER/parts/part-00000.tar      the sound of a stretch of them (WebDataset's layout), where a step made any
    FOLDER/report.json, dropped.jsonl, step.json

Paths in a manifest are relative to its folder, so that a corpus can be moved as a whole; in memory they are absolute.
A clip may lie at any address that fsspec opens (`data.addresses`). Writing is the business of `prepare.pipeline`.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from stepwave.data.addresses import is_remote, read_bytes, reason, resolve
from stepwave.data.records import Clip, Record, from_json, to_json
from stepwave.facts.errors import AudioFormatError, AudioNotFoundError, AudioTooLongError, DataError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples
from stepwave.signal.segments import read_segment

MANIFEST: Final = "manifest.jsonl"


def read_manifest(path: Path) -> Iterator[Record]:
    """Records of a manifest, given its folder or its file, in order; clips' paths become absolute.

    Raises DataError where there is none, or for a line that is no record (with its number).
    """
    file = path / MANIFEST if path.is_dir() else path
    try:
        lines = file.open(encoding="utf-8")
    except OSError as problem:
        raise DataError(
            f"{path} holds no {MANIFEST} ({problem.strerror}); name the output of a finished step"
        ) from None
    with lines:
        for number, line in enumerate(lines, 1):
            try:
                yield read_line(line, file.parent)
            except (ValueError, DataError) as problem:
                raise DataError(f"{file}, line {number}: {problem}; run the step that made it again") from None


def read_line(line: str | bytes, folder: Path | str) -> Record:
    """One line of a manifest in `folder`, which may be an address.

    Raises ValueError (no JSON) and DataError (no record, or one of a remote manifest that leads elsewhere).
    """
    record = from_json(json.loads(line))
    where = str(folder.resolve()) if isinstance(folder, Path) else folder
    return record.with_clips(lambda clip: replace(clip, file=resolve(clip.file, where)))


def write_line(record: Record, folder: Path) -> str:
    """The record as one line of a manifest in `folder`, its end included."""
    written = to_json(record.with_clips(lambda clip: _relative(clip, folder)))
    return json.dumps(written, ensure_ascii=False) + "\n"


def read_clip(clip: Clip, sample_rate: int | None = INPUT_SAMPLE_RATE) -> tuple[Samples, int]:
    """Samples `[n]` of a clip, and their rate; of a long recording only the stretch that is wanted.

    Raises AudioError where the sound is missing or damaged.
    """
    source = clip_bytes(clip) if clip.size or is_remote(clip.file) else clip.file
    stretch = bool(clip.start and clip.seconds and not clip.size)
    try:
        if stretch:
            audio = read_segment(source, clip.start, clip.seconds, sample_rate)
        else:
            audio = read_audio(source, sample_rate=sample_rate)
    except AudioFormatError as problem:
        raise AudioFormatError(f"clip {clip.id} in {clip.file}: {problem}") from None
    except AudioTooLongError:
        if clip.size or clip.start or not clip.seconds:
            raise
        audio, stretch = read_segment(source, 0.0, clip.seconds, sample_rate), True
    samples = audio.samples
    # Lengths are rounded in a manifest: a millisecond less is the whole sound.
    if not stretch and (clip.start or 0 < clip.seconds < audio.seconds - 1e-3):
        first = round(clip.start * audio.sample_rate)
        last = first + round(clip.seconds * audio.sample_rate) if clip.seconds else len(samples)
        samples = np.ascontiguousarray(samples[first:last])
    return samples, audio.sample_rate


def clip_bytes(clip: Clip) -> bytes:
    """The stored sound of a clip, encoded as it is. Raises AudioNotFoundError."""
    try:
        return read_bytes(clip.file, clip.offset, clip.size or None)
    except OSError as problem:
        raise AudioNotFoundError(
            f"the sound of clip {clip.id} in {clip.file!r} cannot be read: {reason(problem)}; make it again"
        ) from None


def _relative(clip: Clip, folder: Path) -> Clip:
    if not clip.file or is_remote(clip.file):
        return clip
    return replace(clip, file=os.path.relpath(clip.file, folder.resolve()))
