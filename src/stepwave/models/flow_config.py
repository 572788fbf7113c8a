"""Sizes and rules of the flow-matching model, for the released checkpoint (mini) and for nano."""

from dataclasses import dataclass, fields
from typing import Literal, get_args

from stepwave.facts.errors import ConfigError
from stepwave.facts.tokens import SPEECH_CODES

Visibility = Literal["full", "chunk", "causal"]
"""Which frames a frame may attend to.

full: all of them (the released offline computation). chunk: its own chunk, `left_context` frames before the chunk, and
the prompt. causal: itself, `left_context` frames before it, and the prompt. Only the encoder's look-ahead convolution
sees later codes.
"""


@dataclass(frozen=True)
class FlowConfig:
    """Sizes of `FlowMatching`; the defaults are the released flow.pt's (reference facts 6.2). Raises ConfigError."""

    vocabulary: int = SPEECH_CODES
    """Number of speech codes."""
    mel_bands: int = 80
    """Bands of the mel that is generated, also the width of mu and of the projected speaker vector."""
    speaker_size: int = 192
    """Length of the speaker vector."""
    encoder_width: int = 512
    """Width of the conformer encoder."""
    encoder_heads: int = 8
    """Attention heads of the encoder."""
    encoder_hidden: int = 2048
    """Inner width of the encoder's feed-forward layers."""
    encoder_blocks: int = 6
    """Encoder layers at code rate (25 per second)."""
    encoder_up_blocks: int = 4
    """Encoder layers at frame rate (50 per second)."""
    dropout: float = 0.1
    """Dropout in the encoder while training."""
    width: int = 512
    """Width of the diffusion transformer."""
    depth: int = 16
    """Blocks of the diffusion transformer."""
    heads: int = 8
    """Attention heads of the diffusion transformer."""
    head_size: int = 64
    """Width of one of these heads."""
    mlp_ratio: float = 4.0
    """Inner width of the transformer's MLP, as a multiple of `width`."""
    steps: int = 10
    """Euler steps when generating, unless the caller says otherwise."""
    guidance: float = 0.7
    """Strength g of classifier-free guidance: v = (1 + g) v_conditional - g v_unconditional."""
    visibility: Visibility = "full"
    """Which frames see which when computing a whole utterance."""
    chunk_codes: int = 25
    """Codes per chunk under "chunk" visibility and in the released streaming."""
    left_context: int = 100
    """Earlier frames (50 per second) that the transformer sees under "chunk" and "causal"; the prompt comes on top."""
    encoder_left_context: int = 1500
    """The same for the encoder (half as many codes). No prompt on top: its distance would grow without bound."""
    sigma: float = 1e-6
    """Width that is left of the noise at the end of the path (training)."""
    condition_dropout: float = 0.2
    """Share of training utterances without mu, speaker and prompt, which guidance needs."""
    noise_seed: int = 0
    """Seed of the noise table from which generation starts."""

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit together."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and field.name != "noise_seed" and value < 1:
                raise ConfigError(f"flow: {field.name} is {value}, it must be at least 1.")
        if self.encoder_width % (2 * self.encoder_heads):
            raise ConfigError(
                f"flow: encoder_width is {self.encoder_width}, it must be an even multiple of encoder_heads, "
                f"{self.encoder_heads}."
            )
        if self.visibility not in get_args(Visibility):
            raise ConfigError(f"flow: visibility '{self.visibility}' is unknown; choose full, chunk or causal.")
        if not (0 <= self.dropout < 1 and 0 <= self.condition_dropout <= 1 and 0 <= self.sigma < 1):
            raise ConfigError("flow: dropout, condition_dropout and sigma must lie between 0 and 1.")
        if self.guidance < 0 or self.mlp_ratio <= 0:
            raise ConfigError("flow: guidance must not be negative, mlp_ratio must be positive.")

    @staticmethod
    def mini() -> "FlowConfig":
        """The released checkpoint's flow.pt: 605 tensors."""
        return FlowConfig()

    @staticmethod
    def nano() -> "FlowConfig":
        """The small causal model that is trained here: 10 M parameters, 2 s of memory besides the prompt."""
        return FlowConfig(
            speaker_size=256,
            encoder_width=192,
            encoder_heads=3,
            encoder_hidden=768,
            encoder_blocks=3,
            encoder_up_blocks=2,
            width=192,
            depth=6,
            heads=3,
            steps=5,  # 10 take twice as long and were not understood better: 32 to 37 % word error against 30
            visibility="causal",
            encoder_left_context=200,
        )
