"""Voices that may be imported into a library: of a corpus manifest, a table, a library's export, a folder of sounds.

Whatever a list says, only sounds inside one folder are read: that of the list, or the one that the user names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from stepwave.data.addresses import is_remote
from stepwave.data.manifests import MANIFEST, clip_bytes, read_clip, read_manifest
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import AudioNotFoundError, AudioTooLongError, DataError
from stepwave.prepare.ingest.tables import read_table
from stepwave.prepare.pipeline.parts import encode
from stepwave.prepare.pipeline.steps import Sound
from stepwave.prepare.voices.describing import describe_measured
from stepwave.tools.voices.entries import ENDINGS, TOLD
from stepwave.tools.voices.exporting import TABLE
from stepwave.tools.voices.library import LONGEST_CLIP_SECONDS, MOST_CLIP_BYTES, Offer

COLUMNS: Final = ("file", "name", *TOLD)
"""What a table may have, of which it needs `file` alone."""
_SAME_COLUMN: Final = {
    "path": "file", "audio": "file", "clip": "file", "text": "transcript", "sentence": "transcript",
    "locale": "language", "license": "licence", "client_id": "speaker", "id": "name",
}  # fmt: skip
"""Other names that tables have for columns; Common Voice's among them."""


def read_offers(path: Path, root: Path | None = None) -> Iterator[Offer]:
    """What `path` offers: a manifest, a .jsonl or .tsv table, or a folder with one of them or with sounds.

    Args:
        path: the list or folder.
        root: folder that clips must lie in; by default that of the list.

    Raises DataError for a list that is none, lazily.
    """
    if path.is_dir():
        listed = next((path / name for name in (TABLE, MANIFEST) if (path / name).is_file()), None)
        if listed is None:
            return _of_folder(path)
        path = listed
    if not path.is_file():
        raise DataError(f"there is no {path}; wanted a manifest, a .tsv or .jsonl table, or a folder of sounds")
    inside = (root or path.parent).resolve()
    if path.suffix == ".tsv":
        return (_of_row(row, path.parent, inside) for row in read_table(path, ()))
    if path.suffix != ".jsonl":
        raise DataError(f"{path} is neither a .jsonl nor a .tsv file; wanted a manifest or a table")
    if "turns" in next(_json_lines(path), {}):
        return _of_manifest(path, inside)
    return (_of_row(row, path.parent, inside) for row in _json_lines(path))


def read_sound(path: Path) -> bytes:
    """The bytes of a sound file that the user names. Raises AudioError."""
    return _read(path, Path(path.resolve().anchor))


def _of_folder(folder: Path) -> Iterator[Offer]:
    """Every sound in a folder and below; its words where a .txt of the same name lies beside it."""
    inside = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in ENDINGS and path.is_file():
            words = path.with_suffix(".txt")
            told: dict[str, str] = {"transcript": words.read_text("utf-8", "replace")} if words.is_file() else {}
            yield Offer(str(path.relative_to(folder).with_suffix("")), partial(_read, path, inside), told)


def _of_row(row: Mapping[str, Any], folder: Path, inside: Path) -> Offer:
    known = {_SAME_COLUMN.get(name, name): str(value) for name, value in row.items() if value not in (None, "")}
    file = known.get("file", "")
    told: dict[str, str] = {name: known[name] for name in TOLD if name in known}
    return Offer(known.get("name") or Path(file).stem or "?", partial(_read, folder / file, inside), told)


def _of_manifest(path: Path, inside: Path) -> Iterator[Offer]:
    """Every clip of a manifest whose words are known, each once."""
    seen: set[str] = set()
    for record in read_manifest(path):
        for turn in record.turns:
            if turn.clip is not None and turn.clip.file and turn.clip.id not in seen:
                seen.add(turn.clip.id)
                told = _told_of(record, turn, turn.clip)
                yield Offer(turn.clip.id, partial(_read_clip, turn.clip, inside), told)


def _told_of(record: Record, turn: Turn, clip: Clip) -> dict[str, str]:
    known = {
        "transcript": turn.text,
        "language": turn.language,
        "speaker": clip.voice,
        "licence": record.licence,
        "source": record.source,
        "description": turn.style.get("voice", ""),
        "emotion": turn.style.get("emotion", ""),
    }
    known |= {name: clip.attributes[name] for name in TOLD if name in clip.attributes}
    known["description"] = known["description"] or describe_measured(clip.attributes)
    return {name: str(value) for name, value in known.items() if value}


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as problem:
                raise DataError(f"{path}, line {number}: no JSON ({problem}); mend that line") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number} is no JSON object; wanted one with the column file")
            yield row


def _read(path: Path, inside: Path) -> bytes:
    """The bytes of a sound file inside a folder, links followed. Raises AudioError and DataError."""
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(inside):
            raise DataError(f"{path} lies outside {inside}; name a folder that holds all clips with --root")
        if not real.is_file():
            raise AudioNotFoundError(f"{path} is no file; wanted a recording")
        if real.stat().st_size > MOST_CLIP_BYTES:
            raise AudioTooLongError(f"{path} has more than {MOST_CLIP_BYTES:,} bytes; cut it, or store it as flac")
        return real.read_bytes()
    except (OSError, ValueError, RuntimeError) as problem:  # a name with a NUL, links in a circle
        raise AudioNotFoundError(f"{str(path)[:200]!r} cannot be read ({problem}); check the list") from None


def _read_clip(clip: Clip, inside: Path) -> bytes:
    """The bytes of a manifest's clip: as they are stored, or a stretch of a longer recording as FLAC."""
    if is_remote(clip.file) or not Path(clip.file).resolve().is_relative_to(inside):
        raise DataError(f"{clip.file} lies outside {inside}; name a folder that holds all clips with --root")
    if clip.size > MOST_CLIP_BYTES or clip.seconds > LONGEST_CLIP_SECONDS:
        raise AudioTooLongError(f"{clip.id} lasts {clip.seconds:g} s; wanted at most {LONGEST_CLIP_SECONDS:g} s")
    if clip.size and not clip.start:
        return clip_bytes(clip)
    if not clip.start and not clip.seconds:
        return _read(Path(clip.file), inside)
    return encode(Sound(*read_clip(clip, None)), "flac")
