"""Where speech begins, has lasted and ends in what speakers say, and what can't be said."""

from pathlib import Path

import numpy as np
import pytest

from stepwave.facts.errors import DataError
from stepwave.serving.bench.recordings import as_recording, read_recordings
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.signal.files import write_audio
from stepwave.signal.resample import Samples

RATE = 24_000
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def sound(*parts: tuple[str, float]) -> Samples:
    """Stretches of tone or silence of so many seconds, one after the other [n]."""
    made = []
    for kind, seconds in parts:
        times = np.arange(round(seconds * RATE)) / RATE
        made.append(np.float32(0.3) * np.sin(2 * np.pi * 440 * times).astype(np.float32) * (kind == "tone"))
    return np.concatenate(made)


def test_places_of_speech() -> None:
    found = as_recording("one", sound(("silence", 0.5), ("tone", 1.2), ("silence", 0.7)), TurnSettings())
    assert (found.onset, found.lasted, found.end) == (12_000, 30_000, 40_800)


def test_pauses_do_not_count_as_lasting() -> None:
    speech = sound(("tone", 0.5), ("silence", 0.2), ("tone", 0.5))
    assert as_recording("one", speech, TurnSettings()).lasted == round(0.95 * RATE)


def test_after_a_longer_pause_it_counts_anew() -> None:
    speech = sound(("tone", 0.5), ("silence", 0.35), ("tone", 0.8))
    assert as_recording("one", speech, TurnSettings()).lasted == round(1.6 * RATE)


def test_what_is_short_never_lasts() -> None:
    assert as_recording("one", sound(("tone", 0.7)), TurnSettings()).lasted is None


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        ((("silence", 1.0),), "nothing is said"),
        ((("tone", 0.5), ("silence", 0.45), ("tone", 0.5)), "a pause of 0.45 s"),
    ],
)
def test_what_is_no_single_turn(parts: tuple[tuple[str, float], ...], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        as_recording("one", sound(*parts), TurnSettings())


def test_a_folder_gives_what_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    write_audio(tmp_path / "more" / "good.flac", sound(("tone", 1.0)), RATE)
    write_audio(tmp_path / "paused.wav", sound(("tone", 0.5), ("silence", 0.6), ("tone", 0.5)), RATE)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    usable, left_out = read_recordings(tmp_path)
    assert [one.name for one in usable] == ["more/good.flac"]
    assert sorted(line.split(":")[0] for line in left_out) == ["broken.wav", "paused.wav"]


def test_a_folder_without_any(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no recording in"):
        read_recordings(tmp_path / "nowhere")
    write_audio(tmp_path / "silent.wav", sound(("silence", 1.0)), RATE)
    with pytest.raises(DataError, match="none of the 1 recordings"):
        read_recordings(tmp_path)


def test_the_examples_can_all_be_used_to_interrupt() -> None:
    usable, left_out = read_recordings(EXAMPLES)
    assert left_out == []
    assert len(usable) == 5
    assert all(one.lasted is not None for one in usable)
