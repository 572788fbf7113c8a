"""Voices of the people in a table: which recordings they are made of, and who has too few."""

from pathlib import Path

import numpy as np
import pytest

from stepwave.checkpoints.voices import read_voices, save_voices
from stepwave.data.records import Clip, Record, Turn
from stepwave.dialogue.loading import load
from stepwave.prepare.own_voices import make_voices
from stepwave.signal.files import write_audio


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Three recordings of Anna, 2.6 s together, and a short one of Ben."""
    said = [("Anna", 0.6), ("Anna", 1.2), ("Anna", 0.8), ("Ben", 0.5)]
    made = []
    for number, (speaker, seconds) in enumerate(said):
        samples = 0.1 * np.random.default_rng(number).standard_normal(round(16_000 * seconds))
        write_audio(tmp_path / f"{number}.wav", samples.astype(np.float32), 16_000)
        clip = Clip(str(number), str(tmp_path / f"{number}.wav"), seconds=seconds, voice=f"own/{speaker}")
        made.append(Record(str(number), "asr", (Turn("human", "", clip, spoken=True),)))
    return made


def test_short_recordings_are_joined_for_a_voice_and_too_little_is_told(
    records: list[Record], tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwave.dialogue.loading.use_threads", lambda count: None)
    model = load(tiny_nano)
    voices, lacking = make_voices(model, records, ["Anna", "Ben", "Cleo"])
    assert [voice.name for voice in voices] == ["Anna"]
    # 2.6 s at 25 codes a second, more than the longest recording alone would give.
    assert 60 <= len(voices[0].prompt_codes) <= 66
    assert [line.split(":")[0] for line in lacking] == ["no voice for Ben", "no voice for Cleo"]
    save_voices(tmp_path / "none", [])
    assert read_voices(tmp_path / "none") == {}
