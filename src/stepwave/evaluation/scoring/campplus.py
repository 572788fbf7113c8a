"""CAM++, the speaker embedding that compares voices; nano is conditioned on another one.

After Wang et al., "CAM++: A Fast and Efficient Network for Speaker Verification Using Context-Aware Masking" (2023),
with the names of 3D-Speaker's checkpoint `speech_campplus_sv_zh_en_16k-common_advanced` (Apache-2.0). Inference only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import CheckpointIncompleteError, CheckpointNotFoundError
from stepwave.signal.fbank import speaker_features
from stepwave.signal.resample import Samples

BANDS: Final = 80
EMBEDDING: Final = 192
_CHANNELS: Final = 32
_SEGMENT: Final = 100
"""Frames whose mean a mask is computed from: a second."""
_BLOCKS: Final = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of each dense block."""
_GROWTH, _BOTTLENECK, _MASK, _FIRST = 32, 128, 64, 128


class CampPlus(nn.Module):
    """Features [b, t, 80] -> embeddings [b, 192], of any length."""

    def __init__(self) -> None:
        super().__init__()
        self.head = _Head()
        self.xvector = _XVector(_CHANNELS * BANDS // 8)

    def forward(self, features: Tensor) -> Tensor:
        """Embeddings of filterbank features without their mean over time."""
        embedding: Tensor = self.xvector(self.head(features.transpose(1, 2)))
        return embedding

    @torch.inference_mode()
    def embed(self, samples: Samples) -> Tensor:
        """The embedding [192] of samples [n] at 16 kHz, of length 1."""
        return F.normalize(self(speaker_features(samples)[None])[0], dim=0)


def read_campplus(path: Path) -> CampPlus:
    """The published weights, ready to embed.

    Raises CheckpointNotFoundError where the file is missing, CheckpointIncompleteError where it does not hold them.
    """
    if not path.is_file():
        raise CheckpointNotFoundError(f"no {path}; fetch it with `stepwave prepare nano --step starting`")
    model = CampPlus()
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # whatever a damaged file makes of the reader
        raise CheckpointIncompleteError(
            f"{path} does not hold CAM++ ({type(error).__name__}); fetch it again"
        ) from error
    return model.eval()


class _Head(nn.Module):
    """Two-dimensional convolutions that fold 80 bands into 10."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, _CHANNELS, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_CHANNELS)
        self.layer1 = nn.Sequential(_Residual(2), _Residual(1))
        self.layer2 = nn.Sequential(_Residual(2), _Residual(1))
        self.conv2 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_CHANNELS)

    def forward(self, features: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(features[:, None])))
        x = self.layer2(self.layer1(x))
        return F.relu(self.bn2(self.conv2(x))).flatten(1, 2)


class _Residual(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_CHANNELS)
        self.conv2 = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_CHANNELS)
        self.shortcut = nn.Sequential()
        if stride > 1:
            shorter = nn.Conv2d(_CHANNELS, _CHANNELS, 1, stride=(stride, 1), bias=False)
            self.shortcut = nn.Sequential(shorter, nn.BatchNorm2d(_CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class _XVector(nn.Module):
    """Dense blocks over time, then mean and deviation of what comes out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.tdnn = _Tdnn(channels, _FIRST)
        channels = _FIRST
        self.stages: list[tuple[nn.Module, nn.Module]] = []
        for number, (layers, dilation) in enumerate(_BLOCKS, start=1):
            block = _Block(layers, channels, dilation)
            channels += layers * _GROWTH
            transit = _Transit(channels)
            channels //= 2
            self.add_module(f"block{number}", block)
            self.add_module(f"transit{number}", transit)
            self.stages.append((block, transit))
        self.out_nonlinear = _normed(channels)
        self.dense = _Dense(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tdnn(x)
        for block, transit in self.stages:
            x = transit(block(x))
        x = F.relu(self.out_nonlinear(x))
        embedding: Tensor = self.dense(torch.cat([x.mean(dim=-1), x.std(dim=-1)], dim=-1))
        return embedding


class _Tdnn(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, out, 5, stride=2, padding=2, bias=False)
        self.nonlinear = _normed(out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.nonlinear(self.linear(x)))


class _Block(nn.Module):
    """Each layer reads what went in and what all before it gave."""

    def __init__(self, layers: int, channels: int, dilation: int) -> None:
        super().__init__()
        for number in range(layers):
            self.add_module(f"tdnnd{number + 1}", _Layer(channels + number * _GROWTH, dilation))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, layer(x)], dim=1)
        return x


class _Layer(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _normed(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _normed(_BOTTLENECK)
        self.cam_layer = _ContextMask(dilation)

    def forward(self, x: Tensor) -> Tensor:
        masked: Tensor = self.cam_layer(F.relu(self.nonlinear2(self.linear1(F.relu(self.nonlinear1(x))))))
        return masked


class _ContextMask(nn.Module):
    """A convolution whose channels are weighed by what the second around and the whole recording are like."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(_BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False)
        self.linear1 = nn.Conv1d(_BOTTLENECK, _MASK, 1)
        self.linear2 = nn.Conv1d(_MASK, _GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        seconds = F.avg_pool1d(x, _SEGMENT, _SEGMENT, ceil_mode=True)
        around = seconds.repeat_interleave(_SEGMENT, dim=-1)[..., : x.shape[-1]]
        mask = torch.sigmoid(self.linear2(F.relu(self.linear1(x.mean(dim=-1, keepdim=True) + around))))
        weighed: Tensor = self.linear_local(x) * mask
        return weighed


class _Transit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.nonlinear = _normed(channels)
        self.linear = nn.Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        halved: Tensor = self.linear(F.relu(self.nonlinear(x)))
        return halved


class _Dense(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, EMBEDDING, 1, bias=False)
        self.nonlinear = nn.Sequential()
        self.nonlinear.add_module("batchnorm", nn.BatchNorm1d(EMBEDDING, affine=False))

    def forward(self, x: Tensor) -> Tensor:
        embedding: Tensor = self.nonlinear(self.linear(x[..., None])[..., 0])
        return embedding


def _normed(channels: int) -> nn.Sequential:
    normed = nn.Sequential()
    normed.add_module("batchnorm", nn.BatchNorm1d(channels))
    return normed
