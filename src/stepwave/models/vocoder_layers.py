"""Layers of the vocoder that give the same samples for a whole signal and for pieces of it.

Each layer is an ordinary PyTorch module (released parameter names) whose `forward` takes a `StreamState` or None.
None means the whole signal at once. With a state, the layer is fed consecutive pieces of any length, 0 included, and
returns what they make final; the state holds what the next piece still needs (the tail of a convolution's input, the
overlap of a transposed one) and belongs to the stream, never to the module. A convolution that looks ahead then simply
answers later, and `StreamState.join` lets parallel branches wait for each other. Setting `final` on the last piece
flushes everything, so that the pieces laid end to end are the whole signal's result.

Not here: the spectra (vocoder_spectrum), the harmonic source (vocoder_source), what the layers are put together to.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm


class StreamState:
    """What one stream keeps between pieces, by module and name. Made empty; one object per stream.

    Attributes:
        final: True while the last piece is being computed.
    """

    def __init__(self) -> None:
        self.final = False
        self._kept: dict[tuple[nn.Module, str], Tensor] = {}
        self._to_drop: dict[nn.Module, int] = {}

    def take(self, owner: nn.Module, name: str) -> Tensor | None:
        """The tensor that `owner` stored as `name`, removed from the state; None at the start of the stream."""
        return self._kept.pop((owner, name), None)

    def keep(self, owner: nn.Module, name: str, tensor: Tensor) -> None:
        """Store a tensor for the next piece. A view is copied, so that it does not hold a large buffer alive."""
        self._kept[owner, name] = tensor.clone()

    def append(self, owner: nn.Module, name: str, piece: Tensor) -> Tensor:
        """What `owner` stored as `name`, followed by `piece`, along the last axis."""
        kept = self.take(owner, name)
        return piece if kept is None else torch.cat([kept, piece], dim=-1)

    def length(self, owner: nn.Module, name: str) -> int:
        """Entries along the last axis of what `owner` stored as `name`; 0 when nothing is stored."""
        kept = self._kept.get((owner, name))
        return 0 if kept is None else kept.shape[-1]

    def drop_first(self, owner: nn.Module, count: int, piece: Tensor) -> Tensor:
        """`piece` without what belongs to the first `count` entries (last axis) of all that `owner` gives out."""
        drop = min(self._to_drop.get(owner, count), piece.shape[-1])
        self._to_drop[owner] = self._to_drop.get(owner, count) - drop
        return piece[..., drop:]

    def join(self, owner: nn.Module, *branches: Tensor) -> tuple[Tensor, ...]:
        """Cut branches `[..., n_i]` to their common length; what is ahead waits for the next piece."""
        queued = [self.append(owner, f"branch {i}", branch) for i, branch in enumerate(branches)]
        common = min(branch.shape[-1] for branch in queued)
        for i, branch in enumerate(queued):
            self.keep(owner, f"branch {i}", branch[..., common:])
        return tuple(branch[..., :common] for branch in queued)


class StreamConv1d(nn.Conv1d):
    """A convolution over time with separate zero padding left and right, for whole signals or pieces.

    Computes in the type of its input (the weights are cast), so that one layer serves float32 and float64.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, left: int, right: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, dilation=dilation)
        self.left = left
        self.right = right
        self.span = (kernel - 1) * dilation + 1

    def forward(self, x: Tensor, state: StreamState | None = None) -> Tensor:
        """`[b, inputs, t]` to `[b, outputs, (t + left + right - span) // stride + 1]`, all pieces together."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype) if self.bias is not None else None
        step, dilation = self.stride[0], self.dilation[0]
        if state is None:
            if self.left == self.right:
                return F.conv1d(x, weight, bias, step, self.left, dilation)
            return F.conv1d(F.pad(x, (self.left, self.right)), weight, bias, step, 0, dilation)
        kept = state.take(self, "input")
        before = x.new_zeros(*x.shape[:-1], self.left) if kept is None else kept
        after = [x.new_zeros(*x.shape[:-1], self.right)] if state.final else []
        x = torch.cat([before, x, *after], dim=-1)
        ready = max(0, (x.shape[-1] - self.span) // step + 1)
        state.keep(self, "input", x[..., ready * step :])
        if not ready:
            return x.new_zeros(x.shape[0], self.out_channels, 0)
        return F.conv1d(x, weight, bias, step, 0, dilation)


class StreamConvTranspose1d(nn.Module):
    """An up-sampling by `rate`: transposed convolution whose surplus `kernel - rate` is trimmed.

    The surplus goes half left, half right (released), or, when `causal`, all right: then output n reads no input later
    than n // rate.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, rate: int, *, causal: bool) -> None:
        super().__init__()
        layer = nn.ConvTranspose1d(inputs, outputs, kernel)
        self.weight, self.bias = layer.weight, layer.bias
        self.outputs = outputs
        self.rate = rate
        self.surplus = kernel - rate
        self.trim_left = 0 if causal else self.surplus // 2

    def forward(self, x: Tensor, state: StreamState | None = None) -> Tensor:
        """`[b, inputs, t]` to `[b, outputs, rate * t]`, all pieces together."""
        ready = x.shape[-1] * self.rate
        if state is None:
            raw = F.conv_transpose1d(x, self.weight, self.bias, self.rate)
            return raw[..., self.trim_left : self.trim_left + ready]
        tail = state.take(self, "overlap")
        raw = F.pad(x.new_zeros(x.shape[0], self.outputs, self.surplus) if tail is None else tail, (0, ready))
        if ready:
            raw = raw + F.conv_transpose1d(x, self.weight, None, self.rate)
        state.keep(self, "overlap", raw[..., ready:])
        raw = state.drop_first(self, self.trim_left, raw[..., : ready + self.trim_left if state.final else ready])
        return raw if self.bias is None else raw + self.bias[:, None]


