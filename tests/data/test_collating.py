"""Batches: where documents and placeholders lie, how sound is grouped, and that grouping changes no result."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stepwave.data.collating import Batch, GroupLimits, SoundGroup, collate
from stepwave.data.documents import Document, valid_frames
from stepwave.data.examples import IGNORED, Example, Heard
from stepwave.data.records import Clip
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import audio_positions, placeholders
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.signal.mel import log_mel

PATCH, PADDING, WIDTH = 7, 0, 4


def document(name: str, before: int, features: Sequence[Tensor] = (), mel: bool = False) -> Document:
    """Some text ids, then each piece of sound between two ids, then one more; labels at the end only."""
    ids = [100 + number for number in range(before)]
    heard = []
    for piece, each in enumerate(features):
        count = audio_positions(((valid_frames(each) + 1) // 2) // 2 if mel else len(each))
        ids.append(1)
        heard.append(Heard(Clip(name), piece, len(ids), count))
        ids += [PATCH] * count + [2]
    labels = [IGNORED] * len(ids)
    return Document(name, Example((*ids, 5), (*labels[:-1], 5, IGNORED), "asr", tuple(heard)), tuple(features))


def frames(length: int, value: float) -> Tensor:
    """Frames that tell whose and which they are."""
    return value + torch.arange(length, dtype=torch.float32)[:, None].expand(length, WIDTH) / 1000


def test_rows_hold_their_documents_one_after_the_other() -> None:
    first, second, third = document("a", 3), document("b", 2), document("c", 1)
    batch = collate([[first, second], [third], []], PADDING, 9)
    assert batch.ids.tolist() == [
        [100, 101, 102, 5, 100, 101, 5, 0, 0],
        [100, 5, 0, 0, 0, 0, 0, 0, 0],
        [0] * 9,
    ]
    assert batch.labels.tolist()[0] == [-100, -100, 5, -100, -100, 5, -100, -100, -100]
    assert batch.segments.tolist() == [[1, 1, 1, 1, 2, 2, 2, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0], [0] * 9]
    assert batch.tasks == (("asr", "asr"), ("asr",), ())
    assert batch.records == (("a", "b"), ("c",), ())
    assert batch.positions == 9
    assert batch.sounds == ()


def test_without_a_length_the_longest_row_decides() -> None:
    assert collate([[document("a", 3)], [document("b", 5)]], PADDING).ids.shape == (2, 6)
    assert collate([[], []], PADDING).ids.shape == (2, 1)


def test_a_row_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 4 positions came; wanted at most 3"):
        collate([[document("a", 3)]], PADDING, 3)


def placed(batch: Batch) -> dict[tuple[int, int], tuple[float, int]]:
    """For every placeholder the value of its piece's first frame, and the adaptor position."""
    found = {}
    for group in batch.sounds:
        for (row, column), (piece, position) in zip(group.rows.T.tolist(), group.sources.T.tolist(), strict=True):
            assert (row, column) not in found
            found[row, column] = (float(group.features[piece, 0, 0]), position)
    return found


def test_every_placeholder_gets_a_position_of_its_own_piece() -> None:
    long, short, other = frames(9, 1.0), frames(4, 2.0), frames(40, 3.0)
    batch = collate([[document("a", 2), document("b", 1, [long, short])], [document("c", 0, [other])]], PADDING)
    places = placed(batch)
    assert sorted(places) == sorted(map(tuple, (batch.ids == PATCH).nonzero().tolist()))
    # Row 0: three ids of "a", 100, a mark; then five placeholders, two marks, two placeholders.
    assert [places[0, column] for column in range(5, 10)] == [(1.0, position) for position in range(5)]
    assert [places[0, column] for column in range(12, 14)] == [(2.0, 0), (2.0, 1)]
    assert [places[1, column] for column in range(1, 21)] == [(3.0, position) for position in range(20)]


def test_a_piece_too_short_for_a_position_is_left_out() -> None:
    batch = collate([[document("a", 1, [frames(0, 1.0), frames(3, 2.0)])]], PADDING)
    assert [group.features.shape[0] for group in batch.sounds] == [1]
    assert set(placed(batch).values()) == {(2.0, 0), (2.0, 1)}


def real(group: SoundGroup) -> int:
    return int(group.lengths.sum())


@given(
    lengths=st.lists(st.integers(1, 625), min_size=1, max_size=25),
    seconds=st.floats(1, 200),
    padding=st.floats(1, 2),
    negligible=st.floats(0, 50),
)
def test_groups_keep_their_limits(lengths: list[int], seconds: float, padding: float, negligible: float) -> None:
    limits = GroupLimits(seconds, padding, negligible)
    pieces = [frames(length, float(number)) for number, length in enumerate(lengths)]
    batch = collate([[document("a", 0, pieces)]], PADDING, None, "frames", limits)
    assert sorted(length for group in batch.sounds for length in group.lengths.tolist()) == sorted(lengths)
    for group in batch.sounds:
        count, longest, _ = group.features.shape
        assert longest == int(group.lengths.max())
        assert count == 1 or count * longest <= seconds * 25
        assert count == 1 or count * longest <= max(padding * real(group), negligible * 25)
        for piece, length in zip(group.features, group.lengths.tolist(), strict=True):
            number = round(float(piece[0, 0]))
            assert torch.equal(piece[:length], pieces[number])
            assert not piece[length:].any()


def test_similar_pieces_share_a_group() -> None:
    pieces = [frames(length, 1.0) for length in (600, 20, 590, 21, 580, 22)]
    batch = collate([[document("a", 0, pieces)]], PADDING, limits=GroupLimits(negligible=0))
    assert [group.lengths.tolist() for group in batch.sounds] == [[600, 590, 580], [22, 21, 20]]


def test_grouped_mels_are_encoded_as_pieces_alone() -> None:
    torch.manual_seed(0)
    encoder = AudioEncoder(EncoderConfig(bands=8, width=16, heads=2, layers=2, positions=100)).eval()
    waves = [np.random.default_rng(n).normal(0, 0.1, n).astype(np.float32) for n in (5200, 5040, 4960, 4801)]
    mels = [log_mel(torch.from_numpy(wave), 8) for wave in waves]
    batch = collate([[document("a", 0, mels, mel=True)]], PADDING, None, "mel", GroupLimits(negligible=100))
    (group,) = batch.sounds
    assert group.kind == "mel"
    assert group.features.shape[2] % 2 == 1
    assert int((batch.ids == PATCH).sum()) == sum(placeholders(len(wave)) for wave in waves)
    with torch.inference_mode():
        together, counts = encoder(group.features, group.lengths)
        for mel, found, count in zip(mels, together, counts.tolist(), strict=True):
            alone, valid = encoder(mel[None], torch.tensor([valid_frames(mel)]))
            assert count == int(valid[0])
            assert torch.allclose(found[:count], alone[0, :count], atol=1e-5)


def test_a_batch_moves_with_everything_in_it() -> None:
    batch = collate([[document("a", 1, [frames(3, 2.0)])]], PADDING).to("meta")
    (group,) = batch.sounds
    tensors = (batch.ids, batch.labels, batch.segments, group.features, group.lengths, group.rows, group.sources)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert batch.records == (("a",),)


@pytest.mark.parametrize("limits", [{"seconds": 0}, {"padding": 0.9}, {"negligible": -1}])
def test_limits_out_of_range_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="groups of"):
        GroupLimits(**limits)
