"""Our own manifests as a source: records by line, with the tensors that were computed of their clips beside them."""

import json
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from stepwave.data.addresses import folder_of, inside, is_remote, list_folder, state_of
from stepwave.data.manifests import MANIFEST, read_clip, read_line
from stepwave.data.records import Clip, Record
from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.lines import open_lines
from stepwave.data.sources.plain import plain_kind, taken_as
from stepwave.data.sources.remote_tensors import RemoteTensors, shards_in
from stepwave.data.store import TensorStore
from stepwave.facts.errors import DataError
from stepwave.signal.resample import Samples

PARTS: Final = "parts"
"""Folder beside a manifest with what steps stored: sounds, and tensors of clips."""


class ManifestSource:
    """Records of a manifest, which is named by its file or its folder; `.jsonl.gz` is read too.

    Where the source declares a kind, `speech` records become that; all others are what they are.
    """

    def __init__(self, config: SourceConfig) -> None:
        """Raises DataError where there is no manifest, ConfigError for a kind that `speech` can't become."""
        self.name = config.address
        self._kind = plain_kind(config) if config.kind else None
        self._file = inside(config.address, MANIFEST) if list_folder(config.address) is not None else config.address
        self._folder = folder_of(self._file)
        self._lines = open_lines(self._file)
        self._store: TensorStore | RemoteTensors | None = None

    def __len__(self) -> int:
        return len(self._lines)

    def __getstate__(self) -> dict[str, Any]:
        """Shards of tensors are opened anew by a process that gets a copy."""
        return {**self.__dict__, "_store": None}

    def record(self, index: int) -> Record:
        """The record of line `index` + 1; its clips have absolute places."""
        try:
            return taken_as(read_line(self._lines[index], self._folder), self._kind)
        except (json.JSONDecodeError, UnicodeDecodeError, DataError) as problem:
            raise DataError(
                f"{self._file}, line {index + 1}: {problem}; mend the line, or run the step that made it again"
            ) from None

    def samples(self, clip: Clip) -> Samples:
        """Sound at 16 kHz. Raises AudioError."""
        return read_clip(clip)[0]

    def tensor(self, name: str) -> Tensor | None:
        """What `stepwave prepare tokenise` computed; None where it did not."""
        store = self._tensors()
        if name not in store:
            return None
        return store[name]

    def length(self, name: str) -> int | None:
        """Its first dimension."""
        store = self._tensors()
        return store.length(name) if name in store else None

    def version(self) -> str:
        """Changes when the manifest or the tensors beside it do."""
        shards = shards_in(inside(self._folder, PARTS))
        return "\n".join([f"{self._kind}", *(f"{each}={state_of(each)}" for each in (self._file, *shards))])

    def _tensors(self) -> TensorStore | RemoteTensors:
        if self._store is None:
            parts = inside(self._folder, PARTS)
            self._store = RemoteTensors(parts) if is_remote(parts) else TensorStore(Path(parts))
        return self._store
