"""What the batches of a run are like, how they are prepared, and from what."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stepwave.data.collating import GroupLimits
from stepwave.data.documents import Sound
from stepwave.data.mix import Index
from stepwave.data.sources.contract import Source
from stepwave.facts.errors import ConfigError

Policy: TypeAlias = Literal["skip", "stop"]


@dataclass(frozen=True)
class LoaderConfig:
    """What batches are like and how they are prepared."""

    sequence_length: int
    """Positions of a packed sequence."""
    sequences_per_step: int
    """Sequences of a step over all ranks and micro-batches."""
    micro_sequences: int = 1
    """Sequences that a rank computes at once."""
    seed: int = 0
    """Of the order of records."""
    documents: int | None = None
    """Most records in a sequence; 1 for no packing, None for no bound."""
    waiting: int = 32
    """Sequences that are being filled at a time."""
    fixed_length: bool = True
    """Pad every batch to `sequence_length`, as compiled models want it, or only to its longest row."""
    heard: Sound = "frames"
    """What the model gets of sound: stored encoder frames, or log-mels."""
    bands: int = 128
    """Bands of these mels."""
    groups: GroupLimits = field(default_factory=GroupLimits)
    """How pieces of sound are padded together."""
    workers: int = 0
    """Processes that prepare batches beside training; 0 prepares them in between."""
    prefetch: int = 2
    """Micro-batches that each worker prepares ahead."""
    start_method: Literal["fork", "forkserver", "spawn"] | None = None
    """How workers are started; None for fork on Linux, spawn elsewhere. Only fork needs no sources that can be pickled
    and shares their memory."""
    pin_memory: bool = False
    """Put batches into page-locked memory, for training on a GPU."""
    on_bad_record: Policy = "skip"
    """What to do about a record that can't be read or rendered: count it and go on without, or stop and name it."""
    on_long_record: Policy = "skip"
    """The same for records longer than a sequence."""
    most_bad: float = 0.5
    """Share of bad records from which a run stops all the same: then it is no record that is broken."""

    def __post_init__(self) -> None:
        for name in ("sequence_length", "sequences_per_step", "micro_sequences", "waiting", "prefetch", "bands"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} of the loader is {getattr(self, name)}; wanted 1 or more")
        if self.workers < 0 or not 0 < self.most_bad <= 1:
            raise ConfigError(
                f"a loader with {self.workers} workers that bears {self.most_bad:g} bad records; wanted 0 or more "
                "workers, and a share above 0 up to 1"
            )


@dataclass(frozen=True)
class Supply:
    """The sources of one portion of a mix, opened and indexed."""

    task: str
    tokens: float
    """Its weight in the mix."""
    sources: Sequence[Source]
    indexes: Sequence[Index]
    """Which records of each source may be drawn, and how long they are."""

    def __post_init__(self) -> None:
        assert len(self.sources) == len(self.indexes), (self.task, len(self.sources), len(self.indexes))
