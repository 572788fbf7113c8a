"""Tar shards in WebDataset's layout as a source: members that share a name up to its first dot are one entry.

    000123.flac  000123.txt                a sound and its words
    000123.flac  000123.json               the same, with language and speaker: {"text": ..., "language": ..., ...}
    000124.q.wav  000124.a.wav  000124.json   a record of ours, whose clips' files are the members' names

Headers are read once; after that each sound and each text is one read at its offset.
"""

import json
import posixpath
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import Tensor

from stepwave.data.addresses import expand, list_folder, open_binary, read_bytes, reason, state_of
from stepwave.data.array_cache import Arrays, cached
from stepwave.data.languages import language_code
from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip, Record, from_json
from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.headers import seconds_inside
from stepwave.data.sources.plain import Entry, as_record, plain_kind, taken_as
from stepwave.facts.errors import AudioError, AudioFormatError, DataError
from stepwave.signal.resample import Samples

SOUNDS: Final = ("wav", "flac", "mp3", "ogg", "opus")
"""Endings of members that are sounds."""
_MOST_TEXT: Final = 1 << 24
"""Bytes of a text or JSON member at most."""


@dataclass(frozen=True)
class _Member:
    name: str
    offset: int
    size: int

    @property
    def ending(self) -> str:
        """All that follows the first dot of the file's name, in lower case."""
        return posixpath.basename(self.name).partition(".")[2].lower()

    @property
    def is_sound(self) -> bool:
        return self.ending.rpartition(".")[2] in SOUNDS


class TarSource:
    """Entries of one shard or many, in the order of shards and of their first members.

    `columns` may say which ending holds the sound (`audio`) or the words (`text`) where there are several, or which
    key of the JSON member holds `text`, `language`, `speaker`, `id`.
    """

    def __init__(self, config: SourceConfig, cache: Path | None = None) -> None:
        """Reads the headers of all shards, or what `cache` holds of them. Raises DataError, ConfigError."""
        self.name, self._config, self._kind = config.address, config, plain_kind(config)
        self._shards = _shards_of(config.address)
        self._tables = [_table(each, cache) for each in self._shards]
        self._ends = np.cumsum([len(each["entries"]) - 1 for each in self._tables])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def record(self, index: int) -> Record:
        """The record of an entry; a sound is opened for its length, and not decoded."""
        number = int(np.searchsorted(self._ends, index, side="right"))
        table = self._tables[number]
        first, last = table["entries"][index - int(self._ends[number]) + len(table["entries"]) - 1 :][:2].tolist()
        shard = self._shards[number]
        members = [_member(table, each) for each in range(first, last)]
        key = _key(members[0].name)
        try:
            return self._record(shard, key, members)
        except OSError as problem:
            raise DataError(f"{shard} cannot be read any more ({reason(problem)}); is it still there?") from None
        except (DataError, ValueError, TypeError, AttributeError) as problem:
            names = ", ".join(each.name for each in members)
            raise DataError(f"{shard}, entry {key!r} ({names}): {problem}; mend it, or write the shard again") from None

    def samples(self, clip: Clip) -> Samples:
        """Sound at 16 kHz. Raises AudioError, which names shard and member where the sound is damaged."""
        try:
            return read_clip(clip)[0]
        except AudioFormatError as problem:
            raise AudioFormatError(f"{self._place(clip)}: {problem}") from None

    def tensor(self, name: str) -> Tensor | None:
        """Nothing was computed."""
        return None

    def length(self, name: str) -> int | None:
        """Nothing was computed."""
        return None

    def version(self) -> str:
        """Changes when a shard does."""
        columns = json.dumps(self._config.columns, sort_keys=True)
        return "\n".join([self._kind, columns, *(f"{each}={state_of(each)}" for each in self._shards)])

    def _place(self, clip: Clip) -> str:
        """Shard and member of a clip."""
        table = self._tables[self._shards.index(clip.file)]
        return f"{clip.file}, {_member(table, int(np.flatnonzero(table['offsets'] == clip.offset)[0])).name}"

    def _record(self, shard: str, key: str, members: Sequence[_Member]) -> Record:
        endings = {each.ending: each for each in members}
        if len(endings) < len(members):
            raise DataError("its names agree up to their first dot, which makes them one entry, and end alike")
        about: Any = json.loads(_text(shard, endings["json"])) if "json" in endings else {}
        if not isinstance(about, dict):
            raise DataError(f"{endings['json'].name} holds no object")
        if "turns" in about:
            placed = {each.name: each for each in members} | {posixpath.basename(each.name): each for each in members}
            record = from_json(about).with_clips(lambda clip: _placed(clip, shard, placed))
            return taken_as(record, self._config.kind)
        named = {field: about.get(self._config.columns.get(field, field)) for field in ("language", "speaker", "id")}
        name = str(named["id"] or f"{Path(shard).stem}/{key}")
        speaker = str(named["speaker"] or "")
        sound = self._sound(endings)
        clip = None
        if sound is not None and self._kind != "text":
            clip = _placed(Clip(name, sound.name, voice=speaker), shard, {sound.name: sound})
        text = self._words(shard, endings, about)
        return as_record(
            Entry(clip, text, language_code(str(named["language"] or "")), speaker), name, self._kind, self._config
        )

    def _sound(self, endings: Mapping[str, _Member]) -> _Member | None:
        wanted = self._config.columns.get("audio")
        if wanted is not None:
            if wanted not in endings:
                raise DataError(f"it has no member that ends in .{wanted}, which is to be the sound")
            return endings[wanted]
        sounds = [each for each in endings.values() if each.is_sound]
        if len(sounds) > 1:
            raise DataError("it has several sounds; say which is meant: columns={'audio': ENDING}")
        return sounds[0] if sounds else None

    def _words(self, shard: str, endings: Mapping[str, _Member], about: Mapping[str, Any]) -> str:
        column = self._config.columns.get("text", "text")
        if column in endings and column != "json":
            return _text(shard, endings[column]).strip()
        if about.get(column) is not None:
            return str(about[column]).strip()
        if "text" not in self._config.columns and "txt" in endings:
            return _text(shard, endings["txt"]).strip()
        if self._kind == "speech" and "text" not in self._config.columns:
            return ""
        raise DataError(f"it has no words: no member .txt or .{column}, no {column!r} among its {list(about)}")


