"""Mini's speaker embedding, CAM++, run from its ONNX file by ONNX Runtime (extra `mini`).

The graph's inside is not published, so it is used as it is: filterbank features in, a vector of 192 numbers out
(reference facts 6.1b). Features come from `signal.fbank`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from stepwave.facts.errors import (
    CheckpointIncompleteError,
    CheckpointNotFoundError,
    CheckpointShapeError,
    MissingExtraError,
    short_reason,
)

SPEAKER_SIZE = 192


class CamPlus:
    """The speaker encoder behind one ONNX Runtime session; safe to share between threads.

    Raises:
        CheckpointNotFoundError: there is no such file.
        CheckpointIncompleteError: ONNX Runtime can't read it.
        MissingExtraError: `onnxruntime` is not installed.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CheckpointNotFoundError(f"no speaker encoder {path}; fetch the released model's token2wav folder")
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError("mini", "onnxruntime") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # as released: more threads would change the order of sums
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library raises classes of its own that share no base
            raise CheckpointIncompleteError(
                f"{path} can't be read as ONNX ({short_reason(error)}); fetch it again"
            ) from None
        self._input = self._session.get_inputs()[0].name
        self._path = path

    def __call__(self, features: Tensor) -> Tensor:
        """Mean-free filterbank features `[frames, 80]` -> speaker vector `[192]`, float32.

        Raises CheckpointShapeError where the graph gives another size.
        """
        (vector,) = self._session.run(None, {self._input: features.float().unsqueeze(0).numpy()})
        flat = torch.from_numpy(vector).reshape(-1)
        if flat.shape[0] != SPEAKER_SIZE:
            raise CheckpointShapeError(
                f"{self._path} gives {flat.shape[0]} numbers, wanted {SPEAKER_SIZE}: use campplus.onnx"
            )
        return flat
