"""Conversion of the released token2wav files: pickles and the ONNX graph, and what is refused in them."""

import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stepwave.checkpoints.convert import convert, read_pickled_tensors, read_speech_tokenizer_onnx
from stepwave.checkpoints.inspection import inspect
from stepwave.checkpoints.mini import mini_plans
from stepwave.checkpoints.reader import load_parts
from stepwave.facts.errors import (
    CheckpointError,
    CheckpointIncompleteError,
    CheckpointNotFoundError,
    UnsafeFileError,
)
from stepwave.models.speech_tokenizer import SpeechTokenizer

from .released import TINY

onnx = pytest.importorskip("onnx")


def write_onnx(path: Path, state: dict[str, Tensor]) -> None:
    """A graph with the released file's node names (reference facts 7); only names and weights matter, not edges."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []
    counter = iter(range(3000, 9000))

    def stored(tensor: Tensor, name: str | None = None) -> str:
        name = name or f"onnx::MatMul_{next(counter)}"
        weights.append(numpy_helper.from_array(tensor.detach().numpy().copy(), name))
        return name

    def node(kind: str, name: str, *inputs: str) -> None:
        nodes.append(helper.make_node(kind, ["x", *inputs], ["x"], name=name))

    for number, module in enumerate(("conv1", "conv2")):
        given = [stored(state[f"encoder.{module}.{kind}"], f"onnx::Conv_{2216 + 2 * number + i}")
                 for i, kind in enumerate(("weight", "bias"))]  # fmt: skip
        node("Conv", f"/{module}/Conv", *given)
        node("Add", f"/{module}/Add", stored(torch.tensor(1.0)))  # a constant of the computation, no weight
    blocks = sorted({name.split(".")[2] for name in state if name.startswith("encoder.blocks.")}, key=int)
    for block in blocks:
        ours, theirs = f"encoder.blocks.{block}", f"/blocks.{block}"
        for norm in ("attn_ln", "mlp_ln"):
            given = [stored(state[f"{ours}.{norm}.{kind}"]) for kind in ("weight", "bias")]
            node("LayerNormalization", f"{theirs}/{norm}/LayerNormalization", *given)
        for module, place in (
            *((f"attn.{name}", f"attn/{name}") for name in ("query", "key", "value", "out")),
            *((f"mlp.{index}", f"mlp/mlp.{index}") for index in (0, 2)),
        ):
            node("MatMul", f"{theirs}/{place}/MatMul", stored(state[f"{ours}.{module}.weight"].t()))
            if f"{ours}.{module}.bias" in state:
                node("Add", f"{theirs}/{place}/Add", stored(state[f"{ours}.{module}.bias"]))
        node("Mul", f"{theirs}/attn/Mul", stored(torch.tensor([0.35])))
        node("Add", f"{theirs}/attn/Add", stored(torch.zeros(1)))
        node("Conv", f"{theirs}/attn/fsmn_block/Conv", stored(state[f"{ours}.attn.fsmn_block.weight"]))
    projection = "quantizer._codebook.project_down"
    node("MatMul", "/quantizer/project_in/MatMul", stored(state[f"{projection}.weight"].t(), "onnx::MatMul_2536"))
    node("Add", "/quantizer/project_in/Add", stored(state[f"{projection}.bias"], "quantizer.project_in.bias"))
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    onnx.save(helper.make_model(helper.make_graph(nodes, "tokenizer", [value], [value], weights)), str(path))


@pytest.fixture
def states(tmp_path: Path) -> dict[str, dict[str, Tensor]]:
    """The tensors of the three files under their released names; the files lie in `token2wav`."""
    torch.manual_seed(0)
    (tmp_path / "token2wav").mkdir()
    made = {}
    for plan in mini_plans(tmp_path, TINY)[3:]:
        state = plan.build().state_dict()
        made[plan.name] = {plan.keys.theirs(name) or "": tensor for name, tensor in state.items()}
    torch.save(made["flow"], tmp_path / "token2wav" / "flow.pt")
    torch.save(made["vocoder"], tmp_path / "token2wav" / "hift.pt", _use_new_zipfile_serialization=False)
    write_onnx(tmp_path / "token2wav" / "speech_tokenizer_v2_25hz.onnx", made["speech_tokenizer"])
    return made


def test_converted_files_fit_the_models(tmp_path: Path, states: dict[str, dict[str, Tensor]]) -> None:
    plans = mini_plans(tmp_path, TINY)[3:]
    assert all(isinstance(problem, UnsafeFileError) for problem in inspect(plans[:2]).problems)
    written = convert(tmp_path)
    assert sorted(path.name for path in written) == [
        "flow.safetensors",
        "hift.safetensors",
        "speech_tokenizer_v2_25hz.safetensors",
    ]
    loaded = load_parts(plans)
    for plan in plans:
        state = loaded[plan.name].state_dict()
        assert len(state) == len(states[plan.name])
        for name, tensor in state.items():
            assert torch.equal(tensor, states[plan.name][plan.keys.theirs(name) or ""]), name
    assert (tmp_path / "token2wav" / "flow.pt").is_file()
    assert convert(tmp_path / "token2wav") == written


def test_every_weight_of_the_graph_is_found(tmp_path: Path, states: dict[str, dict[str, Tensor]]) -> None:
    state = read_speech_tokenizer_onnx(tmp_path / "token2wav" / "speech_tokenizer_v2_25hz.onnx")
    assert state.keys() == states["speech_tokenizer"].keys()
    assert len(SpeechTokenizer(TINY.speech_tokenizer).state_dict()) == len(state) == 102


def test_missing_files_are_named(tmp_path: Path, states: dict[str, dict[str, Tensor]]) -> None:
    (tmp_path / "token2wav" / "hift.pt").unlink()
    with pytest.raises(CheckpointNotFoundError, match=r"lacks hift\.pt"):
        convert(tmp_path)
    assert not list((tmp_path / "token2wav").glob("*.safetensors"))


class Trap:
    """Its pickle creates a file when it is loaded without care."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (Path("sprung"),)


