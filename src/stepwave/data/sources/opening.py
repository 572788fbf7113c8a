"""Opening a source by the form of its address: which reader understands what is there."""

import json
import posixpath
from pathlib import Path
from typing import Final

from stepwave.data.addresses import exists, list_folder, reason
from stepwave.data.manifests import MANIFEST
from stepwave.data.sources.contract import Source, SourceConfig
from stepwave.data.sources.lhotse import LhotseSource
from stepwave.data.sources.lines import first_line
from stepwave.data.sources.manifest import ManifestSource
from stepwave.data.sources.parquet import ParquetSource
from stepwave.data.sources.tar import TarSource
from stepwave.facts.errors import ConfigError, DataError

_WANTED: Final = (
    f"wanted a folder with {MANIFEST}, a manifest or Lhotse's cuts (.jsonl, .jsonl.gz), tar shards (.tar) or Parquet "
    "files (.parquet)"
)
_LISTS: Final = (".jsonl", ".jsonl.gz")


def open_source(config: SourceConfig, cache: Path | None = None) -> Source:
    """The source that a recipe declares.

    Args:
        config: address, and what its entries become.
        cache: folder where what is found out about tar shards is kept; None to find it out each time.

    Raises:
        DataError: nothing is at the address, or it lacks what its form needs (a column, the other half of a pair).
        ConfigError: a form that is not known, a scheme that can't be opened, a kind that its entries can't become.
        MissingExtraError: a package is missing that the form needs.
    """
    try:
        return _opened(config, cache)
    except OSError as problem:
        raise DataError(f"{config.address} cannot be read ({reason(problem)}); check the address and access") from None


def _opened(config: SourceConfig, cache: Path | None) -> Source:
    address = config.address
    names = list_folder(address)
    if names is not None:
        return _in_folder(config, names, cache)
    name = posixpath.basename(address).lower()
    if name.endswith(".parquet"):
        return ParquetSource(config)
    if name.endswith(".tar"):
        return TarSource(config, cache)
    if name.endswith((".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2")):
        raise ConfigError(f"{address} is compressed, so that nothing in it can be read alone; unpack it to .tar")
    if not exists(address):
        raise DataError(f"there is nothing at {address}; {_WANTED}; check the address")
    if not name.endswith(_LISTS):
        raise ConfigError(f"{address} has a form that is not known; {_WANTED}")
    return LhotseSource(config) if _is_lhotse(address) else ManifestSource(config)


def _in_folder(config: SourceConfig, names: list[str], cache: Path | None) -> Source:
    if MANIFEST in names:
        return ManifestSource(config)
    forms = {
        "Parquet files": any(each.endswith(".parquet") for each in names),
        "tar shards": any(each.endswith(".tar") for each in names),
        "Lhotse's supervisions": any("supervisions" in each and each.endswith(_LISTS) for each in names),
    }
    found = [form for form, there in forms.items() if there]
    if len(found) != 1:
        raise DataError(
            f"{config.address} holds {' and '.join(found) or 'no data that is known'} among "
            f"{', '.join(names[:5]) or 'nothing'}; {_WANTED}; name what is meant"
        )
    if found == ["Parquet files"]:
        return ParquetSource(config)
    return TarSource(config, cache) if found == ["tar shards"] else LhotseSource(config)


def _is_lhotse(address: str) -> bool:
    """By its first line: a record of ours has turns, a cut or supervision has not."""
    if "supervisions" in posixpath.basename(address):
        return True
    line = first_line(address)
    if not line:
        raise DataError(f"{address} is empty; {_WANTED}")
    try:
        first = json.loads(line)
    except ValueError:
        raise DataError(f"{address}, line 1: this is no JSON; {_WANTED}") from None
    return isinstance(first, dict) and str(first.get("type", "")).endswith("Cut")
