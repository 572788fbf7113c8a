"""The speaker encoder behind ONNX Runtime, on a graph of the right outside."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stepwave.checkpoints.campplus import CamPlus
from stepwave.facts.errors import CheckpointIncompleteError, CheckpointNotFoundError, CheckpointShapeError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def graph(path: Path, size: int) -> np.ndarray:
    """Mean over time, then a matrix: features [1, frames, 80] -> [1, size]."""
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.random.default_rng(0).normal(size=(80, size)).astype(np.float32)
    axes = numpy_helper.from_array(np.array([1]), "axes")
    nodes = [
        helper.make_node("ReduceMean", ["input", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "matrix"], ["output"]),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "speaker",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, "frames", 80])],
            [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, size])],
            [axes, numpy_helper.from_array(matrix, "matrix")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    onnx.save(model, str(path))
    return matrix


def test_features_become_a_vector(tmp_path: Path) -> None:
    matrix = graph(tmp_path / "campplus.onnx", 192)
    features = torch.randn(50, 80)
    vector = CamPlus(tmp_path / "campplus.onnx")(features)
    assert vector.shape == (192,)
    assert torch.allclose(vector, features.mean(0) @ torch.from_numpy(matrix), atol=1e-4)


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="token2wav"):
        CamPlus(tmp_path / "campplus.onnx")
    (tmp_path / "campplus.onnx").write_bytes(b"no graph")
    with pytest.raises(CheckpointIncompleteError, match="can't be read as ONNX"):
        CamPlus(tmp_path / "campplus.onnx")
    graph(tmp_path / "campplus.onnx", 100)
    with pytest.raises(CheckpointShapeError, match="gives 100 numbers, wanted 192"):
        CamPlus(tmp_path / "campplus.onnx")(torch.randn(5, 80))