def test_a_pickle_with_code_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": torch.zeros(1), "b": Trap()}, "flow.pt")
    with pytest.raises(UnsafeFileError, match=r"flow\.pt holds more than tensors"):
        read_pickled_tensors(Path("flow.pt"))
    Path("plain.pt").write_bytes(pickle.dumps(Trap(), protocol=2))
    with pytest.raises(UnsafeFileError):
        read_pickled_tensors(Path("plain.pt"))
    assert not Path("sprung").exists()


@pytest.mark.parametrize("content", [{"a": {"b": torch.zeros(1)}}, [torch.zeros(1)], {"a": 3}, {4: torch.zeros(1)}])
def test_only_flat_state_dicts_are_taken(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "flow.pt")
    with pytest.raises(UnsafeFileError, match="flat state dict"):
        read_pickled_tensors(tmp_path / "flow.pt")


@pytest.mark.parametrize("keep", [0, 10, 300, -1])
def test_a_cut_pickle_is_damaged(tmp_path: Path, keep: int) -> None:
    torch.save({"a": torch.zeros(100)}, tmp_path / "flow.pt")
    data = (tmp_path / "flow.pt").read_bytes()
    (tmp_path / "flow.pt").write_bytes(data[:keep])
    with pytest.raises(CheckpointError) as caught:
        read_pickled_tensors(tmp_path / "flow.pt")
    assert "\n" not in str(caught.value)


def test_shared_memory_is_stored_apart(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    torch.save({"a": whole[:3], "b": whole[2:], "c": whole.view(2, 3).t()}, tmp_path / "flow.pt")
    state = read_pickled_tensors(tmp_path / "flow.pt")
    assert len({tensor.untyped_storage().data_ptr() for tensor in state.values()}) == 3
    assert torch.equal(state["c"], whole.view(2, 3).t())


def test_other_graphs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"\xff\xff no graph")
    with pytest.raises(CheckpointIncompleteError, match="can't be read as ONNX"):
        read_speech_tokenizer_onnx(path)
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [])), str(path))
    with pytest.raises(CheckpointError, match="not the graph of an S3 v2"):
        read_speech_tokenizer_onnx(path)
