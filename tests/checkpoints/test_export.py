"""Trained parts become whole folders in either layout, which our own reader and the format's rules find in order."""

import copy
import json
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from stepwave.checkpoints.export import export_released, export_stepwave
from stepwave.checkpoints.headers import read_headers
from stepwave.checkpoints.layouts import inspect_layout, load_modules, open_layout
from stepwave.checkpoints.mini import read_mini_config
from stepwave.checkpoints.nano import check_digests
from stepwave.checkpoints.reader import Placement
from stepwave.facts.errors import (
    CheckpointIncompleteError,
    CheckpointNotFoundError,
    CheckpointShapeError,
    ConfigError,
    OutputError,
)
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder

from .released import TINY, write_released

IDS = torch.arange(10).view(1, 10)


def logits(decoder: nn.Module) -> Tensor:
    assert isinstance(decoder, Decoder)
    with torch.no_grad():
        return decoder.head(decoder(decoder.embed(IDS)))


def changed(module: nn.Module) -> nn.Module:
    """A copy whose weights are all others."""
    torch.manual_seed(5)
    other = copy.deepcopy(module).float()
    for parameter in other.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return other


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    write_released(folder)
    for name in ("README.md", "LICENSE", "tokenizer_config.json", "modeling_step_audio_2.py", ".gitattributes"):
        (folder / name).write_text(name)
    for name in ("campplus.onnx", "flow.pt", "flow.yaml"):
        (folder / "token2wav" / name).write_text(name)
    return folder


def loaded(folder: Path, *names: str) -> dict[str, nn.Module]:
    return load_modules(open_layout(folder, TINY), names, Placement(torch.float32))


def test_our_layout_holds_the_new_part_and_the_base_around_it(tiny_nano: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_nano, tmp_path / "base"))
    (base / "README.md").write_text("card")
    decoder = changed(loaded(base, "decoder")["decoder"])
    export_stepwave(tmp_path / "new", {"decoder": decoder}, base, "float32")
    assert torch.equal(logits(loaded(tmp_path / "new", "decoder")["decoder"]), logits(decoder))
    layout = open_layout(tmp_path / "new")
    assert inspect_layout(layout).problems == ()
    assert layout.lacking == []
    assert check_digests(layout.folder) == []
    before, after = files(base), files(tmp_path / "new")
    assert before.keys() - after.keys() == {"README.md"}
    different = {name for name, data in after.items() if before.get(name) != data}
    assert different == {"decoder.safetensors", "config.json", "digests.json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "new"]


def test_a_part_is_stored_as_in_the_base_unless_told_otherwise(tiny_nano: Path, tmp_path: Path) -> None:
    parts = {name: changed(module) for name, module in loaded(tiny_nano, "adaptor", "decoder").items()}
    export_stepwave(tmp_path / "new", parts, tiny_nano)
    records = [json.loads((folder / "config.json").read_text())["parts"] for folder in (tiny_nano, tmp_path / "new")]
    assert records[0] == records[1]
    assert read_headers(tmp_path / "new" / "decoder")["model.norm.weight"].dtype == torch.float32
    assert read_headers(tmp_path / "new" / "adaptor")["linear1.weight"].dtype == torch.bfloat16


def test_shards_of_a_replaced_part_do_not_come_along(tiny_nano: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_nano, tmp_path / "base"))
    for name in ("decoder-00001-of-00002.safetensors", "decoder.safetensors.index.json"):
        (base / name).write_text("{}")
    export_stepwave(tmp_path / "new", loaded(tiny_nano, "decoder"), base)
    assert files(tmp_path / "new").keys() == files(tiny_nano).keys()


@pytest.mark.parametrize("storage", ["bfloat16", "float32"])
def test_the_released_layout_is_read_back(released: Path, tmp_path: Path, storage: Any) -> None:
    original = loaded(released, "decoder", "encoder", "adaptor")
    parts = {name: changed(original[name]) for name in ("decoder", "adaptor")}
    export_released(tmp_path / "new", parts, released, storage, mini=TINY, shard_bytes=60_000)
    headers = read_headers(tmp_path / "new" / "model")
    assert headers.keys() == read_headers(released / "model").keys()
    assert len(headers) == 832
    assert {entry.dtype for entry in headers.values()} == {getattr(torch, storage)}
    assert read_mini_config(tmp_path / "new", TINY) == TINY
    new = loaded(tmp_path / "new", "decoder", "encoder", "adaptor")
    for name, wanted in {**original, **parts}.items():
        state = new[name].state_dict()
        for key, tensor in wanted.state_dict().items():
            assert torch.equal(state[key], tensor.to(getattr(torch, storage)).float()), key
    rounded = copy.deepcopy(parts["decoder"]).to(getattr(torch, storage)).float()
    assert torch.equal(logits(new["decoder"]), logits(rounded))