class Snake(nn.Module):
    """Snake activation x + sin(alpha x)^2 / alpha with a learned alpha per channel (Ziyin et al. 2020, section 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """`[b, channels, t]` to the same shape."""
        alpha = self.alpha[:, None]
        return x + (1 / (alpha + 1e-9)) * torch.sin(alpha * x).square()


class ResBlock(nn.Module):
    """HiFi-GAN's residual block of type 1 (Kong et al. 2020, appendix A.1) with Snake instead of leaky ReLU.

    For every dilation: snake, dilated conv, snake, conv, added to the input.
    """

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...], *, causal: bool) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(normed_conv(channels, channels, kernel, causal, dilation=d) for d in dilations)
        self.convs2 = nn.ModuleList(normed_conv(channels, channels, kernel, causal) for _ in dilations)
        self.activations1 = nn.ModuleList(Snake(channels) for _ in dilations)
        self.activations2 = nn.ModuleList(Snake(channels) for _ in dilations)

    def forward(self, x: Tensor, state: StreamState | None = None) -> Tensor:
        """`[b, channels, t]` to the same shape, all pieces together."""
        for first, conv1, second, conv2 in zip(
            self.activations1, self.convs1, self.activations2, self.convs2, strict=True
        ):
            change = conv2(second(conv1(first(x), state)), state)
            if state is not None:
                x, change = state.join(conv2, x, change)
            x = x + change
        return x


def normed_conv(inputs: int, outputs: int, kernel: int, causal: bool, *, dilation: int = 1) -> nn.Module:
    """A weight-normed `StreamConv1d` that keeps the length: odd kernel, symmetric or reading the past only."""
    reach = (kernel - 1) * dilation
    right = 0 if causal else reach // 2
    return normed(StreamConv1d(inputs, outputs, kernel, left=reach - right, right=right, dilation=dilation))


def normed(layer: nn.Module) -> nn.Module:
    """Give a layer weight normalisation under the released names `parametrizations.weight.original0/1`."""
    normalised: nn.Module = weight_norm(layer)
    return normalised


def fuse_weight_norm(model: nn.Module) -> None:
    """Replace every normalised weight below `model` by its product, in place: for inference, not undone."""
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
