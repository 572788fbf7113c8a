"""The released layout, at full depth and tiny width: written, checked, read back, and damaged in all ways."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from stepwave.checkpoints.headers import read_headers
from stepwave.checkpoints.inspection import inspect
from stepwave.checkpoints.mini import (
    FLOW_TENSORS,
    MODEL_TENSORS,
    SPEECH_TOKENIZER_TENSORS,
    VOCODER_TENSORS,
    MiniConfig,
    mini_plans,
    read_mini_config,
)
from stepwave.checkpoints.plan import expected_tensors
from stepwave.checkpoints.reader import Placement, load_parts
from stepwave.facts.errors import (
    CheckpointError,
    CheckpointIncompleteError,
    CheckpointNotFoundError,
    CheckpointShapeError,
    ConfigError,
    UnsafeFileError,
)
from stepwave.models.decoder import Decoder
from stepwave.models.vocoder import Vocoder

from .released import TINY, config_json, write_released


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, nn.Module]]:
    folder = tmp_path_factory.mktemp("released")
    return folder, write_released(folder)


@pytest.fixture
def folder(original: tuple[Path, dict[str, nn.Module]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(original[0], tmp_path / "model"))


@pytest.fixture
def written(original: tuple[Path, dict[str, nn.Module]]) -> dict[str, nn.Module]:
    return original[1]


def model_file(folder: Path, tensor: str) -> Path:
    return read_headers(folder / "model")[tensor].file


def change(path: Path, **changes: torch.Tensor | None) -> None:
    """Rewrite one safetensors file with some tensors replaced, or left out where the new value is None."""
    tensors = load_file(path) | {name.replace("__", "."): value for name, value in changes.items()}
    save_file({name: value for name, value in tensors.items() if value is not None}, path)


def test_released_sizes_have_the_published_counts() -> None:
    """Reference facts 1.1 and 1.3: tensors and parameters of the real checkpoint, from our modules without memory."""
    plans = {plan.name: expected_tensors(plan) for plan in mini_plans(Path("x"), MiniConfig())}
    counts = {name: sum(tensor.numel() for tensor in tensors.values()) for name, tensors in plans.items()}
    assert counts["decoder"] == 7_663_326_720
    assert counts["encoder"] == 636_968_960
    assert counts["adaptor"] == 14_883_584
    assert sum(len(plans[name]) for name in ("decoder", "encoder", "adaptor")) == MODEL_TENSORS
    assert [len(plans[name]) for name in ("flow", "vocoder", "speech_tokenizer")] == [
        FLOW_TENSORS,
        VOCODER_TENSORS,
        SPEECH_TOKENIZER_TENSORS,
    ]
    assert round(counts["flow"] / 1e6, 2) == 155.80
    assert round(counts["vocoder"] / 1e6, 2) == 20.82
    assert round(counts["speech_tokenizer"] / 1e6, 2) == 123.71


def test_a_written_checkpoint_is_complete(folder: Path) -> None:
    assert len(read_headers(folder / "model")) == 832
    assert len(read_headers(folder / "token2wav" / "flow")) == 605
    vocoder = read_headers(folder / "token2wav" / "hift")
    assert len(vocoder) == 328
    assert all(name.startswith("generator.") for name in vocoder)
    assert len(list(folder.glob("model-*.safetensors"))) > 3
    assert inspect(mini_plans(folder, read_mini_config(folder, TINY))).problems == ()


def test_it_is_read_back(folder: Path, written: dict[str, nn.Module]) -> None:
    loaded = load_parts(mini_plans(folder, read_mini_config(folder, TINY)))
    assert loaded.keys() == written.keys()
    for name, module in loaded.items():
        assert not module.training
        state, original = module.state_dict(), written[name].state_dict()
        assert state.keys() == original.keys()
        stored = torch.float32 if name in ("flow", "vocoder", "speech_tokenizer") else torch.bfloat16
        for key, tensor in state.items():
            assert tensor.dtype == stored
            assert torch.equal(tensor, original[key].to(stored))
        assert not any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))


def test_the_loaded_decoder_and_vocoder_compute_the_same(folder: Path, written: dict[str, nn.Module]) -> None:
    plans = mini_plans(folder, TINY)
    loaded = load_parts(plans, ["decoder", "vocoder"], Placement(dtype=torch.float32))
    ours, theirs = loaded["decoder"], copy.deepcopy(written["decoder"]).bfloat16().float()
    assert isinstance(ours, Decoder)
    assert isinstance(theirs, Decoder)
    ids = torch.arange(6)[None]
    assert torch.equal(ours.head(ours(ours.embed(ids))), theirs.head(theirs(theirs.embed(ids))))
    vocoder, original = loaded["vocoder"], written["vocoder"]
    assert isinstance(vocoder, Vocoder)
    assert isinstance(original, Vocoder)
    mel = torch.randn(1, 80, 5)
    with torch.no_grad():
        assert torch.equal(vocoder.f0(mel), original.f0(mel))
    # windows are computed, not stored: they must be there all the same
    tables, expected = dict(vocoder.named_buffers()), dict(original.named_buffers())
    assert tables.keys() == expected.keys()
    assert all(torch.equal(tables[name], expected[name]) for name in expected)


def test_eight_bit_weights_on_the_way(folder: Path) -> None:
    plans = mini_plans(folder, TINY)
    plain = load_parts(plans, ["decoder"], Placement(dtype=torch.float32))["decoder"]
    rounded = load_parts(plans, ["decoder"], Placement(dtype=torch.float32, quantised=["decoder"]))["decoder"]
    assert isinstance(plain, Decoder)
    assert isinstance(rounded, Decoder)
    weights = rounded.state_dict()
    assert weights["model.layers.3.mlp.up_proj.weight_int8"].dtype == torch.int8
    ids = torch.arange(6)[None]
    with torch.no_grad():
        a, b = (model.head(model(model.embed(ids))) for model in (plain, rounded))
    assert (a - b).abs().max() < 0.1 * a.abs().max()


def test_loading_one_part_needs_no_other_store(folder: Path) -> None:
    shutil.rmtree(folder / "token2wav")
    assert list(load_parts(mini_plans(folder, TINY), ["adaptor"])) == ["adaptor"]
    with pytest.raises(CheckpointNotFoundError, match=r"flow\.safetensors"):
        load_parts(mini_plans(folder, TINY))


# Every way a folder can be wrong: what is done to it, the error, and what its message says


def missing_shard(folder: Path) -> None:
    next(folder.glob("model-00002-*")).unlink()


def half_written(folder: Path) -> None:
    path = next(folder.glob("model-00002-*"))
    path.write_bytes(path.read_bytes()[:-100])


def missing_tensor(folder: Path) -> None:
    change(folder / "token2wav" / "flow.safetensors", encoder_proj__bias=None)


def extra_tensor(folder: Path) -> None:
    change(folder / "token2wav" / "flow.safetensors", decoder__surplus=torch.zeros(1))


def wrong_shape(folder: Path) -> None:
    change(folder / "token2wav" / "hift.safetensors", generator__conv_post__bias=torch.zeros(19))


def wrong_type(folder: Path) -> None:
    change(folder / "token2wav" / "hift.safetensors", generator__conv_post__bias=torch.zeros(18, dtype=torch.int64))


def int8_without_scale(folder: Path) -> None:
    change(folder / "token2wav" / "flow.safetensors", encoder_proj__weight=torch.zeros(80, 16, dtype=torch.int8))


def pickle_instead(folder: Path) -> None:
    (folder / "token2wav" / "flow.safetensors").unlink()
    torch.save({"encoder_proj.bias": torch.zeros(80)}, folder / "token2wav" / "flow.pt")


def disguised_pickle(folder: Path) -> None:
    torch.save({}, folder / "token2wav" / "flow.safetensors")


def surplus_in_the_model(folder: Path) -> None:
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    save_file({"visual.patch.weight": torch.zeros(1)}, folder / "model-extra.safetensors")
    index["weight_map"]["visual.patch.weight"] = "model-extra.safetensors"
    path.write_text(json.dumps(index))


DAMAGE: list[tuple[Any, type[CheckpointError], str]] = [
    (missing_shard, CheckpointIncompleteError, "lacks model-00002"),
    (half_written, CheckpointIncompleteError, "half-written"),
    (missing_tensor, CheckpointIncompleteError, "lacks 1 of 605 tensors: encoder_proj.bias"),
    (extra_tensor, CheckpointIncompleteError, "1 tensors its configuration does not have: decoder.surplus"),
    (wrong_shape, CheckpointShapeError, "conv_post.bias has shape [19], wanted [18]"),
    (wrong_type, CheckpointShapeError, "conv_post.bias is torch.int64"),
    (int8_without_scale, CheckpointIncompleteError, "encoder_proj.weight_scale"),
    (pickle_instead, UnsafeFileError, "flow.pt is a Python pickle"),
    (disguised_pickle, UnsafeFileError, "flow.safetensors is a Python pickle"),
    (surplus_in_the_model, CheckpointIncompleteError, "visual.patch.weight"),
]


@pytest.mark.parametrize(("damage", "error", "told"), DAMAGE)
def test_damage_is_named_and_nothing_is_loaded(folder: Path, damage: Any, error: type[Exception], told: str) -> None:
    damage(folder)
    plans = mini_plans(folder, TINY)
    problems = inspect(plans).problems
    assert [type(problem) for problem in set(problems)] == [error]
    assert told in str(problems[0])
    assert "\n" not in str(problems[0])
    with pytest.raises(error) as caught:
        load_parts(plans)
    assert told in str(caught.value)


def test_another_width_does_not_fit(folder: Path) -> None:
    values = config_json()
    values["text_config"]["intermediate_size"] = 32
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointShapeError, match=r"mlp.gate_proj.weight has shape \[24, 16\], wanted \[32, 16\]"):
        load_parts(mini_plans(folder, read_mini_config(folder, TINY)))


def changed(*path: str, value: Any) -> dict[str, Any]:
    values = config_json()
    place = values
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return values


@pytest.mark.parametrize(
    ("values", "error", "told"),
    [
        (changed("text_config", "hidden_dim", value=5), ConfigError, "unknown keys hidden_dim"),
        (changed("text_config", "vocab_size", value=None), ConfigError, "lacks the key 'vocab_size'"),
        (changed("text_config", value=None), ConfigError, "no object text_config"),
        (changed("audio_encoder_config", "adapter_stride", value=-1), ConfigError, "adapter_stride is -1"),
        (changed("audio_encoder_config", "llm_dim", value=99), ConfigError, "llm_dim is 99"),
        (changed("text_config", "rope_scaling", value={"type": "yarn"}), ConfigError, "rope_scaling"),
        (changed("model_type", value="qwen2"), CheckpointError, "'qwen2'"),
    ],
)
def test_a_config_that_is_not_understood(tmp_path: Path, values: Any, error: type[Exception], told: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(error) as caught:
        read_mini_config(tmp_path)
    assert told in str(caught.value)


def test_the_config_is_read(folder: Path) -> None:
    assert read_mini_config(folder, TINY) == TINY
    released = read_mini_config(folder)
    assert released.flow == MiniConfig().flow
    assert isinstance(mini_plans(folder, TINY)[0].build(), nn.Module)
