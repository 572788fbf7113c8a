from collections.abc import Callable
from pathlib import Path

import numpy as np

from stepwave.evaluation.scoring.listener import Listener, RememberingListener


def test_a_sound_is_listened_to_once(tmp_path: Path, listener_of: Callable[[dict[int, str]], Listener]) -> None:
    ears = listener_of({2: "two", 3: "three"})
    path = tmp_path / "heard.jsonl"
    remembering = RememberingListener(ears, path)
    short, long = np.ones(3_200, np.float32), np.ones(4_800, np.float32)
    assert [remembering.hear(each) for each in (short, long, short)] == ["two", "three", "two"]
    deaf = listener_of({})
    assert RememberingListener(deaf, path).hear(long) == "three"


def test_another_listener_listens_anew(tmp_path: Path, listener_of: Callable[[dict[int, str]], Listener]) -> None:
    path = tmp_path / "heard.jsonl"
    RememberingListener(listener_of({2: "two"}), path).hear(np.ones(3_200, np.float32))
    other = listener_of({2: "too"})
    other.name = "other ears"
    assert RememberingListener(other, path).hear(np.ones(3_200, np.float32)) == "too"


def test_what_is_too_short_for_a_word_is_silence(
    tmp_path: Path, listener_of: Callable[[dict[int, str]], Listener]
) -> None:
    assert RememberingListener(listener_of({}), tmp_path / "heard.jsonl").hear(np.ones(1_599, np.float32)) == ""
