"""The encoder's training heads: what is not known counts nothing, padding changes nothing, sizes are refused."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.models.audio_heads import UNKNOWN, AudioHeads, AudioHeadsConfig, AudioTargets

SIZES = AudioHeadsConfig(width=12, labels=5, ages=4, genders=2, events=3)
LENGTHS = torch.tensor([9, 7, 5])


@pytest.fixture
def heads() -> AudioHeads:
    torch.manual_seed(0)
    return AudioHeads(SIZES)


@pytest.fixture
def frames() -> Tensor:
    return torch.randn(3, 9, 12, generator=torch.Generator().manual_seed(1))


def unknown(rows: int = 3, count: int = 9) -> AudioTargets:
    return AudioTargets(
        words=torch.zeros(0, dtype=torch.long),
        word_counts=torch.zeros(rows, dtype=torch.long),
        ages=torch.zeros(rows, 4, dtype=torch.bool),
        genders=torch.full((rows,), UNKNOWN),
        events=torch.zeros(rows, 3, dtype=torch.bool),
        events_known=torch.zeros(rows, dtype=torch.bool),
        event_frames=torch.zeros(rows, count, 3, dtype=torch.bool),
        event_frames_known=torch.zeros(rows, dtype=torch.bool),
    )


def one_known(task: str, row: int = 1) -> AudioTargets:
    """Targets that know one thing of one row."""
    only = torch.arange(3) == row
    match task:
        case "words":
            return replace(unknown(), words=torch.tensor([2, 2, 5]), word_counts=3 * only.long())
        case "ages":
            return replace(unknown(), ages=only[:, None] & torch.tensor([False, True, True, False]))
        case "genders":
            return replace(unknown(), genders=torch.where(only, 1, UNKNOWN))
        case "events":
            return replace(unknown(), events=only[:, None] & torch.tensor([True, False, False]), events_known=only)
    moments = torch.zeros(3, 9, 3, dtype=torch.bool)
    moments[row, 2:5, 0] = True
    return replace(one_known("events", row), event_frames=moments, event_frames_known=only)


TASKS = ("words", "ages", "genders", "events", "event_frames")


def test_shapes_and_absent_heads(heads: AudioHeads, frames: Tensor) -> None:
    scores = heads(frames, LENGTHS)
    assert scores.words.shape == (3, 18, 6)
    assert (scores.ages.shape, scores.genders.shape, scores.events.shape) == ((3, 4), (3, 2), (3, 3))
    assert scores.event_frames.shape == (3, 9, 3)
    torch.testing.assert_close(scores.words.exp().sum(-1), torch.ones(3, 18))
    few = AudioHeads(AudioHeadsConfig(width=12, genders=2))
    scores = few(frames, LENGTHS)
    assert scores.genders is not None
    assert scores.words is scores.ages is scores.events is scores.event_frames is None
    assert set(few.losses(frames, LENGTHS, one_known("words"))) == set()


@pytest.mark.parametrize("task", TASKS)
def test_only_what_is_known_is_learnt_from(heads: AudioHeads, frames: Tensor, task: str) -> None:
    frames.requires_grad_()
    losses = heads.losses(frames, LENGTHS, one_known(task))
    assert task in losses
    assert set(losses) <= {task, "events"}
    losses[task].backward()
    assert frames.grad is not None
    assert torch.equal(frames.grad[[0, 2]], torch.zeros(2, 9, 12))
    assert torch.equal(frames.grad[1, 7:], torch.zeros(2, 12))
    assert frames.grad[1, :7].abs().sum() > 0
    head = "events" if task == "event_frames" else task
    moved = {name.split(".")[0] for name, parameter in heads.named_parameters() if parameter.grad is not None}
    assert moved == {head}


def test_what_nobody_knows_gives_no_loss(heads: AudioHeads, frames: Tensor) -> None:
    assert heads.losses(frames, LENGTHS, unknown()) == {}


@pytest.mark.parametrize("task", TASKS)
def test_neither_padding_nor_other_rows_change_a_loss(heads: AudioHeads, frames: Tensor, task: str) -> None:
    targets = one_known(task)
    batched = heads.losses(frames, LENGTHS, targets)[task]
    alone = {name: value if name == "words" else value[1:2] for name, value in vars(targets).items()}
    alone["event_frames"] = alone["event_frames"][:, :7]
    single = heads.losses(frames[1:2, :7], LENGTHS[1:2], AudioTargets(**alone))[task]
    torch.testing.assert_close(batched, single)
    scores, apart = heads(frames, LENGTHS), heads(frames[1:2, :7], LENGTHS[1:2])
    for name in ("ages", "genders", "events"):
        torch.testing.assert_close(getattr(scores, name)[1:2], getattr(apart, name))


def test_any_band_that_may_be_right_is_right(heads: AudioHeads, frames: Tensor) -> None:
    every = replace(unknown(), ages=torch.ones(3, 4, dtype=torch.bool))
    torch.testing.assert_close(heads.losses(frames, LENGTHS, every)["ages"], torch.zeros(()), atol=1e-6, rtol=0)
    scores = heads(frames, LENGTHS).ages.exp()
    two = one_known("ages")
    expected = -(scores[1, 1] + scores[1, 2]).log()
    torch.testing.assert_close(heads.losses(frames, LENGTHS, two)["ages"], expected)


def test_words_too_quick_for_their_frames_count_nothing(heads: AudioHeads, frames: Tensor) -> None:
    quick = replace(unknown(), words=torch.full((30,), 3), word_counts=torch.tensor([0, 30, 0]))
    loss = heads.losses(frames, LENGTHS, quick)["words"]
    assert loss == 0


def test_each_head_can_learn(heads: AudioHeads, frames: Tensor) -> None:
    optimiser = torch.optim.Adam(heads.parameters(), 0.05)
    targets = [one_known(task, row) for task in TASKS for row in range(3)]

    def total() -> Tensor:
        return torch.stack([loss for each in targets for loss in heads.losses(frames, LENGTHS, each).values()]).sum()

    before = total()
    for _ in range(60):
        optimiser.zero_grad()
        total().backward()
        optimiser.step()
    assert total() < 0.2 * before


@pytest.mark.parametrize("sizes", [{"labels": 0}, {"labels": -1}, {"width": 0, "labels": 3}, {"labels_per_frame": 0}])
def test_bad_sizes_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="at least one head"):
        AudioHeadsConfig(**{"width": 12, **sizes})
