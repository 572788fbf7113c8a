import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stepwave.evaluation.items import Sound
from stepwave.evaluation.reporting import sounds
from stepwave.evaluation.reporting.sounds import Sounds
from stepwave.signal.files import write_audio


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Two seconds that grow louder, at 24 kHz, in a folder with a name that has to be quoted."""
    (tmp_path / "a run#1").mkdir()
    path = tmp_path / "a run#1" / "javascript:x.wav"
    write_audio(path, np.linspace(0, 0.5, 48_000, dtype=np.float32) * np.sin(np.arange(48_000) * 0.1), 24_000)
    return path


def source(player: str) -> str:
    (found,) = re.findall(r'src="([^"]*)"', player)
    return str(found)


def seconds(uri: str) -> float:
    assert uri.startswith("data:audio/ogg;base64,")
    with soundfile.SoundFile(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as file:
        return float(file.frames / file.samplerate)


def test_a_sound_is_embedded_whole_or_as_its_stretch(wav: Path, tmp_path: Path) -> None:
    made = Sounds(tmp_path / "page", "auto")
    assert seconds(source(made.question(Sound(str(wav)), "q"))) == pytest.approx(2, abs=0.05)
    assert seconds(source(made.question(Sound(str(wav), start=0.5, seconds=0.75), "q"))) == pytest.approx(
        0.75, abs=0.05
    )
    assert (made.embedded, made.linked, made.missing) == (2, 0, 0)


def test_a_link_is_a_relative_path_and_nothing_else(wav: Path, tmp_path: Path) -> None:
    made = Sounds(tmp_path / "page", "link")
    assert source(made.question(Sound(str(wav)), "q")) == "../a%20run%231/javascript%3Ax.wav"
    assert source(made.question(Sound(str(wav), start=1.5, seconds=0.25), "q")).endswith("x.wav#t=1.5,1.75")
    assert made.linked == 2


def test_what_is_too_much_for_the_page_is_linked(wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(source(Sounds(tmp_path, "auto").question(Sound(str(wav)), "q")))
    made = Sounds(tmp_path, "auto", limit=2 * size)
    for _ in range(4):
        made.question(Sound(str(wav)), "q")
    assert (made.embedded, made.linked) == (2, 2)
    monkeypatch.setattr(sounds, "LONGEST_SECONDS", 1.0)
    assert "data:" not in Sounds(tmp_path, "auto").question(Sound(str(wav)), "q")
    assert seconds(source(Sounds(tmp_path, "embed").question(Sound(str(wav)), "q"))) == pytest.approx(1, abs=0.05)


def test_opus_is_embedded_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.opus"
    soundfile.write(path, np.zeros(24_000), 24_000, format="OGG", subtype="OPUS")
    uri = source(Sounds(tmp_path, "auto").question(Sound(str(path)), "q"))
    assert base64.b64decode(uri.partition(",")[2]) == path.read_bytes()


def test_what_cant_be_played_is_missing_with_the_reason(wav: Path, tmp_path: Path) -> None:
    made = Sounds(tmp_path, "auto")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "broken.wav").write_bytes(b"RIFF not a sound")
    run = wav.parent
    for player, reason in (
        (made.question(Sound("<nowhere>.wav"), "q"), "&lt;nowhere&gt;.wav is not there"),
        (made.question(Sound(str(tmp_path / "secret.txt")), "q"), "is not there"),
        (made.question(Sound(str(tmp_path / "broken.wav")), "q"), "broken.wav"),
        (made.answer(run, "../broken.wav", "a"), "outside the run"),
        (made.answer(run, str(tmp_path / "broken.wav"), "a"), "outside the run"),
        (made.answer(run, "gone.wav", "a"), "is not there"),
    ):
        assert "<audio" not in player
        assert reason in player
    assert (made.embedded, made.linked, made.missing) == (0, 0, 6)
    assert "<audio" in made.answer(run, wav.name, "a")
    assert Sounds(tmp_path, "none").answer(run, wav.name, "a") == ""
