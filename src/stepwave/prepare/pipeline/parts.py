"""One part of a step's work: rows in; sounds (tar), arrays (safetensors), records and a report out, each whole.

The report is written last and marks the part as done. A part written twice is the same bytes twice, so it does not
matter who finishes it, or whether somebody was killed half-way.
"""

import io
import json
import os
import tarfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from safetensors.numpy import save

from stepwave.data.manifests import write_line
from stepwave.data.records import Clip, Record
from stepwave.facts.errors import AudioValueError, ServiceError
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Sound, Step, Worker, dropped
from stepwave.signal.atomic import replace_file

Codec = Literal["flac", "opus"]
"""How sounds are stored: without loss, or at about a tenth of the size."""
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
PARTS = "parts"


@dataclass(frozen=True)
class Part:
    """A stretch of a step's rows."""

    number: int
    rows: tuple[Record, ...]


@dataclass(frozen=True)
class PartReport:
    """What became of a part."""

    number: int
    rows: int
    records: int
    clips: int
    seconds: float
    """Sound in the records, in seconds; what several share counts once."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    retried: Mapping[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    bytes: int = 0
    """Size of the part's files."""

    def written(self, folder: Path) -> None:
        """Store it: the part is done from here on."""
        replace_file(_path(folder, self.number, "report.json"), json.dumps(asdict(self)).encode())


def records_path(folder: Path, number: int) -> Path:
    """The records of a part."""
    return _path(folder, number, "jsonl")


def dropped_path(folder: Path, number: int) -> Path:
    """What a part dropped."""
    return _path(folder, number, "dropped.jsonl")


