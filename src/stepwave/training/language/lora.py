"""LoRA (Hu et al., 2021): low-rank changes of a decoder's projections learn, everything else stays as it is.

Layers come from peft (extra `train`), which replaces each projection by one that holds `base_layer`, `lora_A` and
`lora_B` and gives `W x + B A x * alpha / rank`. Here is how they are put in, which of their weights learn, and how they
are folded into plain weights again. Only decoders with float weights; int8 ones are not adapted.

A buffer `lora_alpha` on the decoder goes to checkpoints with the adapters, so that a file says all it takes to fold
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from stepwave.facts.errors import CheckpointIncompleteError, ConfigError, MissingExtraError
from stepwave.models.decoder import Decoder

TARGETS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Every projection of a decoder's block."""
ALPHA: Final = "lora_alpha"
_BASE: Final = ".base_layer."
_DOWN: Final = ".lora_A.default.weight"
_UP: Final = ".lora_B.default.weight"


@dataclass(frozen=True)
class LoraConfig:
    """How large the changes may be, and where."""

    rank: int = 16
    """Rank of each change."""
    alpha: float = 32.0
    """Changes are scaled by alpha / rank."""
    dropout: float = 0.0
    """Share of a projection's inputs that its change does not see in a training step."""
    targets: tuple[str, ...] = TARGETS
    """Which projections of every block are changed."""

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise ConfigError(
                f"LoRA: rank {self.rank}, alpha {self.alpha:g}, dropout {self.dropout:g}; wanted a rank of 1 or more, "
                "an alpha above 0, a dropout from 0 to below 1"
            )
        unknown = [name for name in self.targets if name not in TARGETS]
        if unknown or not self.targets or len(set(self.targets)) < len(self.targets):
            raise ConfigError(f"LoRA: targets are {self.targets}; wanted some of {TARGETS}, each once")


def inject(decoder: Decoder, config: LoraConfig) -> None:
    """Freeze the decoder and put adapters beside its projections, in place.

    Adapters are float32 whatever the decoder's type, since steps of usual size vanish in bfloat16. They begin at zero
    change; what they begin with is drawn from PyTorch's random state.

    Raises:
        ConfigError: the decoder has adapters already.
        MissingExtraError: peft is not installed.
    """
    if has_adapters(decoder.state_dict()):
        raise ConfigError("the decoder has LoRA adapters already; build it anew to change their settings")
    try:
        from peft import LoraConfig as Settings
        from peft import inject_adapter_in_model
    except ImportError:
        raise MissingExtraError("train", "peft") from None
    settings = Settings(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=list(config.targets),
        bias="none",
    )
    inject_adapter_in_model(settings, decoder)
    for name, parameter in decoder.named_parameters():
        learns = is_adapter(name)
        parameter.requires_grad_(learns)
        if learns:
            parameter.data = parameter.data.float()
    alpha = torch.tensor(config.alpha, device=decoder.model.norm.weight.device)
    decoder.register_buffer(ALPHA, alpha)


def is_adapter(name: str) -> bool:
    """Whether a tensor of this name belongs to the adapters."""
    return name == ALPHA or name.endswith((_DOWN, _UP))


def has_adapters(state: Mapping[str, Tensor]) -> bool:
    """Whether a decoder's state holds adapters."""
    return any(is_adapter(name) for name in state)


def adapter_parameters(decoder: Decoder) -> list[nn.Parameter]:
    """What learns in a decoder with adapters."""
    return [parameter for name, parameter in decoder.named_parameters() if is_adapter(name)]


def adapter_state(decoder: Decoder) -> dict[str, Tensor]:
    """The adapters alone, a few thousandths of the decoder: with the weights they stand on they are a whole model."""
    return {name: tensor for name, tensor in decoder.state_dict().items() if is_adapter(name)}


def merged_state(decoder: Decoder) -> dict[str, Tensor]:
    """The decoder's weights under their plain names, adapters folded in; without adapters, simply its weights.

    The decoder itself stays as it is. What is not changed is shared with it, not copied.
    """
    return merge(decoder.state_dict())


@torch.no_grad()
def merge(state: Mapping[str, Tensor], base: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Fold adapters into the weights they change: `W + B A * alpha / rank`, summed in float32, stored in W's type.

    Args:
        state: a decoder's state with adapters, as `Decoder.state_dict` gives it after `inject`.
        base: plain weights for what `state` lacks, where it holds the adapters alone.

    Raises:
        CheckpointIncompleteError: an adapter lacks a half, its scale, or the weight that it changes.
    """
    plain = dict(base or {})
    plain |= {name.replace(_BASE, "."): tensor for name, tensor in state.items() if not is_adapter(name)}
    for name in (name for name in state if name.endswith((_DOWN, _UP))):
        layer = name.removesuffix(_DOWN).removesuffix(_UP)
        lacking = [half for half in (layer + _DOWN, layer + _UP, ALPHA) if half not in state]
        lacking += [weight for weight in (f"{layer}.weight",) if weight not in plain]
        if lacking:
            raise CheckpointIncompleteError(
                f"the adapter of {layer} lacks {', '.join(lacking)}; take a whole checkpoint, "
                "or name the model that was adapted"
            )
        if name.endswith(_UP):
            continue
        down, up, weight = state[name].float(), state[layer + _UP].float(), plain[f"{layer}.weight"]
        scale = float(state[ALPHA]) / len(down)
        plain[f"{layer}.weight"] = (weight.float() + up @ down * scale).to(weight.dtype)
    return plain