def _shards_of(address: str) -> list[str]:
    names = list_folder(address)
    shards = expand(address) if names is None else [f"{address.rstrip('/')}/{each}" for each in names]
    shards = [each for each in shards if names is None or each.endswith(".tar")]
    if not shards:
        raise DataError(f"{address} holds no .tar; name the shards or their folder: shards-{{000..099}}.tar")
    return shards


def _table(shard: str, cache: Path | None) -> Arrays:
    try:
        return cached(cache, "tar", f"{shard}={state_of(shard)}", lambda: _read_headers(shard))
    except OSError as problem:
        raise DataError(f"{shard} cannot be read ({reason(problem)}); check the address") from None


def _read_headers(shard: str) -> Arrays:
    """Members of a shard, those of an entry together: `names` in UTF-8 with their `ends`, `offsets` and `sizes` `[m]`,
    and where each of `entries` begins among them `[e + 1]`."""
    entries: dict[str, list[_Member]] = {}
    with open_binary(shard) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for member in tar:
                    if member.isreg() and not posixpath.basename(member.name).startswith("."):
                        found = _Member(member.name, member.offset_data, member.size)
                        entries.setdefault(_key(member.name), []).append(found)
                    tar.members = []  # type: ignore[attr-defined]  # they would be kept, all of them
        except tarfile.TarError as problem:
            raise DataError(
                f"{shard} is damaged or no plain tar ({problem}); fetch it again, or unpack it if it is compressed: "
                "nothing can be read from the middle of a compressed one"
            ) from None
    members = [each for entry in entries.values() for each in entry]
    names = [each.name.encode("utf-8", "surrogateescape") for each in members]
    return {
        "names": np.frombuffer(b"".join(names), np.uint8),
        "ends": np.cumsum([0, *map(len, names)], dtype=np.int64),
        "offsets": np.array([each.offset for each in members], np.int64),
        "sizes": np.array([each.size for each in members], np.int64),
        "entries": np.cumsum([0, *map(len, entries.values())], dtype=np.int64),
    }


def _member(table: Arrays, number: int) -> _Member:
    first, last = table["ends"][number : number + 2].tolist()
    name = table["names"][first:last].tobytes().decode("utf-8", "surrogateescape")
    return _Member(name, int(table["offsets"][number]), int(table["sizes"][number]))


def _key(name: str) -> str:
    folder, file = posixpath.split(name)
    return posixpath.join(folder, file.partition(".")[0])


def _text(shard: str, member: _Member) -> str:
    if member.size > _MOST_TEXT:
        raise DataError(f"{member.name} has {member.size:,} bytes; wanted text of at most {_MOST_TEXT:,}")
    return read_bytes(shard, member.offset, member.size).decode("utf-8-sig")


def _placed(clip: Clip, shard: str, members: Mapping[str, _Member]) -> Clip:
    """A clip whose file is a member, in its place in the shard, with its length."""
    if not clip.file:
        return clip
    member = members.get(clip.file)
    if member is None:
        raise DataError(f"the clip {clip.id} is in {clip.file}, which is not among the entry's members")
    try:
        seconds = clip.seconds or seconds_inside(shard, member.offset, member.size) - clip.start
    except AudioError as problem:
        raise DataError(f"{member.name}: {problem}") from None
    return replace(clip, file=shard, offset=member.offset, size=member.size, seconds=seconds)
