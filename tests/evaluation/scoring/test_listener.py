from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.scoring.listener import Listener, NoListener, RememberingListener
from stepwave.signal.resample import Samples


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


def test_a_language_of_its_own_is_heard_by_itself(tmp_path: Path) -> None:
    class Languages:
        name = "languages"

        def hear(self, samples: Samples, language: str = "en") -> str:
            return language

    path = tmp_path / "heard.jsonl"
    sound = np.ones(3_200, np.float32)
    remembering = RememberingListener(Languages(), path)
    assert [remembering.hear(sound, "zh"), remembering.hear(sound)] == ["zh", "en"]
    assert RememberingListener(Languages(), path).hear(sound, "zh") == "zh"


def test_what_was_heard_before_there_were_languages_counts_as_english(
    tmp_path: Path, listener_of: Callable[[dict[int, str]], Listener]
) -> None:
    path = tmp_path / "heard.jsonl"
    RememberingListener(listener_of({2: "two"}), path).hear(np.ones(3_200, np.float32))
    old = path.read_text().replace('"language": "en", ', "")
    assert "language" not in old
    path.write_text(old)
    assert RememberingListener(listener_of({}), path).hear(np.ones(3_200, np.float32)) == "two"


def test_without_a_listener_nothing_is_heard_and_nothing_made_up() -> None:
    with pytest.raises(UnscorableError, match="there is no listener: no folder"):
        NoListener("no folder").hear(np.ones(3_200, np.float32))
