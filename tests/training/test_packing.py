"""Putting nano together: the voices it is given, and a clear word where a part is not trained yet."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stepwave.checkpoints.voices import read_voices, save_voices
from stepwave.data.recordings import Recording, write_recordings
from stepwave.data.store import StoreWriter
from stepwave.facts.errors import ConfigError
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.signal.files import write_audio
from stepwave.training.packing import VOICES, built_in_voices, keep_logs, load_trained

ASSISTANT = next(iter(VOICES.values()))
CODES = {"short": 12, "fits": 45, "long": 90}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The assistant's voice in three recordings of which one is fit for a prompt; a second voice in a short one."""
    noise = np.random.default_rng(0)
    recordings = []
    with StoreWriter(tmp_path / "codes") as codes, StoreWriter(tmp_path / "speakers") as speakers:
        for name, count in CODES.items():
            path = tmp_path / f"{name}.wav"
            write_audio(path, noise.uniform(-0.1, 0.1, count * 960).astype(np.float32), 24_000)
            recordings.append(Recording(name, str(path), name, "tts", ASSISTANT))
            codes.add(f"{name}.codes", torch.full((count,), count, dtype=torch.int16))
        recordings.append(Recording("other", str(tmp_path / "short.wav"), "short", "tts", VOICES["heart"]))
        codes.add("other.codes", torch.zeros(12, dtype=torch.int16))
        for voice in VOICES.values():
            speakers.add(f"{voice}.speaker", torch.ones(256))
    write_recordings(tmp_path / "recordings.jsonl", recordings)
    return tmp_path


def test_a_voice_gets_a_prompt_of_fitting_length_and_others_are_left_out(runs: Path, tmp_path: Path) -> None:
    save_voices(tmp_path / "packed", built_in_voices(runs))
    (voice,) = read_voices(tmp_path / "packed").values()
    assert voice.name == next(iter(VOICES))
    assert voice.prompt_codes.tolist() == [45] * 45
    assert voice.prompt_mel.shape == (90, 80)
    assert torch.isfinite(voice.prompt_mel).all()


def test_a_part_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nano_flow has no checkpoint yet; run `stepwave train nano_flow` first"):
        load_trained(Adaptor(AdaptorConfig(8, 8, 8)), tmp_path, "nano_flow", "")


def test_the_curves_of_every_run_go_with_the_model(tmp_path: Path) -> None:
    for name in ("nano_flow", "nano_vocoder"):
        (tmp_path / "training" / name).mkdir(parents=True)
        (tmp_path / "training" / name / "log.jsonl").write_text(name)
    (tmp_path / "training" / "nano_flow" / "curves.png").write_bytes(b"picture")
    (tmp_path / "training" / "not_started").mkdir()
    assert keep_logs(tmp_path, tmp_path / "to") == ["nano_flow", "nano_vocoder"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "to").iterdir()} == {
        "nano_flow.jsonl": b"nano_flow",
        "nano_flow.png": b"picture",
        "nano_vocoder.jsonl": b"nano_vocoder",
    }
