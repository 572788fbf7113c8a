"""The adaptor: encoder frames at 25 Hz to positions of the language model at 12.5 Hz (reference facts 3.2).

Parameter names are the released ones (`adapter.*` in the mini checkpoint). Placing the positions between text
embeddings is the audio language model's work.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError


@dataclass(frozen=True)
class AdaptorConfig:
    """Sizes of the adaptor; the defaults are nano's."""

    width: int = 512
    """Width of the encoder's frames."""
    hidden: int = 1024
    """Width between the two linear layers."""
    llm_width: int = 576
    """Width of the language model's embeddings."""

    def __post_init__(self) -> None:
        for name in ("width", "hidden", "llm_width"):
            if getattr(self, name) < 1:
                raise ConfigError(f"adaptor {name} is {getattr(self, name)}; it must be at least 1")


NANO_ADAPTOR = AdaptorConfig()
MINI_ADAPTOR = AdaptorConfig(width=1280, hidden=2048, llm_width=3584)


class Adaptor(nn.Module):
    """Strided convolution, GELU, linear, ReLU, linear. Halves the frame rate; looks one frame to either side."""

    def __init__(self, config: AdaptorConfig) -> None:
        super().__init__()
        self.config = config
        self.conv = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.linear1 = nn.Linear(config.width, config.hidden)
        self.linear2 = nn.Linear(config.hidden, config.llm_width)

    def forward(self, frames: Tensor) -> Tensor:
        """Encoder frames `[b, E, width]` -> `[b, ceil(E / 2), llm_width]`.

        Of a clip with E valid frames the first (E - 1) // 2 + 1 outputs are valid; nothing is masked, so the last of
        them may see the frame after the valid end, as in the released model.
        """
        x = F.gelu(self.conv(frames.transpose(1, 2))).transpose(1, 2)
        positions: Tensor = self.linear2(F.relu(self.linear1(x)))
        return positions


def adaptor_lengths(lengths: Tensor) -> Tensor:
    """Valid outputs for `lengths` valid encoder frames: (E - 1) // 2 + 1, which is 0 for E = 0."""
    return (lengths - 1) // 2 + 1
