"""Readers of GigaSpeech and WenetSpeech: hours of recordings, and one JSON file with the segments of all of them.

The file has gigabytes; it is read recording by recording. Segments keep the recording's name, their place in it and
where they begin, so that neighbours can be joined into continuations.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from stepwave.facts.errors import DataError
from stepwave.prepare.ingest.entries import Entry, LayoutError, Place, known

_BLOCK = 2**22
_MOST = 2**28
"""Characters that one recording's entry may have; a damaged file would otherwise be read into memory whole."""
_START = re.compile(r'"audios"\s*:\s*\[')

_GIGASPEECH_PARTS: Final = ("XS", "S", "M", "L", "XL", "DEV", "TEST")
_WENETSPEECH_PARTS: Final = ("S", "M", "L", "W", "DEV", "TEST_NET", "TEST_MEETING")
_PUNCTUATION: Final = {" <COMMA>": ",", " <PERIOD>": ".", " <QUESTIONMARK>": "?", " <EXCLAMATIONPOINT>": "!"}
_NOT_SPEECH: Final = re.compile(r"<(SIL|MUSIC|NOISE|OTHER)>")


def gigaspeech(place: Place) -> Iterator[Entry]:
    """GigaSpeech: GigaSpeech.json and audio/*/*/*.opus; marks of punctuation are written out."""
    parts = place.parts(_GIGASPEECH_PARTS)
    for audio in each_recording(place.need("GigaSpeech.json")):
        for position, segment in enumerate(audio.get("segments", ())):
            part = _part(segment, parts)
            if part:
                text = written_out(segment.get("text_tn", ""))
                speaker = segment.get("speaker", "")
                yield _segment(
                    place,
                    audio,
                    segment,
                    position,
                    part,
                    text=text,
                    language="en",
                    speaker="" if speaker == "N/A" else speaker,
                    details=known(origin=audio.get("source", ""), category=audio.get("category", "")),
                    problem="" if text else f"it is marked {segment.get('text_tn', '')!r}",
                )


def wenetspeech(place: Place) -> Iterator[Entry]:
    """WenetSpeech: WenetSpeech.json and audio/*/*/*.opus; it names no speakers, and says how sure each text is."""
    parts = place.parts(_WENETSPEECH_PARTS)
    for audio in each_recording(place.need("WenetSpeech.json")):
        for position, segment in enumerate(audio.get("segments", ())):
            part = _part(segment, parts)
            if part:
                yield _segment(
                    place,
                    audio,
                    segment,
                    position,
                    part,
                    text=segment.get("text", "").strip(),
                    language="zh",
                    speaker="",
                    details=known(confidence=segment.get("confidence")),
                )


def written_out(text: str) -> str:
    """GigaSpeech's marks of punctuation as signs; empty for what is marked as music, noise or silence."""
    for mark, sign in _PUNCTUATION.items():
        text = text.replace(mark, sign)
    return "" if _NOT_SPEECH.search(text) else text.strip()


def each_recording(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of the list `audios`, one in memory at a time.

    Raises LayoutError (no such list), DataError (cut short or damaged).
    """
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8") as file:
        text = file.read(_BLOCK)
        while not (found := _START.search(text)):
            more = file.read(_BLOCK)
            if not more:
                raise LayoutError(f"{path.name} has no list `audios`")
            text = text[-64:] + more
        text = text[found.end() :]
        while True:
            text = text.lstrip(" \t\r\n,")
            if text.startswith("]"):
                return
            try:
                audio, end = decoder.raw_decode(text)
            except json.JSONDecodeError as problem:
                more = file.read(_BLOCK)
                if not more or len(text) > _MOST:
                    raise DataError(f"{path} is damaged or cut short ({problem.msg}); fetch it again") from None
                text += more
                continue
            text = text[end:]
            yield audio


def _part(segment: dict[str, Any], wanted: list[str]) -> str:
    """The smallest wanted part that a segment belongs to; GigaSpeech writes parts in braces."""
    own = {str(name).strip("{}") for name in segment.get("subsets", ())}
    return next((name for name in wanted if name in own), "")


def _segment(
    place: Place,
    audio: dict[str, Any],
    segment: dict[str, Any],
    position: int,
    part: str,
    *,
    text: str,
    language: str,
    speaker: str,
    details: dict[str, Any],
    problem: str = "",
) -> Entry:
    name = str(segment.get("sid", f"{audio.get('aid')}-{position}"))
    try:
        start = float(segment["begin_time"])
        seconds = float(segment["end_time"]) - start
        if start < 0 or seconds <= 0:
            problem = f"it lasts from {start} s for {seconds} s"
    except (KeyError, TypeError, ValueError):
        start, seconds, problem = 0.0, 0.0, "its begin_time or end_time is missing"
    return Entry(
        name,
        str(place.folder / str(audio.get("path", ""))),
        text=text,
        language=language,
        speaker=speaker,
        part=part,
        start=round(start, 4),
        seconds=round(seconds, 4),
        recording=str(audio.get("aid", "")),
        position=position,
        details=details,
        problem=problem,
    )
