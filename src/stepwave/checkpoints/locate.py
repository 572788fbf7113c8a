"""From a model's name to its folder: nano in the repository, a folder, or a hub id in the local Hugging Face cache.

Nothing is downloaded unless the caller allows it. What the folder holds is checked elsewhere (`inspection`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepwave.facts.errors import CheckpointError, CheckpointNotFoundError, MissingExtraError, short_reason

NANO: Final = "nano"
_SHA256 = re.compile("[0-9a-f]{64}")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class KnownModel:
    """A model that `stepwave models list` shows."""

    name: str
    """Short name."""
    hub_id: str | None
    """Where it is published; None for the one in the repository."""
    summary: str
    """What it is, in a line."""


KNOWN_MODELS: Final = (
    KnownModel(NANO, None, "0.2 B, trained by this project's recipes, English; runs on two CPU cores"),
    KnownModel("mini", "stepfun-ai/Step-Audio-2-mini", "8.3 B, released chat model, Chinese and English"),
    KnownModel(
        "mini-base", "stepfun-ai/Step-Audio-2-mini-Base", "8.3 B, released pre-trained model without chat template"
    ),
    KnownModel(
        "mini-think", "stepfun-ai/Step-Audio-2-mini-Think", "8.3 B, released chat model that reasons before it speaks"
    ),
)


def locate(name: str, *, download: bool = False) -> Path:
    """Return the folder of a model.

    Args:
        name: `nano`, another short name of `KNOWN_MODELS`, a folder, or a hub id such as
            `stepfun-ai/Step-Audio-2-mini`.
        download: whether a hub id that is not in the cache may be fetched over the network.

    Raises:
        CheckpointNotFoundError: there is nothing of that name; the message says how to get it.
        MissingExtraError: a download is allowed, but `huggingface_hub` is not installed.
        CheckpointError: the download failed.
    """
    if name == NANO:
        return _nano()
    hub_id = next((model.hub_id for model in KNOWN_MODELS if model.name == name and model.hub_id), name)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return folder
    if folder.is_file():
        raise CheckpointNotFoundError(f"{name} is a file; name the folder of the model it belongs to")
    if not _HUB_ID.fullmatch(hub_id):
        known = ", ".join(model.name for model in KNOWN_MODELS)
        raise CheckpointNotFoundError(f"no model {name!r}: wanted {known}, a folder, or a hub id like owner/name")
    cached = cached_snapshot(hub_id)
    if cached is not None:
        return cached
    if download:
        return _download(hub_id)
    raise CheckpointNotFoundError(
        f"{hub_id} is not in {hub_cache()}, and nothing is downloaded unasked: run `hf download {hub_id}` first, "
        "allow the download, or give the folder of a copy"
    )


def _nano() -> Path:
    folders = nano_folders()
    for folder in folders:
        if (folder / "config.json").is_file():
            return folder
    raise CheckpointNotFoundError(
        f"nano is not at {' or '.join(str(folder) for folder in folders)}: run inside a checkout of the repository, "
        "give its models/nano folder as the model, or train it (docs/nano.md)"
    )


def nano_folders() -> list[Path]:
    """Where nano is looked for: beside the package's source, then under the current folder."""
    return list(dict.fromkeys([Path(__file__).resolve().parents[3] / "models" / NANO, Path.cwd() / "models" / NANO]))


def hub_cache() -> Path:
    """The local Hugging Face cache, by the environment variables that `huggingface_hub` follows."""
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def cached_snapshot(hub_id: str) -> Path | None:
    """The folder of a hub model in the local cache: its main revision, else the newest one; None if there is none."""
    repository = hub_cache() / f"models--{hub_id.replace('/', '--')}"
    main = repository / "refs" / "main"
    if main.is_file():
        folder = repository / "snapshots" / main.read_text(encoding="utf-8").strip()
        if folder.is_dir():
            return folder
    snapshots = [folder for folder in (repository / "snapshots").glob("*") if folder.is_dir()]
    return max(snapshots, key=lambda folder: folder.stat().st_mtime, default=None)


def cached_digests(folder: Path) -> dict[str, str]:
    """The sha256 of the large files of a snapshot in the cache, by name: there they are links to their digests."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and _SHA256.fullmatch(digest := path.readlink().name):
            digests[str(path.relative_to(folder))] = digest
    return digests


def _download(hub_id: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("mini", "huggingface_hub") from None
    try:
        return Path(snapshot_download(hub_id))
    except Exception as error:  # the library's errors come from several packages; all mean the same to a user
        raise CheckpointError(
            f"downloading {hub_id} failed: {short_reason(error)}; check the name and the connection"
        ) from error
