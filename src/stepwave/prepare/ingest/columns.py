"""Which column of a data set holds what: by the names that data sets of the field use, or as told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stepwave.facts.errors import DataError
from stepwave.prepare.ingest.entries import gender, known

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "sound": ("audio", "sound", "speech", "wav", "flac", "mp3"),
    # Text as it is written comes before text made plain for scoring.
    "text": ("raw_transcription", "sentence", "text", "transcription", "transcript", "raw_text", "normalized_text"),
    "translation": ("translation",),
    "language": ("locale", "language", "lang"),
    "speaker": ("speaker_id", "client_id", "speaker", "spk_id"),
    "gender": ("gender", "sex"),
    "age": ("age",),
    "accent": ("accent", "accents", "dialect", "subdialect"),
    "labels": ("human_labels", "labels", "label", "category", "answer"),
    "captions": ("captions", "caption"),
    "name": ("segment_id", "id", "file", "path", "youtube_id"),
    "recording": ("recording", "audio_id", "chapter_id"),
    "start": ("begin_time", "start_time"),
}
"""Fields, each with the names of columns that are taken for it, the first that is there."""


@dataclass(frozen=True)
class Columns:
    """The columns of one data set."""

    names: Mapping[str, str]
    """Field to column."""
    features: Any
    """Types of the columns, as the package `datasets` describes them."""

    @property
    def sound(self) -> str:
        """The column of the recordings."""
        return self.names["sound"]

    def has(self, field: str) -> bool:
        """Whether there is a column for it."""
        return field in self.names

    def text_of(self, field: str, row: Mapping[str, Any]) -> str:
        """The value of a field as text, empty where there is none; of several the first."""
        values = self.values_of(field, row)
        return values[0] if values else ""

    def values_of(self, field: str, row: Mapping[str, Any]) -> list[str]:
        """The values of a field as text; numbers of classes become their names."""
        column = self.names.get(field, "")
        value = row.get(column)
        if value is None:
            return []
        kind = self.features[column]
        kind = getattr(kind, "feature", kind)
        values = value if isinstance(value, list | tuple) else [value]
        named = hasattr(kind, "int2str")
        return [kind.int2str(int(each)) if named and int(each) >= 0 else str(each) for each in values if each != ""]

    def attributes_of(self, row: Mapping[str, Any]) -> dict[str, str]:
        """What a row says of its speaker."""
        said = {field: self.text_of(field, row) for field in ("age", "accent")}
        return known(gender=gender(self.text_of("gender", row)), **said)

    def details_of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What a row says of itself and of what is heard."""
        listed = {field: values for field in ("labels", "captions") if (values := self.values_of(field, row))}
        return known(**{field: self.text_of(field, row) for field in ("name", "recording", "start")}) | listed


def find_columns(features: Mapping[str, Any], told: Iterable[tuple[str, str]], place: str) -> Columns:
    """Find the column of each field.

    Raises DataError without one for sound, or where `told` names what is not there.
    """
    names = {}
    for field, usual in FIELDS.items():
        found = next((name for name in usual if name in features), None)
        if found is not None:
            names[field] = found
    audio = next((name for name, kind in features.items() if type(kind).__name__ == "Audio"), None)
    names |= {} if audio is None else {"sound": audio}
    for field, column in told:
        if field not in FIELDS or column not in features:
            raise DataError(
                f"--column {field}={column}: wanted a field ({', '.join(FIELDS)}) and a column of {place} "
                f"({', '.join(features)})"
            )
        names[field] = column
    if "sound" not in names:
        raise DataError(f"{place} has no column of sound among {', '.join(features)}; name it: --column sound=NAME")
    return Columns(names, features)
