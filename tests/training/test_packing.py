"""Putting nano together: the voices it is given, parts one by one, and a clear word where one is not trained yet."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stepwave.checkpoints.layouts import load_modules, open_layout
from stepwave.checkpoints.nano import save_part
from stepwave.checkpoints.reader import Placement
from stepwave.checkpoints.voices import read_voices, save_voices
from stepwave.data.manifests import write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.data.store import StoreWriter
from stepwave.facts.errors import CheckpointShapeError, ConfigError
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig
from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.signal.files import write_audio
from stepwave.training.language.smollm2 import stored_language
from stepwave.training.parallel import Ranks
from stepwave.training.parts.packing import VOICES, built_in_voices, keep_logs, load_trained, pack_nano
from stepwave.training.parts.start import is_stored, load_stored
from stepwave.training.state import Checkpoints

ASSISTANT = next(iter(VOICES.values()))
CODES = {"short": 12, "fits": 45, "long": 90}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The assistant's voice in three clips of which one is fit for a prompt; a second voice in a short one."""
    folder = tmp_path / "runs" / "tokens" / "readings"
    noise = np.random.default_rng(0)
    clips = []
    with StoreWriter(folder / "parts") as store:
        for name, count in CODES.items():
            write_audio(tmp_path / f"{name}.wav", noise.uniform(-0.1, 0.1, count * 960).astype(np.float32), 24_000)
            clips.append(Clip(name, str(tmp_path / f"{name}.wav"), voice=ASSISTANT))
            store.add(f"{name}.codes", torch.full((count,), count, dtype=torch.int16))
        clips.append(Clip("other", str(tmp_path / "short.wav"), voice=VOICES["heart"]))
        store.add("other.codes", torch.zeros(12, dtype=torch.int16))
        for clip in clips:
            store.add(f"{clip.id}.speaker", torch.ones(256))
    turns = {clip.id: Turn("assistant", clip.id, clip, spoken=True) for clip in clips}
    lines = [write_line(Record(name, "tts", (Turn("human", name), turn)), folder) for name, turn in turns.items()]
    (folder / "manifest.jsonl").write_text("".join(lines))
    return tmp_path / "runs"


def checkpoint(folder: Path, module: nn.Module) -> None:
    """A run's first checkpoint."""
    writer = Checkpoints(folder, module, {"all": torch.optim.AdamW(module.parameters())}, Ranks())
    writer.begin(1, {})
    writer.finish()


def test_a_voice_gets_a_prompt_of_fitting_length_and_others_are_left_out(runs: Path, tmp_path: Path) -> None:
    save_voices(tmp_path / "packed", built_in_voices(runs))
    (voice,) = read_voices(tmp_path / "packed").values()
    assert voice.name == next(iter(VOICES))
    assert voice.prompt_codes.tolist() == [45] * 45
    assert voice.prompt_mel.shape == (90, 80)
    assert torch.isfinite(voice.prompt_mel).all()
    torch.testing.assert_close(voice.speaker, torch.full((256,), 1 / 16), atol=1e-3, rtol=0)


def test_codes_computed_anew_go_before_those_of_the_corpus(runs: Path) -> None:
    folder = runs / "codes" / "readings"
    shutil.copytree(runs / "tokens" / "readings", folder, ignore=lambda _, names: ["parts"] if "parts" in names else [])
    with StoreWriter(folder / "parts") as store:
        store.add("fits.codes", torch.full((45,), 7, dtype=torch.int16))
    (voice,) = built_in_voices(runs)
    assert voice.prompt_codes.tolist() == [7] * 45


def test_a_named_part_is_replaced_and_everything_else_stays(runs: Path, tiny_nano: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_nano, model)
    torch.manual_seed(1)
    trained = Vocoder(VocoderConfig.nano())
    checkpoint(
        runs / "training" / "nano_vocoder", nn.ModuleDict({"vocoder": trained, "discriminators": nn.Linear(1, 1)})
    )
    lines = list(pack_nano(runs, model, ["vocoder"]))
    assert lines[0] == "vocoder: step-00000001 of nano_vocoder"
    assert not any(line.startswith("voices:") for line in lines)
    packed = load_modules(open_layout(model), ("vocoder",), Placement(torch.float32))["vocoder"].state_dict()
    for name, tensor in trained.state_dict().items():
        torch.testing.assert_close(packed[name], tensor.to(torch.bfloat16).float(), rtol=0, atol=0)
    for name in ("flow", "decoder", "adaptor", "voices"):
        assert (model / f"{name}.safetensors").read_bytes() == (tiny_nano / f"{name}.safetensors").read_bytes()


def test_a_part_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nano_flow has no checkpoint yet; run `stepwave train nano_flow` first"):
        load_trained(Adaptor(AdaptorConfig(8, 8, 8)), tmp_path, "nano_flow", "")
    with pytest.raises(ConfigError, match="decoder cannot be packed alone"):
        list(pack_nano(tmp_path, tmp_path / "model", ["decoder"]))


def test_a_part_starts_from_a_model_that_holds_it(tiny_nano: Path, tmp_path: Path) -> None:
    assert is_stored(tiny_nano, "vocoder")
    assert not is_stored(None, "vocoder")
    assert not is_stored(tmp_path, "vocoder")
    save_part(tmp_path / "partly", "adaptor", Adaptor(AdaptorConfig(8, 8, 8)))
    assert not is_stored(tmp_path / "partly", "vocoder")
    config = NanoSpeechTokenizerConfig(width=16, hidden=24, lower_blocks=1, upper_blocks=1)
    tokenizer = NanoSpeechTokenizer(config, for_training=True)
    fresh = tokenizer.reconstruction.out.weight.detach().clone()
    load_stored(tokenizer, tiny_nano, "speech_tokenizer")
    stored = load_modules(open_layout(tiny_nano), ("speech_tokenizer",), Placement(torch.float32))["speech_tokenizer"]
    assert all(torch.equal(tokenizer.state_dict()[name], tensor) for name, tensor in stored.state_dict().items())
    assert torch.equal(tokenizer.reconstruction.out.weight, fresh)
    with pytest.raises(CheckpointShapeError, match="another size"):
        load_stored(Vocoder(VocoderConfig.nano()), tiny_nano, "vocoder")
    with pytest.raises(CheckpointShapeError, match=r"differ in .*start from nothing"):
        load_stored(nn.Linear(2, 2), tiny_nano, "adaptor")


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


def test_the_language_model_of_a_folder_is_read_with_its_tokenizer(tiny_nano: Path) -> None:
    language = stored_language(tiny_nano)
    decoder = load_modules(open_layout(tiny_nano), ("decoder",), Placement(torch.float32))["decoder"]
    assert torch.equal(language.embeddings, decoder.state_dict()["model.embed_tokens.weight"])
    assert language.state.keys() == decoder.state_dict().keys()
    assert language.tokenizer.encode("a river") == language.vocabulary.encode("a river", add_special_tokens=False).ids