def test_the_released_layout_keeps_the_rest_of_the_base(released: Path, tmp_path: Path) -> None:
    export_released(tmp_path / "new", loaded(released, "adaptor"), released, mini=TINY, shard_bytes=100_000)
    before, after = files(released), files(tmp_path / "new")
    rest = {name for name in before if not name.startswith("model")} - {"README.md", ".gitattributes"}
    assert rest == {name for name in after if not name.startswith("model")} - {"model.safetensors.index.json"}
    assert all(before[name] == after[name] for name in rest - {"config.json"})
    assert json.loads(before["config.json"]) == json.loads(after["config.json"])
    index = json.loads(after["model.safetensors.index.json"])
    shards = sorted(set(index["weight_map"].values()))
    assert shards == [f"model-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
    assert index["metadata"]["total_size"] == sum(entry.size for entry in read_headers(released / "model").values())
    with safe_open(tmp_path / "new" / shards[0], "pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert read_headers(tmp_path / "new" / "model").keys() == index["weight_map"].keys()


def test_what_fits_in_one_file_is_one_file(released: Path, tmp_path: Path) -> None:
    export_released(tmp_path / "new", {}, released, mini=TINY)
    assert [path.name for path in (tmp_path / "new").glob("model*.safetensors*")] == ["model.safetensors"]
    with safe_open(tmp_path / "new" / "model.safetensors", "pt") as file:
        assert len(file.keys()) == 832


def full_disk(write: Callable[[], None]) -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutputError) as caught:
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return str(caught.value)


def test_a_disk_that_takes_no_more_leaves_nothing(tiny_nano: Path, released: Path, tmp_path: Path) -> None:
    target = tmp_path / "new"
    assert str(target) in full_disk(lambda: export_stepwave(target, {}, tiny_nano))
    assert str(target) in full_disk(lambda: export_released(target, {}, released, mini=TINY))
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_on_request(tiny_nano: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "thesis.tex").write_text("years")
    with pytest.raises(OutputError, match="not empty"):
        export_stepwave(tmp_path / "new", {}, tiny_nano)
    assert list(files(tmp_path / "new")) == ["thesis.tex"]
    export_stepwave(tmp_path / "new", {}, tiny_nano, replace=True)
    assert files(tmp_path / "new") == files(tiny_nano)


def test_what_can_not_be_exported_is_refused(tiny_nano: Path, released: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    other = Adaptor(AdaptorConfig(width=8, hidden=12, llm_width=32))
    refused: list[tuple[type[Exception], str, Callable[[], None]]] = [
        (ConfigError, "released layout", lambda: export_stepwave(new, {}, released)),
        (ConfigError, "stepwave layout", lambda: export_released(new, {}, tiny_nano)),
        (ConfigError, "is the base itself", lambda: export_stepwave(tiny_nano, {}, tiny_nano, replace=True)),
        (ConfigError, "keeps vocoder in", lambda: export_released(new, {"vocoder": other}, released, mini=TINY)),
        (ConfigError, "'int8'", lambda: export_released(new, {}, released, "int8", mini=TINY)),
        (ConfigError, "no part is called lips", lambda: export_stepwave(new, {"lips": other}, tiny_nano)),
        (CheckpointNotFoundError, "not a folder", lambda: export_stepwave(new, {}, tmp_path / "absent")),
        (
            CheckpointShapeError,
            r"conv\.weight|linear2\.(weight|bias) of shape \[32",
            lambda: export_released(new, {"adaptor": other}, released, mini=TINY),
        ),
    ]
    for error, says, export in refused:
        with pytest.raises(error, match=says):
            export()
    assert not new.exists()


def test_a_base_that_is_not_whole_is_refused(tiny_nano: Path, released: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_nano, tmp_path / "base"))
    (base / "vocoder.safetensors").write_bytes((base / "vocoder.safetensors").read_bytes()[:-1])
    with pytest.raises(CheckpointIncompleteError, match="half-written"):
        export_stepwave(tmp_path / "new", {}, base)
    other = Path(shutil.copytree(released, tmp_path / "other"))
    shutil.rmtree(other / "token2wav")
    with pytest.raises(CheckpointNotFoundError, match="no folder token2wav"):
        export_released(tmp_path / "new", {}, other, mini=TINY)
    assert not (tmp_path / "new").exists()
