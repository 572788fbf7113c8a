"""Lhotse's manifests as a source: cuts, or recordings with supervisions, read as the JSON lines that they are.

A cut of a stretch of one recording becomes a clip of that recording. What more Lhotse can say (mixed and padded cuts,
changed speed, a channel other than the first) is left to Lhotse itself (extra `prepare`), when its sound is asked for.
Sound that a shell command makes is refused.
"""

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from torch import Tensor

from stepwave.data.addresses import folder_of, inside, is_remote, list_folder, resolve, state_of
from stepwave.data.languages import language_code
from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip, Record
from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.lines import Lines, open_lines
from stepwave.data.sources.plain import Entry, as_record, plain_kind
from stepwave.facts.errors import AudioFormatError, DataError, MissingExtraError, short_reason
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

_BY_LHOTSE: Final = "#"
"""Between a list of cuts and the number of one of them, in the place of a clip that only Lhotse can read."""
_HARMLESS: Final = ("Resample",)
"""Transforms that change nothing but the sample rate, which is ours to choose."""


class LhotseSource:
    """Cuts (`cuts*.jsonl[.gz]`), or a folder with `*recordings*.jsonl[.gz]` and `*supervisions*.jsonl[.gz]`.

    A record is a cut, with the words of all its supervisions in order, or one supervision of a recording. Relative
    paths count from the working directory, as Lhotse has it, or from the manifests where nothing is there.
    """

    def __init__(self, config: SourceConfig) -> None:
        """Raises DataError where manifests are missing, ConfigError for a kind that they don't give."""
        self.name, self._config, self._kind = config.address, config, plain_kind(config)
        self._pairs: _Recordings | None = None
        if config.address.endswith((".jsonl", ".jsonl.gz")) and "supervisions" not in os.path.basename(config.address):
            self._files = [config.address]
        else:
            self._files = list(_pair(config.address))
            self._pairs = _Recordings(open_lines(self._files[1]), self._files[1])
        self._lines = open_lines(self._files[0])
        self._folder = folder_of(self._files[0])

    def __len__(self) -> int:
        return len(self._lines)

    def record(self, index: int) -> Record:
        """The record of line `index` + 1 of the cuts or the supervisions."""
        try:
            found = json.loads(self._lines[index])
            entry = self._supervision(found) if self._pairs is not None else self._cut(found, index)
            return as_record(entry, str(found["id"]), self._kind, self._config)
        except (ValueError, KeyError, TypeError, AttributeError, DataError) as problem:
            why = f"it lacks {problem}" if isinstance(problem, KeyError) else problem
            raise DataError(
                f"{self._files[0]}, line {index + 1}: {why}; wanted what Lhotse writes, a cut of one recording or a "
                "supervision"
            ) from None

    def samples(self, clip: Clip) -> Samples:
        """Sound at 16 kHz. Raises AudioError, MissingExtraError (a cut that only Lhotse can read, without Lhotse)."""
        list_of_cuts, _, number = clip.file.rpartition(_BY_LHOTSE)
        if list_of_cuts != self._files[0]:
            return read_clip(clip)[0]
        return _by_lhotse(json.loads(self._lines[int(number)]), clip)

    def tensor(self, name: str) -> Tensor | None:
        """Nothing was computed."""
        return None

    def length(self, name: str) -> int | None:
        """Nothing was computed."""
        return None

    def version(self) -> str:
        """Changes when a manifest does."""
        return "\n".join([self._kind, *(f"{each}={state_of(each)}" for each in self._files)])

    def _supervision(self, said: Mapping[str, Any]) -> Entry:
        assert self._pairs is not None
        recording = self._pairs[str(said["recording_id"])]
        channel = said.get("channel", 0)
        file = self._file(_plain_file(recording, channel[0] if isinstance(channel, list) else channel))
        if file is None:
            raise DataError(f"recording {recording['id']} is no plain file; write cuts of it, which Lhotse reads")
        return self._entry(str(said["id"]), file, said["start"], said["duration"], [said])

    def _cut(self, cut: Mapping[str, Any], index: int) -> Entry:
        said = _supervisions(cut)
        recording = cut.get("recording") if cut["type"] == "MonoCut" else None
        file = self._file(_plain_file(recording, cut["channel"])) if recording else None
        if file is not None:
            return self._entry(str(cut["id"]), file, cut["start"], cut["duration"], said)
        _refuse_commands(cut)
        if is_remote(self._folder):
            raise DataError(
                "it is no stretch of a plain file; Lhotse reads it where the list is local: copy the list here"
            )
        seconds = cut["duration"] if "duration" in cut else max(_ends(cut["tracks"]))
        return self._entry(str(cut["id"]), f"{self._files[0]}{_BY_LHOTSE}{index}", 0.0, seconds, said)

    def _entry(self, name: str, file: str, start: Any, seconds: Any, said: Sequence[Mapping[str, Any]]) -> Entry:
        first: Mapping[str, Any] = said[0] if said else {}
        speaker = str(first.get("speaker") or "")
        known = {"gender": str(first.get("gender") or "").lower()} if first.get("gender") else {}
        clip = Clip(name, file, start=float(start), seconds=float(seconds), voice=speaker, attributes=known)
        text = " ".join(str(each["text"]).strip() for each in said if each.get("text"))
        return Entry(clip, text, language_code(str(first.get("language") or "")), speaker)

    def _file(self, named: str | None) -> str | None:
        if named is None or is_remote(named) or os.path.isabs(named) or is_remote(self._folder):
            return named if named is None else resolve(named, self._folder)
        return os.path.abspath(named) if os.path.exists(named) else resolve(named, self._folder)


