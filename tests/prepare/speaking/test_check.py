import numpy as np
import pytest

from stepwave.prepare.reading_along import Heard
from stepwave.prepare.speaking.check import listen


class Ear:
    name = "ear"

    def __init__(self, text: str, complete: bool = True) -> None:
        self.heard = Heard(text, complete)
        self.lengths: list[int] = []

    def hear(self, samples: np.ndarray, expected: str, language: str) -> Heard:
        self.lengths.append(len(samples))
        return self.heard


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("The woodcutters of the town.", "the wood cutters of the town", 0),
        ("All right. How is this?", "Alright, how is this?", 0),
        ("Five plus three is eight.", "5 + 3 is 8.", 0),
        ("What's my name?", "What's mining?", 2),
        ("Now cat.", "No cat.", 1),
    ],
)
def test_only_what_sounds_otherwise_is_an_error(said: str, heard: str, errors: int) -> None:
    assert listen(Ear(heard), np.zeros(24_000, np.float32), said, "en").errors.errors == errors


def test_what_was_given_up_does_not_pass() -> None:
    sound = np.zeros(24_000, np.float32)
    assert listen(Ear("four words in all"), sound, "four words in all", "en").passes(0.0)
    assert not listen(Ear("four words in all", complete=False), sound, "four words in all", "en").passes(0.0)
    assert not listen(Ear("four words in"), sound, "four words in all", "en").passes(0.2)
    assert listen(Ear("four words in"), sound, "four words in all", "en").passes(0.25)


def test_ears_get_16_khz_and_nothing_too_long() -> None:
    ear = Ear("text")
    listen(ear, np.zeros(48_000, np.float32), "text", "en")
    assert ear.lengths == [32_000]
    assert not listen(ear, np.zeros(30 * 24_000, np.float32), "text", "en").passes(1.0)
    assert ear.lengths == [32_000]
