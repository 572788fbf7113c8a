"""nano's folder: every part stored and read back, small files, digests, voices."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from stepwave.checkpoints.inspection import inspect
from stepwave.checkpoints.layouts import inspect_layout, load_modules, load_tokenizer, open_layout
from stepwave.checkpoints.nano import check_digests, nano_plans, save_part, save_tokenizer
from stepwave.checkpoints.reader import Placement, load_parts
from stepwave.checkpoints.vocabulary import NANO_TOKENS, extend_tokenizer
from stepwave.checkpoints.voices import read_voices, save_voices
from stepwave.facts.errors import (
    CheckpointError,
    CheckpointIncompleteError,
    CheckpointNotFoundError,
    CheckpointShapeError,
    ConfigError,
)
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.detokenizer import Voice
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.models.flow import FlowConfig, FlowMatching
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig
from stepwave.models.quantised_linear import quantise_module
from stepwave.models.speaker import SpeakerEncoder, SpeakerEncoderConfig
from stepwave.models.vocoder import Vocoder, VocoderConfig

from .test_vocabulary import stand_in


def parts() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "encoder": AudioEncoder(EncoderConfig(bands=8, width=16, heads=2, layers=2, positions=20)),
        "adaptor": Adaptor(AdaptorConfig(width=16, hidden=12, llm_width=32)),
        "decoder": Decoder(DecoderConfig.tiny(qwen=False)),
        "speech_tokenizer": NanoSpeechTokenizer(
            NanoSpeechTokenizerConfig(width=16, hidden=24, kernel=3, lower_blocks=1, upper_blocks=1), for_training=True
        ),
        "flow": FlowMatching(FlowConfig(encoder_width=16, encoder_heads=2, encoder_hidden=24, encoder_blocks=1,
                                        encoder_up_blocks=1, width=16, depth=1, heads=2, head_size=8)),
        "vocoder": Vocoder(VocoderConfig(base_channels=16, f0_channels=8)),
        "speaker": SpeakerEncoder(SpeakerEncoderConfig(hidden=8, layers=2, width=6)),
    }  # fmt: skip


@pytest.fixture(scope="module")
def modules() -> dict[str, nn.Module]:
    return {name: module.eval() for name, module in parts().items()}


@pytest.fixture
def folder(tmp_path: Path, modules: dict[str, nn.Module]) -> Path:
    for name, module in modules.items():
        save_part(tmp_path / "nano", name, module)
    return tmp_path / "nano"


def test_every_part_comes_back(folder: Path, modules: dict[str, nn.Module]) -> None:
    layout = open_layout(folder)
    assert inspect_layout(layout).problems == ()
    loaded = load_modules(layout, placement=Placement(dtype=torch.float32))
    assert loaded.keys() == modules.keys()
    for name, module in loaded.items():
        assert module.config == modules[name].config
        original = modules[name].state_dict()
        for key, tensor in module.state_dict().items():
            assert tensor.dtype == original[key].dtype
            bound = original[key].abs().amax() / 250  # int8 with a rounded-up factor; bf16 is within 1/256
            assert (tensor - original[key]).abs().max() <= bound + 1e-8


def test_a_loaded_part_computes(folder: Path, modules: dict[str, nn.Module]) -> None:
    loaded = load_parts(nano_plans(folder), ["speaker", "encoder"], Placement(dtype=torch.float32))
    mels = torch.rand(2, 160, 40)
    with torch.no_grad():
        assert torch.allclose(loaded["speaker"](mels), modules["speaker"](mels), atol=0.02)
        mel, lengths = torch.randn(1, 8, 30), torch.tensor([30])
        ours, _ = loaded["encoder"](mel, lengths)
        theirs, _ = modules["encoder"](mel, lengths)
    assert (ours - theirs).abs().max() < 0.05 * theirs.abs().max()


def test_training_only_weights_stay_out(folder: Path) -> None:
    tokenizer = load_parts(nano_plans(folder), ["speech_tokenizer"])["speech_tokenizer"]
    assert isinstance(tokenizer, NanoSpeechTokenizer)
    assert tokenizer.reconstruction is None


def test_int8_stays_int8_in_memory(folder: Path, modules: dict[str, nn.Module]) -> None:
    """What quantising in memory would give is what is stored, bit for bit."""
    loaded = load_parts(nano_plans(folder), ["decoder"], Placement(torch.bfloat16, quantised=["decoder"]))["decoder"]
    assert isinstance(loaded, Decoder)
    direct = Decoder(loaded.config)
    direct.load_state_dict(modules["decoder"].state_dict())
    quantise_module(direct)
    state = loaded.state_dict()
    for name, tensor in direct.state_dict().items():
        wanted = tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor
        assert torch.equal(state[name], wanted), name
    assert loaded.embed(torch.tensor([[1, 2]])).dtype == torch.bfloat16


def test_storage_may_be_chosen(tmp_path: Path, modules: dict[str, nn.Module]) -> None:
    save_part(tmp_path, "adaptor", modules["adaptor"], "float32")
    loaded = load_parts(nano_plans(tmp_path))["adaptor"]
    original = modules["adaptor"].state_dict()
    assert all(torch.equal(tensor, original[name]) for name, tensor in loaded.state_dict().items())
    assert json.loads((tmp_path / "config.json").read_text())["parts"]["adaptor"]["storage"] == "float32"


def test_saving_a_part_again_keeps_the_others(folder: Path) -> None:
    bigger = Adaptor(AdaptorConfig(width=16, hidden=20, llm_width=32))
    save_part(folder, "adaptor", bigger)
    layout = open_layout(folder)
    assert len(layout.plans) == 7
    assert inspect_layout(layout).problems == ()
    assert check_digests(folder) == []


def test_what_a_folder_lacks(folder: Path, modules: dict[str, nn.Module], tmp_path: Path) -> None:
    assert open_layout(folder).lacking == ["tokenizer.json", "voices.safetensors"]
    save_part(tmp_path / "other", "encoder", modules["encoder"])
    other = open_layout(tmp_path / "other")
    assert other.lacking[:2] == ["adaptor", "decoder"]
    with pytest.raises(CheckpointIncompleteError, match="has no flow, only encoder"):
        load_modules(other, ["flow"])


def test_the_tokenizer_comes_back(folder: Path) -> None:
    tokenizer = stand_in()
    extend_tokenizer(tokenizer, NANO_TOKENS)
    save_tokenizer(folder, tokenizer)
    loaded = load_tokenizer(open_layout(folder))
    assert loaded.special == NANO_TOKENS
    assert check_digests(folder) == []


def test_voices_come_back(folder: Path) -> None:
    torch.manual_seed(0)
    codes = torch.tensor([5, 6560, 0])
    voices = [Voice(name, torch.randn(6), codes, torch.randn(6, 80)) for name in ("eva", "adam.2")]
    save_voices(folder, voices)
    loaded = read_voices(folder)
    assert list(loaded) == ["adam.2", "eva"]
    assert torch.equal(loaded["eva"].speaker, voices[0].speaker)
    assert torch.equal(loaded["eva"].prompt_codes, codes)
    assert torch.allclose(loaded["eva"].prompt_mel, voices[0].prompt_mel, atol=2e-3)
    assert check_digests(folder) == []
    with pytest.raises(ConfigError, match="two voices are called eva"):
        save_voices(folder, [voices[0], voices[0]])


def test_broken_voices_are_named(folder: Path) -> None:
    from safetensors.torch import save_file

    path = folder / "voices.safetensors"
    with pytest.raises(CheckpointNotFoundError):
        read_voices(folder)
    save_file({"eva.speaker": torch.zeros(3)}, path)
    with pytest.raises(CheckpointIncompleteError, match="voice eva lacks prompt_codes, prompt_mel"):
        read_voices(folder)
    whole = {"eva.speaker": torch.zeros(3), "eva.prompt_codes": torch.zeros(2), "eva.prompt_mel": torch.zeros(3, 80)}
    save_file(whole, path)
    with pytest.raises(CheckpointShapeError, match="2 prompt codes and 3 mel frames"):
        read_voices(folder)
    save_file(whole | {"eva.prompt_mel": torch.zeros(3)}, path)
    with pytest.raises(CheckpointShapeError, match="wrong shape"):
        read_voices(folder)


def test_digests_find_a_changed_byte(folder: Path) -> None:
    path = folder / "flow.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert inspect(nano_plans(folder)).problems == ()
    (problem,) = check_digests(folder)
    assert "flow.safetensors is damaged" in str(problem)
    path.unlink()
    (problem,) = check_digests(folder)
    assert "lacks flow.safetensors" in str(problem)


def test_large_parts_are_cut(folder: Path, modules: dict[str, nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    from stepwave.checkpoints import nano, storage

    monkeypatch.setattr(nano, "write_tensors", lambda stem, state: storage.write_tensors(stem, state, 5000))
    save_part(folder, "decoder", modules["decoder"])
    assert not (folder / "decoder.safetensors").exists()
    assert len(list(folder.glob("decoder-*-of-*.safetensors"))) > 2
    assert inspect(nano_plans(folder)).problems == ()
    assert check_digests(folder) == []


def test_configurations_that_are_refused(folder: Path) -> None:
    path = folder / "config.json"
    whole = json.loads(path.read_text())

    def written(**changes: object) -> None:
        path.write_text(json.dumps(whole | changes))

    written(format="other")
    with pytest.raises(CheckpointError, match="of another kind"):
        open_layout(folder)
    written(version=2)
    with pytest.raises(CheckpointError, match="version 2"):
        open_layout(folder)
    written(parts=whole["parts"] | {"nose": {}})
    with pytest.raises(CheckpointError, match="part nose"):
        open_layout(folder)
    written(parts=whole["parts"] | {"adaptor": {"config": {"widht": 3}}})
    with pytest.raises(ConfigError, match=r"config\.json, adaptor: unknown keys widht"):
        open_layout(folder)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(CheckpointIncompleteError, match="not valid JSON"):
        open_layout(folder)
    path.unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"has no config\.json"):
        open_layout(folder)
    with pytest.raises(CheckpointNotFoundError, match="is not a folder"):
        open_layout(folder / "nowhere")


def test_a_module_that_belies_its_configuration_is_not_stored(tmp_path: Path) -> None:
    adaptor = Adaptor(AdaptorConfig(width=16, hidden=12, llm_width=32))
    adaptor.linear1 = nn.Linear(16, 13)
    with pytest.raises(CheckpointShapeError, match="does not have the tensors"):
        save_part(tmp_path, "adaptor", adaptor)
    with pytest.raises(ConfigError, match="no part is called ear"):
        save_part(tmp_path, "ear", adaptor)
