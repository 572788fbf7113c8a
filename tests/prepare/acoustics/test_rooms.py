"""Rooms: responses begin with the direct sound, decay, and come again for the same draw."""

from random import Random

import numpy as np
import pytest

from stepwave.facts.errors import ConfigError
from stepwave.prepare.acoustics.rooms import Room, Rooms

from .materials import RATE, tone


@pytest.mark.parametrize("kind", ["noise", "shoebox"])
@pytest.mark.filterwarnings("ignore")
def test_a_response_begins_with_the_direct_sound_and_decays(kind: Rooms) -> None:
    if kind == "shoebox":
        pytest.importorskip("pyroomacoustics")
    for seed in range(5):
        room = Room(kind, RATE, Random(seed))
        response = room.response()
        assert response[0] == 1.0
        assert np.isfinite(response).all()
        assert 0.05 * RATE < len(response) <= 0.5 * RATE
        half = len(response) // 2
        assert np.square(response[half:]).sum() < 0.1 * np.square(response[1:half]).sum()
        assert not np.array_equal(response, room.response()[: len(response)])
        assert np.array_equal(response, Room(kind, RATE, Random(seed)).response())


def test_a_sound_rings_on_after_its_end() -> None:
    sound = tone(500, 1.0)
    heard = Room("noise", RATE, Random(0)).heard(sound)
    assert len(heard) > len(sound) + 0.05 * RATE
    assert np.abs(heard[len(sound) : len(sound) + 800]).max() > 0
    assert np.array_equal(Room("none", RATE, Random(0)).heard(sound), sound)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="none, noise, shoebox"):
        Room("cathedral", RATE, Random(0))  # type: ignore[arg-type]
