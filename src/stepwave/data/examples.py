"""What a record becomes before it is packed: ids, shifted labels, and where sound stands among them.

`rendering` makes examples, `packing` and `collating` put them together as batches.
"""

from dataclasses import dataclass

from stepwave.data.records import Clip

IGNORED = -100
"""Label of positions that carry no loss."""


@dataclass(frozen=True)
class Heard:
    """One piece (at most 25 s) of a clip, and the placeholders that its adaptor outputs replace."""

    clip: Clip
    piece: int
    """Which 25 s piece of the clip, from 0."""
    start: int
    """Index in the example's ids of the first placeholder."""
    positions: int
    """Number of placeholders, 12.5 a second."""


@dataclass(frozen=True)
class Example:
    """One record as token ids."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    """Already shifted: what the model should say after reading `ids[t]`, or `IGNORED`; as long as `ids`."""
    task: str
    """The record's kind; losses are reported by it."""
    heard: tuple[Heard, ...] = ()
    """Pieces of sound in the order of their placeholders."""

    def __post_init__(self) -> None:
        assert len(self.ids) == len(self.labels), (len(self.ids), len(self.labels))