def read_report(folder: Path, number: int) -> PartReport | None:
    """The report of a part that is done; None where it is not."""
    try:
        return PartReport(**json.loads(_path(folder, number, "report.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def work_at(step: Step, worker: Worker, part: Part, folder: Path, codec: Codec) -> PartReport:
    """Do one part and store it under `folder`.

    Raises OutputError (disk full), and what concerns all rows alike: MissingExtraError, ConfigError, ServiceError
    where every row of a part failed unexpectedly.
    """
    cpu, wall = _cpu_seconds(), time.monotonic()
    outcomes = list(_outcomes(worker, part))
    unexpected = [each for each in outcomes if isinstance(each, Dropped) and each.reason.startswith("unexpected")]
    if len(unexpected) == len(part.rows) > 1:
        raise ServiceError(f"{step.name}: all {len(part.rows)} rows of a part failed, first: {unexpected[0].detail}")
    return _store(part, outcomes, folder, codec, cpu, wall)


def store_lost(part: Part, outcomes: list[Outcome], folder: Path, codec: Codec) -> PartReport:
    """Store a part whose rows had to be worked at one by one, because some of them killed the worker."""
    return _store(part, outcomes, folder, codec, _cpu_seconds(), time.monotonic())


def _outcomes(worker: Worker, part: Part) -> list[Outcome]:
    try:
        return list(worker(part.rows))
    except Exception as problem:
        # A worker that takes rows together may fail as a whole; alone, most of its rows will do.
        if len(part.rows) == 1:
            return [dropped(part.rows[0], problem)]
        dropped(part.rows[0], problem)
        return [outcome for row in part.rows for outcome in _outcomes(worker, Part(part.number, (row,)))]


def _store(part: Part, outcomes: list[Outcome], folder: Path, codec: Codec, cpu: float, wall: float) -> PartReport:
    target = folder.resolve()
    archive = _path(target, part.number, "tar")
    archive.parent.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    kept: list[Record] = []
    losses: list[Dropped] = []
    retried: Counter[str] = Counter()
    placed: dict[str, dict[str, Any]] = {}
    refused: set[str] = set()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for outcome in outcomes:
            retried.update(outcome.retried)
            if isinstance(outcome, Dropped):
                losses.append(outcome)
                continue
            try:
                _check_shared(outcome, refused)
                kept.append(_packed(outcome, tar, archive, codec, placed))
            except AudioValueError as problem:
                refused.update(outcome.sounds)
                losses.append(dropped(outcome.record, problem))
    size = 0
    if packed.tell() and any(isinstance(each, Kept) and each.sounds for each in outcomes):
        replace_file(archive, packed.getvalue())
        size += len(packed.getvalue())
    arrays = {name: array for each in outcomes if isinstance(each, Kept) for name, array in each.arrays.items()}
    if arrays:
        stored = save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})
        replace_file(_path(target, part.number, "safetensors"), stored)
        size += len(stored)
    lines = "".join(write_line(record, target) for record in kept).encode()
    replace_file(records_path(target, part.number), lines)
    drops = "".join(
        json.dumps({"id": each.id, "reason": each.reason, "detail": each.detail}, ensure_ascii=False) + "\n"
        for each in losses
    )
    replace_file(dropped_path(target, part.number), drops.encode())
    clips = {clip.id: clip.seconds for record in kept for clip in record.clips}
    report = PartReport(
        part.number,
        len(part.rows),
        len(kept),
        len(clips),
        round(sum(clips.values()), 3),
        dict(sorted(Counter(each.reason for each in losses).items())),
        dict(sorted(retried.items())),
        round(_cpu_seconds() - cpu, 3),
        round(time.monotonic() - wall, 3),
        size + len(lines) + len(drops.encode()),
    )
    report.written(target)
    return report


def _check_shared(kept: Kept, refused: set[str]) -> None:
    """Raises AudioValueError for a record that shares a clip whose sound could not be stored."""
    shared = [clip.id for clip in kept.record.clips if not clip.file and clip.id not in kept.sounds]
    if lost := refused.intersection(shared):
        raise AudioValueError(f"the sound of clip {min(lost)} could not be stored, so this record has none either")


def _packed(kept: Kept, tar: tarfile.TarFile, archive: Path, codec: Codec, placed: dict[str, dict[str, Any]]) -> Record:
    """The record with its sounds stored; `placed` holds what the part has stored by now, for clips without a file."""
    for name, sound in kept.sounds.items():
        data = encode(sound, codec)
        member = tarfile.TarInfo(f"{name}.{'flac' if codec == 'flac' else 'ogg'}")
        member.size = len(data)
        offset = tar.offset + tarfile.BLOCKSIZE
        tar.addfile(member, io.BytesIO(data))
        seconds = round(len(sound.samples) / sound.sample_rate, 4)
        placed[name] = {"file": str(archive), "offset": offset, "size": len(data), "start": 0.0, "seconds": seconds}

    def place(clip: Clip) -> Clip:
        if clip.id in kept.sounds or (not clip.file and clip.id in placed):
            return replace(clip, **placed[clip.id])
        return clip

    return kept.record.with_clips(place)


def encode(sound: Sound, codec: Codec) -> bytes:
    """The bytes of a FLAC file (16 bits) or an Ogg Opus file. Raises AudioValueError for NaN, infinity, no samples."""
    if len(sound.samples) == 0 or not np.isfinite(sound.samples).all():
        raise AudioValueError(f"a sound of {len(sound.samples)} samples holds none or infinite ones; it was not stored")
    if codec == "opus" and sound.sample_rate not in OPUS_RATES:
        raise AudioValueError(f"Opus knows no rate of {sound.sample_rate} Hz; wanted one of {OPUS_RATES}")
    encoded = io.BytesIO()
    form, subtype = ("FLAC", "PCM_16") if codec == "flac" else ("OGG", "OPUS")
    samples = np.clip(sound.samples, -1.0, 1.0).astype(np.float32, copy=False)
    soundfile.write(encoded, samples, sound.sample_rate, subtype, format=form)
    return encoded.getvalue()


def _cpu_seconds() -> float:
    """Of this process and of the programs that it ran."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _path(folder: Path, number: int, ending: str) -> Path:
    return folder / PARTS / f"part-{number:05d}.{ending}"
