"""Data sets of the Hugging Face hub by a pinned revision: from a folder, from the local cache, or fetched when asked.

Nothing is fetched unasked. A data set's own code is never run: files are copied, and a reader of ours reads them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stepwave.checkpoints.locate import hub_cache
from stepwave.evaluation.declaration import Places
from stepwave.facts.errors import ConfigError, MissingExtraError, ServiceError, short_reason

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class HubData:
    """A data set of the hub in one state."""

    id: str
    """`owner/name`."""
    revision: str
    """The commit, 40 digits: a branch may move."""
    files: tuple[str, ...] = ()
    """Patterns of the files that are wanted, such as `test/*.parquet`; all where empty."""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or not _COMMIT.fullmatch(self.revision):
            raise ConfigError(
                f"the data set {self.id} at '{self.revision}' is not pinned; wanted owner/name and a whole commit"
            )

    @property
    def name(self) -> str:
        """The data set and its state, for a run's files."""
        return f"{self.id} at {self.revision}"

    def folder(self, places: Places) -> Path:
        """Where its files lie: `OWNER--NAME-REVISION` in the data folder, else the hub's local cache.

        Raises ConfigError where it is in neither and may not be fetched, MissingExtraError, and ServiceError where
        fetching failed.
        """
        own = places.data / f"{self.id.replace('/', '--')}-{self.revision}"
        if own.is_dir():
            return own
        cached = hub_cache() / f"datasets--{self.id.replace('/', '--')}" / "snapshots" / self.revision
        if places.fetch:  # also where it is cached, since it may be a part of the files
            return self._fetched()
        if cached.is_dir():
            return cached
        raise ConfigError(
            f"the data set {self.name} is neither in {own} nor in the hub's cache, and nothing is fetched unasked: "
            "add --fetch, or copy its files to that folder"
        )

    def _fetched(self) -> Path:
        try:
            return Path(_snapshot_download()(
                self.id, repo_type="dataset", revision=self.revision, allow_patterns=list(self.files) or None
            ))  # fmt: skip
        except MissingExtraError:
            raise
        except Exception as error:  # the library's errors come from several packages; all mean the same to a user
            raise ServiceError(
                f"fetching {self.name} failed: {short_reason(error)}; check the connection, or whether one has to "
                "sign in"
            ) from error


def in_folder_or_hub(places: Places, folder: Path, id: str, *files: str) -> Path:
    """`folder`, or the state `places.revision` of the hub's data set `id` where one is named.

    No commit of the public sets could be looked up and checked here, so that none is pinned: whoever fetches names one.
    Raises ConfigError for `places.fetch` without a revision, and what `HubData` raises.
    """
    if places.sample or not (places.revision or places.fetch):
        return folder
    if not places.revision:
        raise ConfigError(
            f"--fetch wants to know which state of {id} is meant; name a commit of 40 digits from the history on the "
            "data set's page, with --revision"
        )
    return HubData(id, places.revision, files).folder(places)


def _snapshot_download() -> Callable[..., Any]:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("eval", "huggingface_hub") from None
    found: Callable[..., Any] = snapshot_download
    return found
