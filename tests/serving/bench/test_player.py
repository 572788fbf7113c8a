"""What a client would have heard, reckoned from when sound arrived."""

import pytest

from stepwave.serving.bench.player import Player


def played(*arrivals: tuple[float, float], end: float) -> Player:
    """After so many seconds of sound at each time."""
    player = Player()
    for at, seconds in arrivals:
        player.push(at, seconds)
    player.end(end)
    return player


def test_it_starts_when_enough_waits() -> None:
    player = Player()
    player.push(10.0, 0.08)
    assert (player.started_at, player.ends_at) == (None, None)
    player.push(10.3, 0.04)
    assert player.started_at == 10.3
    assert player.ends_at == pytest.approx(10.42)


def test_a_short_answer_starts_when_it_is_complete() -> None:
    player = played((10.0, 0.08), end=10.5)
    assert player.started_at == 10.5
    assert player.ends_at == pytest.approx(10.58)
    assert player.underruns == []


def test_sound_in_time_leaves_no_gap() -> None:
    player = played((0.0, 0.2), (0.1, 0.2), (0.4, 0.2), end=0.5)
    assert player.underruns == []
    assert player.ends_at == pytest.approx(0.6)


def test_a_gap_is_as_long_as_the_sound_is_late() -> None:
    player = played((0.0, 0.2), (1.0, 0.3), end=1.1)
    assert player.underruns == pytest.approx([0.8])
    assert player.ends_at == pytest.approx(1.3)


def test_after_each_gap_more_must_wait() -> None:
    # 0.18 s after the first gap, so that the second piece of 0.1 s must come too.
    player = played((0.0, 0.2), (1.0, 0.1), (1.1, 0.1), (2.0, 0.2), (2.1, 0.1), end=3.0)
    assert player.underruns == pytest.approx([0.9, 0.8])


def test_running_dry_at_the_end_is_no_gap() -> None:
    player = played((0.0, 0.2), end=5.0)
    assert player.underruns == []
    assert player.ends_at == pytest.approx(0.2)


def test_stopping_tells_what_was_heard() -> None:
    player = Player()
    player.push(0.0, 1.0)
    assert player.stop(0.3) == pytest.approx(0.3)
    assert player.underruns == []


def test_stopping_within_a_gap() -> None:
    player = Player()
    player.push(0.0, 0.2)
    player.push(0.7, 0.1)
    assert player.stop(0.9) == pytest.approx(0.2)
    assert player.underruns == pytest.approx([0.7])
