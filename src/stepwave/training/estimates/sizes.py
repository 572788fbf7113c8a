"""How large a speech language model is, part by part, told from its configurations alone.

The same parts as a stage's learning rates have. What training them costs is `computation` and `memory`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from stepwave.checkpoints.vocabulary import NANO_TOKENS
from stepwave.facts.errors import ConfigError
from stepwave.facts.tokens import MINI_KNOWN_IDS, SPEECH_CODES
from stepwave.models.adaptor import MINI_ADAPTOR, NANO_ADAPTOR, AdaptorConfig
from stepwave.models.decoder import DecoderConfig
from stepwave.models.encoder import MINI_ENCODER, WHISPER_BASE, EncoderConfig
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.stages import PARTS, Part

SPEECH_ROWS: Final = SPEECH_CODES + 1
"""Rows of the head that hold speech tokens: the codes and their padding."""


@dataclass(frozen=True)
class ModelSizes:
    """Configurations of the parts that a stage may train or passes through."""

    decoder: DecoderConfig
    encoder: EncoderConfig
    adaptor: AdaptorConfig
    text_rows: int
    """Rows of the head that a text slot is scored over."""
    speech_rows: int
    """Rows of the head that a speech slot is scored over."""

    def __post_init__(self) -> None:
        ends = (self.adaptor.width, self.adaptor.llm_width)
        if ends != (self.encoder.width, self.decoder.hidden_size):
            raise ConfigError(
                f"the adaptor leads from width {ends[0]} to {ends[1]}; the encoder gives {self.encoder.width} and the "
                f"decoder takes {self.decoder.hidden_size}"
            )
        if not (1 <= self.text_rows <= self.decoder.vocab_size and 1 <= self.speech_rows <= self.decoder.vocab_size):
            raise ConfigError(
                f"slots are scored over {self.text_rows} and {self.speech_rows} rows; the head has "
                f"{self.decoder.vocab_size}"
            )

    @classmethod
    def mini(cls, *, by_slot: bool = False) -> ModelSizes:
        """The released model: 8.3 B parameters. `by_slot`: text is scored over text rows, speech over speech rows."""
        base = MINI_KNOWN_IDS["<audio_0>"]
        assert base is not None
        return cls._scored(DecoderConfig.mini(), MINI_ENCODER, MINI_ADAPTOR, base if by_slot else None)

    @classmethod
    def nano(cls, *, by_slot: bool = True) -> ModelSizes:
        """This project's own: 0.16 B parameters in these parts. `by_slot` as in `mini`."""
        base = NANO_TOKENS.speech_base
        return cls._scored(DecoderConfig.smollm2(), WHISPER_BASE, NANO_ADAPTOR, base if by_slot else None)

    @classmethod
    def _scored(
        cls, decoder: DecoderConfig, encoder: EncoderConfig, adaptor: AdaptorConfig, base: int | None
    ) -> ModelSizes:
        rows = (decoder.vocab_size, decoder.vocab_size) if base is None else (base, SPEECH_ROWS)
        return cls(decoder, encoder, adaptor, *rows)


def part_parameters(sizes: ModelSizes) -> dict[Part, int]:
    """Parameters of each part; a tied head has none of its own."""
    decoder = sizes.decoder
    matrix = decoder.vocab_size * decoder.hidden_size
    return {
        "encoder": _encoder(sizes.encoder),
        "adaptor": _adaptor(sizes.adaptor),
        "decoder": decoder.layers * block_parameters(decoder) + decoder.hidden_size,
        "embedding": matrix,
        "head": 0 if decoder.tied else matrix,
    }


def learning_parameters(
    sizes: ModelSizes, learning: Collection[Part], lora: LoraConfig | None = None
) -> dict[str, int]:
    """Parameters that learn, by part. With `lora` the decoder's are those of its adapters, and its own are frozen.

    Raises ConfigError where LoRA is given for a decoder that does not learn.
    """
    if lora is not None and "decoder" not in learning:
        raise ConfigError("LoRA adapts the decoder, which does not learn in this stage; leave LoRA out")
    own = part_parameters(sizes)
    counts: dict[str, int] = {part: own[part] for part in PARTS if part in learning}
    if lora is not None:
        counts["decoder"] = lora_parameters(sizes.decoder, lora)
    return counts


def projections(config: DecoderConfig) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of every projection of a decoder's block."""
    h, i = config.hidden_size, config.intermediate_size
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    return {
        "q_proj": (h, q),
        "k_proj": (h, kv),
        "v_proj": (h, kv),
        "o_proj": (q, h),
        "gate_proj": (h, i),
        "up_proj": (h, i),
        "down_proj": (i, h),
    }


def block_matrix_parameters(config: DecoderConfig) -> int:
    """Weights of a block that take part in matrix products: all but norms and biases."""
    return sum(inputs * outputs for inputs, outputs in projections(config).values())


def block_parameters(config: DecoderConfig) -> int:
    """All parameters of a decoder's block."""
    biases = (config.heads + 2 * config.kv_heads) * config.head_dim if config.qkv_bias else 0
    return block_matrix_parameters(config) + biases + 2 * config.hidden_size


def lora_parameters(config: DecoderConfig, lora: LoraConfig) -> int:
    """Parameters of the adapters of all blocks: rank x (inputs + outputs) for each projection."""
    shapes = projections(config)
    return config.layers * lora.rank * sum(sum(shapes[target]) for target in lora.targets)


def _encoder(config: EncoderConfig) -> int:
    w = config.width
    convolutions = 3 * config.bands * w + w + 3 * w * w + w
    # Four square projections, three with a bias; a feed-forward of four times the width; two norms.
    block = 4 * w * w + 3 * w + 8 * w * w + 5 * w + 4 * w
    return convolutions + config.positions * w + config.layers * block + 2 * w


def _adaptor(config: AdaptorConfig) -> int:
    w, hidden, out = config.width, config.hidden, config.llm_width
    return 3 * w * w + w + w * hidden + hidden + hidden * out + out
