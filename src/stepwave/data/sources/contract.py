"""What a source of records is, and how one is declared in a recipe."""

from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from stepwave.data.records import Clip, Kind, Record
from stepwave.facts.errors import ConfigError
from stepwave.signal.resample import Samples


@dataclass(frozen=True)
class SourceConfig:
    """A source as a recipe declares it."""

    address: str
    """A finished step's folder or a manifest (`runs/x/manifest.jsonl`), Lhotse's cuts (`cuts.jsonl.gz`), tar shards in
    WebDataset's layout (`shards-{000..099}.tar`), Parquet files (`*.parquet`); a path or an fsspec address."""
    kind: Kind | None = None
    """What plain entries (a sound with its words) become: `asr`, `tts`, ...; records that tell their kind keep it."""
    kinds: tuple[Kind, ...] = ()
    """Keep only records of these kinds; empty for all."""
    split: str | None = "train"
    """Keep only records of this split; None for all."""
    columns: dict[str, str] = field(default_factory=dict)
    """Where a Parquet file's or a tar's entries keep what we call `audio`, `text`, `language`, `speaker`, `id`, if they
    use other names."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.columns) - {"audio", "text", "language", "speaker", "id"})
        if not self.address or unknown:
            raise ConfigError(
                f"source {self.address!r} renames {', '.join(unknown) or 'nothing'}; wanted an address, and new names "
                "for audio, text, language, speaker, id only"
            )


class Source(Protocol):
    """Records in a fixed order, each of which can be read alone."""

    name: str
    """Its address, for messages."""

    def __len__(self) -> int: ...

    def record(self, index: int) -> Record:
        """One record. Raises DataError with the source's name and the record's place for one that can't be read."""
        ...

    def samples(self, clip: Clip) -> Samples:
        """The sound of a clip of one of its records, float32 `[n]` at 16 kHz. Raises AudioError."""
        ...

    def tensor(self, name: str) -> Tensor | None:
        """What was computed of a clip beforehand (`CLIP.codes`, `CLIP.frames`; see `prepare.tokenise`), if it was."""
        ...

    def length(self, name: str) -> int | None:
        """First dimension of such a tensor, without reading it."""
        ...
