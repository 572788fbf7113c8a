"""Reads a record with everything that the model hears and says in it, and renders it.

What is heard comes as stored encoder frames (nano, whose encoder is frozen) or as log-mels of the sound (mini); what is
said comes as stored speech tokens. Batches are `collating`'s work, which record comes when is the plan's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from stepwave.data.examples import Example
from stepwave.data.records import Clip, Record
from stepwave.data.sources.contract import Source
from stepwave.facts.errors import AudioEmptyError, DataError
from stepwave.facts.rates import PIECE_SAMPLES, audio_positions, encoder_frames, valid_mel_frames
from stepwave.signal.mel import log_mel
from stepwave.signal.pieces import cut

Sound: TypeAlias = Literal["frames", "mel"]
"""What the model gets of a recording: encoder frames `[E, width]` at 25 Hz, or a log-mel `[bands, T]` at 100 Hz."""
PIECE_FRAMES: Final = encoder_frames(valid_mel_frames(PIECE_SAMPLES))
"""Encoder frames of a whole piece of 25 s; stored frames of a long clip are those of its pieces, joined."""


class Renders(Protocol):
    """What is asked of a renderer; `data.rendering` has ours."""

    def heard_clips(self, record: Record) -> Sequence[Clip]:
        """Clips whose sound the model hears."""
        ...

    def said_clips(self, record: Record) -> Sequence[Clip]:
        """Clips that the model says, as speech tokens."""
        ...

    def render(
        self, record: Record, pieces: Mapping[str, Sequence[int]], codes: Mapping[str, Sequence[int]]
    ) -> Example:
        """Ids and labels, given placeholders of each piece of a heard clip and codes of a said one, by clip id."""
        ...


@dataclass(frozen=True, eq=False)
class Document:
    """One record, ready to be collated."""

    name: str
    """Its source and id, for messages."""
    example: Example
    features: tuple[Tensor, ...] = ()
    """What is heard, float32, one for each of `example.heard`: frames `[E, width]` or a log-mel `[bands, T]`."""


class DocumentReader:
    """Reads records of any source for one model."""

    def __init__(self, renderer: Renders, heard: Sound, bands: int) -> None:
        """`bands` are those of the encoder's mel; stored frames don't ask for them."""
        self.renderer, self.heard, self.bands = renderer, heard, bands

    def read(self, source: Source, index: int) -> Document:
        """One record of a source.

        Raises DataError (no such record, nothing stored of a clip, a record that does not fit its kind), AudioError.
        """
        record = source.record(index)
        features = {clip.id: self._features(source, clip) for clip in self.renderer.heard_clips(record)}
        counts = {name: [self._positions(piece) for piece in pieces] for name, pieces in features.items()}
        codes = {clip.id: _codes(source, clip) for clip in self.renderer.said_clips(record)}
        example = self.renderer.render(record, counts, codes)
        heard = tuple(features[piece.clip.id][piece.piece] for piece in example.heard)
        for piece, given in zip(example.heard, heard, strict=True):
            assert piece.positions == self._positions(given), (record.id, piece)
        return Document(f"{record.id} of {source.name}", example, heard)

    def _features(self, source: Source, clip: Clip) -> list[Tensor]:
        """Features of each 25 s piece of a clip."""
        if self.heard == "frames":
            return list(torch.split(_stored(source, clip, "frames").float(), PIECE_FRAMES))
        pieces = cut(source.samples(clip))
        if not pieces:
            raise AudioEmptyError(f"clip {clip.id} has no samples; wanted sound: leave the record out")
        return [log_mel(torch.from_numpy(piece), self.bands) for piece in pieces]

    def _positions(self, features: Tensor) -> int:
        if self.heard == "frames":
            return audio_positions(len(features))
        return audio_positions(encoder_frames(valid_frames(features)))


def valid_frames(mel: Tensor) -> int:
    """Frames of a log-mel `[bands, T]` that count as heard: those of the padding on the right do not."""
    return mel.shape[-1] - 2


def _codes(source: Source, clip: Clip) -> list[int]:
    codes: list[int] = _stored(source, clip, "codes").tolist()
    return codes


def _stored(source: Source, clip: Clip, what: str) -> Tensor:
    tensor = source.tensor(f"{clip.id}.{what}")
    if tensor is None or not len(tensor):
        raise DataError(
            f"clip {clip.id} has no {what} in {source.name}; run `stepwave prepare tokenise` with --what {what} on it "
            "and train on what that makes"
        )
    return tensor
