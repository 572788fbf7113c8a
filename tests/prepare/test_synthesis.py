"""Speaking a list of texts: each once, whole files only, what cannot be used is counted. The engine is a fake."""

from pathlib import Path

import numpy as np
import pytest

from stepwave.prepare import synthesis
from stepwave.prepare.starting_points import StartingPointError, StartingPoints
from stepwave.prepare.synthesis import SynthesisReport, Utterance, synthesise
from stepwave.signal.files import read_audio


class Tone:
    """Says a text as a tone of a tenth of a second per letter."""

    def speak(self, text: str, speed: float = 1.0) -> np.ndarray:
        if "unspeakable" in text:
            raise StartingPointError("no phonemes")
        time = np.arange(int(len(text) * 2_400 / speed)) / 24_000
        return (0.9 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)


class Bank:
    def __init__(self, points: StartingPoints) -> None:
        assert points.folder.name == "starting"

    def __getitem__(self, name: str) -> Tone:
        return Tone()


def speak(utterances: list[Utterance], folder: Path, monkeypatch: pytest.MonkeyPatch) -> SynthesisReport:
    monkeypatch.setattr(synthesis, "VoiceBank", Bank)
    reports = list(synthesise(utterances, folder, StartingPoints(folder / "starting"), processes=1))
    return reports[-1]


def test_everything_is_spoken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utterances = [Utterance(f"Sentence {'x' * count}", "tone/a") for count in range(12)]
    first = speak([*utterances, utterances[0]], tmp_path, monkeypatch)
    assert (first.spoken, first.there_already, first.dropped) == (12, 0, None)
    sound = read_audio(utterances[3].path(tmp_path), sample_rate=None)
    assert sound.sample_rate == 24_000
    assert np.abs(sound.samples).max() == pytest.approx(0.7, abs=1e-3)
    assert list(tmp_path.rglob("*.flac"))
    assert not list(tmp_path.rglob("*.partial"))
    second = speak(utterances, tmp_path, monkeypatch)
    assert (second.spoken, second.there_already) == (0, 12)


def test_what_cannot_be_used_is_counted_by_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utterances = [Utterance("ok now", "tone/a"), Utterance("a", "tone/a"), Utterance("l" * 250, "tone/a"),
                  Utterance("unspeakable", "tone/a")]  # fmt: skip
    report = speak(utterances, tmp_path, monkeypatch)
    assert report.spoken == 1
    assert report.dropped == {"too short": 1, "too long": 1, "StartingPointError": 1}
    assert len(list(tmp_path.rglob("*.flac"))) == 1


def test_an_id_is_made_of_voice_speed_and_text_but_not_of_the_use() -> None:
    one = Utterance("Hello.", "tone/a", 1.0, "tts")
    assert one.id == Utterance("Hello.", "tone/a", 1.0, "asr").id
    assert len({one.id, Utterance("Hello.", "tone/b").id, Utterance("Hello.", "tone/a", 1.1).id}) == 3
