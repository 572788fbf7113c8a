"""The examples of docs/python.md, run as they stand: on the tiny model always, on nano where it is trained."""

import doctest
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "python.md"


@pytest.fixture(params=["tiny", "nano"])
def nano_folder(request: pytest.FixtureRequest, tiny_nano: Path) -> Path:
    """The folder that `nano` stands for."""
    if request.param == "tiny":
        return tiny_nano
    folder = ROOT / "models" / "nano"
    if not (folder / "config.json").is_file():
        pytest.skip("models/nano is not trained yet (no config.json); see docs/nano.md")
    return folder


def test_the_examples_run(nano_folder: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwave.checkpoints.locate.nano_folders", lambda: [nano_folder])
    monkeypatch.setattr("stepwave.dialogue.loading.use_threads", lambda count: None)
    recorded = ROOT / "examples" / "question.wav"
    if recorded.is_file():
        samples, rate = soundfile.read(recorded)
    else:
        samples, rate = 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000
    soundfile.write(here / "question.wav", samples, rate)
    soundfile.write(here / "speaker.wav", np.tile(samples, 3), rate)
    tests = doctest.DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8"), {}, "python.md", str(PAGE), 0)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    result = runner.run(tests, out=told.append)
    assert result.attempted > 20
    assert result.failed == 0, "".join(told)
