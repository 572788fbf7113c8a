"""Reader of any folder of recordings, with a table or without, and of the small folders that nano is trained on."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from stepwave.data.languages import language_code
from stepwave.facts.errors import DataError
from stepwave.prepare.ingest.entries import Answer, Entry, LayoutError, Place, Reader, gender, known, readable
from stepwave.prepare.ingest.tables import read_pairs, read_table

SOUND_ENDINGS: Final = (
    ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64",
    ".m4a", ".mp4", ".aac", ".webm", ".wma", ".amr",
)  # fmt: skip
"""Endings of what is taken for a recording; those of the second line cannot be read and are counted as that."""
_PATH: Final = ("path", "file", "filename", "audio", "wav")
_TEXT: Final = ("text", "transcript", "sentence")
_ATTRIBUTES: Final = ("gender", "age", "accent", "emotion")
_KNOWN: Final = (
    *_PATH, *_TEXT, *_ATTRIBUTES, "id", "speaker", "language", "start", "seconds", "end", "split", "recording",
    "labels", "captions", "translation", "translation_language",
)  # fmt: skip


def folder(place: Place) -> Iterator[Entry]:
    """A folder of recordings and a table with a column `path`; without a table, the recordings alone."""
    table = _table(place)
    if table is None:
        yield from _bare(place)
        return
    rows = list(read_table(table, (), "csv" if table.suffix == ".csv" else "tsv"))
    columns = tuple(rows[0]) if rows else ()
    path = next((name for name in _PATH if name in columns), None)
    if path is None:
        raise DataError(
            f"{table} lacks the column path; it has: {', '.join(columns) or 'nothing'}; name what the columns are in "
            "its first line (path, and any of text, speaker, language, start, seconds, labels, captions)"
        )
    parts = place.parts(sorted({row.get("split", "") or "train" for row in rows}))
    positions: dict[str, int] = {}
    for number, row in enumerate(rows):
        if (row.get("split", "") or "train") in parts:
            yield _entry(place, row, path, number, positions)


def not_on_disk(place: Place) -> Iterator[Entry]:
    """For what is named by an id: a plain folder is always the wrong place. Raises LayoutError."""
    raise LayoutError("a data set is named by its id")
    yield


def shared_part(name: str) -> Reader:
    """The reader of one of nano's folders, given that folder or the one around it."""
    if name == "esc10":
        return _shared_sounds
    return partial(_shared_speech, name)


def _shared_speech(name: str, place: Place) -> Iterator[Entry]:
    place = place.inside(name)
    lists = sorted(place.folder.glob("transcripts*.tsv"))
    if not lists:
        raise LayoutError("it has no transcripts*.tsv")
    speakers = place.folder / "speakers.tsv"
    genders = read_pairs(speakers) if speakers.is_file() else {}
    # Whoever transcribed stands in the list's name, if it was a machine.
    heard_by = known(transcribed_by=lists[0].stem.partition(".")[2])
    for file, text in read_pairs(lists[0]).items():
        stem = Path(file).stem
        speaker, said = {"ljspeech-32": ("lj", "f"), "asterisk-en": ("only", "f")}.get(
            name, (stem.split("-")[0], genders.get(file, ""))
        )
        yield Entry(
            stem,
            str(place.folder / file),
            text=text,
            language="en",
            speaker=speaker,
            attributes=known(gender=gender(said)),
            details=heard_by,
        )


def _shared_sounds(place: Place) -> Iterator[Entry]:
    place = place.inside("esc10")
    files = sorted(place.folder.glob("*/*.ogg"))
    parts = place.parts(sorted({f"fold-{file.name.split('-')[0]}" for file in files}))
    for file in files:
        fold = file.name.split("-")[0]
        if f"fold-{fold}" in parts:
            labels = {"labels": [readable(file.parent.name)], "fold": int(fold)}
            yield Entry(file.stem, str(file), kind="sound", part=f"fold-{fold}", split="train", details=labels)


def _table(place: Place) -> Path | None:
    if place.table:
        return place.need(place.table)
    tables = sorted(path for ending in ("tsv", "csv") for path in place.folder.glob(f"*.{ending}"))
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise DataError(f"{place.folder} holds several tables ({names}); say which one with --table")
    return tables[0] if tables else None


def _bare(place: Place) -> Iterator[Entry]:
    files = sorted(path for path in place.folder.rglob("*") if path.suffix.lower() in SOUND_ENDINGS)
    if not files:
        raise LayoutError("there are neither recordings nor a table in it")
    if place.kind not in ("speech", "sound"):
        raise DataError(
            f"{place.folder} holds recordings without a table; say --kind sound (a sub-folder's name is the label of "
            "what is in it) or --kind speech --untranscribed"
        )
    for file in files:
        inside = file.relative_to(place.folder)
        labels = [readable(inside.parent.name)] if inside.parent.name else []
        details = {"labels": labels} if place.kind == "sound" else {}
        kind = "sound" if place.kind == "sound" else "speech"
        name = str(inside.with_suffix("")) if len(inside.parts) == 1 else str(inside)
        language = language_code(place.languages[0]) if place.languages else ""
        yield Entry(name, str(file), kind=kind, language=language, details=details)  # type: ignore[arg-type]


def _entry(place: Place, row: dict[str, str], path: str, number: int, positions: dict[str, int]) -> Entry:
    file = row[path]
    text = next((row[name] for name in _TEXT if row.get(name)), "")
    language = row.get("language", "") or (place.languages[0] if place.languages else "")
    start, seconds, problem = _stretch(row)
    recording = row.get("recording", "") or (Path(file).stem if seconds else "")
    positions[recording] = positions.get(recording, -1) + 1
    listed = {name: _several(row[name]) for name in ("labels", "captions") if row.get(name)}
    about = {name: row.get(name, "") for name in _ATTRIBUTES} | {
        name: value for name, value in row.items() if name not in _KNOWN
    }
    translation = row.get("translation", "")
    answer = Answer(translation, language_code(row.get("translation_language", ""))) if translation else None
    sound = place.kind == "sound" or (not place.kind and bool(listed) and not text)
    return Entry(
        row.get("id", "") or (f"{file}-{start:g}" if seconds else file) or f"row-{number}",
        str((place.sounds or place.folder) / file) if file else "",
        kind="s2tt" if answer else "sound" if sound else "speech",
        text=text,
        language=language_code(language),
        speaker=row.get("speaker", ""),
        part=row.get("split", "") or "train",
        start=start,
        seconds=seconds,
        recording=recording,
        position=positions[recording] if recording else None,
        attributes=known(**about) | ({"gender": gender(row["gender"])} if row.get("gender") else {}),
        details=listed,
        answer=answer,
        problem=problem,
    )


def _stretch(row: dict[str, str]) -> tuple[float, float, str]:
    """Start, length (0 for the whole file) and what is wrong with them."""
    try:
        start = float(row.get("start") or 0)
        end = float(row["end"]) if row.get("end") else 0.0
        seconds = float(row["seconds"]) if row.get("seconds") else max(0.0, end - start)
    except ValueError:
        return 0.0, 0.0, f"start, seconds or end is no number: {[row.get(x) for x in ('start', 'seconds', 'end')]}"
    if start < 0 or seconds < 0 or (end and end <= start) or (start and not seconds):
        return 0.0, 0.0, f"a stretch needs a start and a length, got start {start:g}, seconds {seconds:g}, end {end:g}"
    return start, seconds, ""


def _several(value: str) -> list[str]:
    return [each.strip() for each in value.split("|") if each.strip()]
