"""Documents to the tensors of one batch: ids, labels, which document a position belongs to, and the sound.

Pieces of sound are padded together with others of similar length, so that short ones cost little beside long ones.
Nothing is read or rendered here.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.data.documents import Document, Sound, valid_frames
from stepwave.data.examples import IGNORED
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import ENCODER_RATE, INPUT_SAMPLE_RATE, MEL_HOP


@dataclass(frozen=True)
class GroupLimits:
    """How pieces of sound are put together."""

    seconds: float = 400.0
    """Most sound in a group, padding included; what encoder and adaptor take at once."""
    padding: float = 1.25
    """Most of (padded length / real length) in a group."""
    negligible: float = 30.0
    """A group up to these seconds, padding included, may be padded more: few large steps beat many small ones."""

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.padding < 1 or self.negligible < 0:
            raise ConfigError(
                f"groups of {self.seconds:g} s padded {self.padding:g} times, {self.negligible:g} s negligible; wanted "
                "more than 0 s, 1 or more, and 0 s or more"
            )


@dataclass(frozen=True, eq=False)
class SoundGroup:
    """Pieces of similar length and where their positions stand in the batch."""

    kind: Sound
    features: Tensor
    """`[k, E, width]` encoder frames, or `[k, bands, T]` log-mels, float32; 0.0 where a piece is over."""
    lengths: Tensor
    """Valid encoder frames, or valid mel frames (T - 2 of a piece alone), of each piece `[k]`."""
    rows: Tensor
    """Row and column in the batch of every placeholder `[2, p]`."""
    sources: Tensor
    """Piece in the group and adaptor position that each of them gets `[2, p]`."""

    def changed(self, change: Callable[[Tensor], Tensor]) -> "SoundGroup":
        """The group with each of its tensors changed."""
        return replace(
            self,
            features=change(self.features),
            lengths=change(self.lengths),
            rows=change(self.rows),
            sources=change(self.sources),
        )


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of packed documents. A row whose documents were all skipped is padding only."""

    ids: Tensor
    """`[b, s]`; padded on the right."""
    labels: Tensor
    """Already shifted `[b, s]`; `IGNORED` where nothing is to be learnt."""
    segments: Tensor
    """Which document of its row a position belongs to, from 1; 0 for padding `[b, s]`."""
    sounds: tuple[SoundGroup, ...]
    """What is heard, if anything is; how many groups there are differs from batch to batch."""
    tasks: tuple[tuple[str, ...], ...]
    """Task of each document of each row; segment n is the (n - 1)th."""
    records: tuple[tuple[str, ...], ...]
    """Name of each document of each row."""
    positions: int
    """Positions that are not padding."""
    skipped: Counter[str] = field(default_factory=Counter)
    """How many records were left out while the batch was made, by task and reason."""
    problems: tuple[str, ...] = ()
    """What was wrong with them, one line each."""

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        """The batch on a device."""
        return self._changed(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Batch":
        """The batch in page-locked memory, from which it gets to a GPU beside other work."""
        return self._changed(lambda tensor: tensor.pin_memory())

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        return replace(
            self,
            ids=change(self.ids),
            labels=change(self.labels),
            segments=change(self.segments),
            sounds=tuple(group.changed(change) for group in self.sounds),
        )


def collate(
    rows: Sequence[Sequence[Document]],
    padding: int,
    length: int | None = None,
    heard: Sound = "frames",
    limits: GroupLimits | None = None,
    skipped: Mapping[str, int] | None = None,
    problems: Sequence[str] = (),
) -> Batch:
    """Put the documents of each row one after the other and pad the rows with the id `padding`.

    Args:
        rows: documents of each row; a row may be empty.
        padding: an id; its embedding matters to nothing.
        length: positions of every row, the same for every batch where a model is compiled; None for the longest row.
        heard: what the documents' features are.
        limits: how pieces of sound are grouped.
        skipped: records that were left out, by task and reason.
        problems: what was wrong with them.

    Raises:
        ValueError: a row is longer than `length`.
    """
    lengths = [sum(len(document.example.ids) for document in row) for row in rows]
    longest = max(lengths, default=0)
    width = max(1, longest) if length is None else length
    if longest > width:
        raise ValueError(f"a row of {longest} positions came; wanted at most {width}")
    ids = torch.full((len(rows), width), padding)
    labels = torch.full((len(rows), width), IGNORED)
    segments = torch.zeros(len(rows), width, dtype=torch.long)
    pieces: list[_Piece] = []
    for number, row in enumerate(rows):
        start = 0
        for segment, document in enumerate(row, 1):
            example = document.example
            stop = start + len(example.ids)
            ids[number, start:stop] = torch.tensor(example.ids)
            labels[number, start:stop] = torch.tensor(example.labels)
            segments[number, start:stop] = segment
            for place, features in zip(example.heard, document.features, strict=True):
                if place.positions:  # 20 ms or less become no position at all
                    pieces.append(_Piece(features, number, start + place.start, place.positions))
            start = stop
    return Batch(
        ids,
        labels,
        segments,
        tuple(_padded(group, heard) for group in _grouped(pieces, heard, limits or GroupLimits())),
        tuple(tuple(document.example.task for document in row) for row in rows),
        tuple(tuple(document.name for document in row) for row in rows),
        sum(lengths),
        Counter(skipped or {}),
        tuple(problems),
    )


@dataclass(frozen=True, eq=False)
class _Piece:
    """Features of a piece of sound, and the first of its placeholders."""

    features: Tensor
    row: int
    column: int
    positions: int


def _grouped(pieces: Sequence[_Piece], heard: Sound, limits: GroupLimits) -> list[list[_Piece]]:
    """Cut the pieces, longest first, where a group would become too large or too much of it padding."""
    rate = ENCODER_RATE if heard == "frames" else INPUT_SAMPLE_RATE // MEL_HOP
    groups: list[list[_Piece]] = []
    real = 0
    for piece in sorted(pieces, key=lambda each: -_frames(each, heard)):
        frames = _frames(piece, heard)
        if groups:
            padded = _frames(groups[-1][0], heard) * (len(groups[-1]) + 1)
            most = max(limits.padding * (real + frames), limits.negligible * rate)
            if padded <= min(most, limits.seconds * rate):
                groups[-1].append(piece)
                real += frames
                continue
        groups.append([piece])
        real = frames
    return groups


def _frames(piece: _Piece, heard: Sound) -> int:
    return piece.features.shape[0 if heard == "frames" else 1]


def _padded(pieces: Sequence[_Piece], heard: Sound) -> SoundGroup:
    longest = _frames(pieces[0], heard)
    rows, sources = [], []
    for number, piece in enumerate(pieces):
        places = torch.arange(piece.positions)
        rows.append(torch.stack([torch.full_like(places, piece.row), places + piece.column]))
        sources.append(torch.stack([torch.full_like(places, number), places]))
    if heard == "frames":
        features = [F.pad(piece.features, (0, 0, 0, longest - len(piece.features))) for piece in pieces]
        lengths = [len(piece.features) for piece in pieces]
    else:
        # The encoder attends to as many states as of a piece alone only where the padded length is odd: it tests every
        # second mel frame, and which ones depends on that length (`models.encoder.attended_states`).
        longest += 1 - longest % 2
        features = [F.pad(piece.features, (0, longest - piece.features.shape[1])) for piece in pieces]
        lengths = [valid_frames(piece.features) for piece in pieces]
    return SoundGroup(heard, torch.stack(features), torch.tensor(lengths), torch.cat(rows, 1), torch.cat(sources, 1))