class _Recordings:
    """Recordings by id: only a digest of each id is kept in memory, and where its line is."""

    def __init__(self, lines: Lines, file: str) -> None:
        self._lines, self._file = lines, file
        try:
            digests = np.array([_digest(str(json.loads(lines[number])["id"])) for number in range(len(lines))], "u8")
        except (ValueError, KeyError, TypeError):
            raise DataError(f"{file} is no list of Lhotse's recordings; write it again with Lhotse") from None
        self._order = np.argsort(digests, kind="stable")
        self._digests = digests[self._order]

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        place = int(np.searchsorted(self._digests, np.uint64(_digest(name))))
        if place < len(self._order):
            found: Mapping[str, Any] = json.loads(self._lines[int(self._order[place])])
            if found["id"] == name:
                return found
        raise DataError(f"there is no recording {name!r} in {self._file}")


def _digest(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def _pair(address: str) -> tuple[str, str]:
    """Addresses of supervisions and recordings, given those of their folder or of the supervisions."""
    names = list_folder(address)
    folder = address if names is not None else folder_of(address)
    said = [each for each in names or [os.path.basename(address)] if "supervisions" in each and ".jsonl" in each]
    if len(said) != 1:
        raise DataError(
            f"{address} holds {len(said)} lists of supervisions ({', '.join(said) or 'none'}); name one of them"
        )
    heard = said[0].replace("supervisions", "recordings")
    if heard not in (list_folder(folder) or []):
        raise DataError(f"{said[0]} in {folder} has no {heard} beside it; wanted both, as `lhotse prepare` writes them")
    return inside(folder, said[0]), inside(folder, heard)


def _plain_file(recording: Mapping[str, Any], channel: Any) -> str | None:
    """The file whose first channel is wanted; None where Lhotse has more to do. Raises DataError for a command."""
    _refuse_commands(recording)
    changed = [each for each in recording.get("transforms") or [] if each.get("name") not in _HARMLESS]
    source = next((each for each in recording["sources"] if channel in each["channels"]), None)
    if changed or source is None or source["type"] not in ("file", "url") or source["channels"][0] != channel:
        return None
    return str(source["source"])


def _supervisions(cut: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of a cut and of the tracks that it is mixed of, in order of time."""
    found = [(float(each["start"]), each) for each in cut.get("supervisions") or []]
    for track in cut.get("tracks") or []:
        for each in track["cut"].get("supervisions") or []:
            found.append((float(track.get("offset", 0.0)) + float(each["start"]), each))
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _ends(tracks: Sequence[Mapping[str, Any]]) -> list[float]:
    return [float(track.get("offset", 0.0)) + float(track["cut"]["duration"]) for track in tracks]


def _refuse_commands(value: Any) -> None:
    """Lists come from elsewhere, and a source of the type `command` is a shell command."""
    if isinstance(value, Mapping):
        if value.get("type") == "command":
            raise DataError("its sound is made by a shell command, which is never run; store the sound in a file")
        for each in value.values():
            _refuse_commands(each)
    elif isinstance(value, list):
        for each in value:
            _refuse_commands(each)


def _by_lhotse(cut: Mapping[str, Any], clip: Clip) -> Samples:
    _refuse_commands(cut)
    try:
        serialization: Any = importlib.import_module("lhotse.serialization")
    except ImportError:
        raise MissingExtraError("prepare", "lhotse") from None
    try:
        sound = serialization.deserialize_item(dict(cut)).resample(INPUT_SAMPLE_RATE).load_audio()
    except Exception as problem:  # of any of the libraries that Lhotse reads with
        raise AudioFormatError(
            f"cut {clip.id} ({clip.file}): Lhotse cannot read it: {short_reason(problem)}; check it there"
        ) from None
    samples: Samples = np.ascontiguousarray(sound[0], dtype=np.float32)
    return samples
