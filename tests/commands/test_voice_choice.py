"""`--voice NAME`: stored, a file, or of a library, in this order."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.commands.voice_choice import chosen_voice
from stepwave.dialogue.loading import load
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.errors import ConfigError
from stepwave.tools.voices.opening import open_libraries

Program = Callable[..., Any]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def talker(tiny_nano: Path) -> Stepwave:
    return load(str(tiny_nano))


def test_a_stored_voice_goes_before_a_file_and_a_file_before_a_library(talker: Stepwave) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * 24_000)
    for name in ("alice", "arthur"):  # the project's library has both
        soundfile.write(f"{name}.wav", noise, 24_000)
        Path(f"{name}.wav").rename(name)
    assert chosen_voice(talker, "alice") is talker.voice("alice")
    assert chosen_voice(talker, "arthur") is talker.voice(Path("arthur"))
    Path("arthur").unlink()
    library = open_libraries()[-1]
    entry = library.store.get("arthur")
    assert entry is not None
    assert chosen_voice(talker, "arthur") is talker.voice(library.clip(entry))
    alice = library.store.get("alice")
    assert alice is not None
    assert chosen_voice(talker, "library:alice") is talker.voice(library.clip(alice))
    library.store.close()
    assert chosen_voice(talker, None) is talker.voice()


def test_what_nobody_knows_is_told_with_some_voices(talker: Stepwave, monkeypatch: pytest.MonkeyPatch) -> None:
    told = r"no voice 'nobody', and no file of that name; stored voices: alice, bob"
    with pytest.raises(ConfigError, match=rf"{told}; in libraries: arthur, rose, .* and others \(`stepwave voices"):
        chosen_voice(talker, "nobody")
    monkeypatch.setattr("stepwave.tools.voices.opening.demo_folder", lambda: None)
    with pytest.raises(ConfigError, match=f"{told}$"):
        chosen_voice(talker, "nobody")


def test_commands_speak_in_a_librarys_voice(program: Program, tiny_nano: Path) -> None:
    soundfile.write("question.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    for arguments in (("say", "Hello.", "-o", "a.wav"), ("reply", "question.wav", "-o", "b.wav")):
        outcome = program(*arguments, "-m", tiny_nano, "--voice", "rose")
        assert outcome.code == 0, outcome.err
        assert soundfile.info(arguments[-1]).duration > 0
        assert "no voice 'nobody'" in program(*arguments, "-m", tiny_nano, "--voice", "nobody").complaint
