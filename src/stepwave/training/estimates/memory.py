"""What a stage keeps in a device's memory, told before it runs.

A sum over what lives at the same time, in bytes: weights, gradients, moments, activations of one micro-batch, scores.
Learning weights are float32 with AdamW, computation is bfloat16 under autocast, frozen weights are stored in bfloat16.
Activations are what PyTorch keeps for the backward pass of `models.decoder`, tensor by tensor (a test compares them).
Left out is what depends on the allocator: blocks too large or in pieces; leave a tenth of the device free for it.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from stepwave.facts.errors import ConfigError
from stepwave.models.decoder import DecoderConfig
from stepwave.training.estimates.computation import STATES_PER_POSITION, learns, makeup, passes_blocks
from stepwave.training.estimates.sizes import (
    ModelSizes,
    block_parameters,
    learning_parameters,
    part_parameters,
    projections,
)
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.stages import Stage

Moments: TypeAlias = Literal["float32", "bfloat16", "int8"]
_BYTES: Final[dict[Moments, int]] = {"float32": 4, "bfloat16": 2, "int8": 1}
HALF: Final = 2
"""Bytes of a bfloat16 value."""
FULL: Final = 4
"""Bytes of a float32 value."""
SCORE_BYTES: Final = 14
"""Bytes of a score at the peak of the loss: itself, the gradients of log-partition and label in float32, their sum in
bfloat16."""
CONTEXT_BYTES: Final = 2e9
"""CUDA's context, work space of matrix products, buffers of communication: about so much on an H100."""


@dataclass(frozen=True)
class Layout:
    """How a stage is spread over devices, and what it saves memory with."""

    devices: int = 1
    tensor_parallel: int = 1
    """Devices that share each matrix of the decoder's blocks; the others share sequences."""
    sharded: bool = True
    """Weights, gradients and moments are cut among the devices that share sequences (FSDP), not copied to each."""
    checkpointing: bool = True
    """Keep only the inputs of the decoder's blocks and compute each block again in the backward pass."""
    micro_sequences: int = 1
    """Sequences that a device holds at once."""
    moments: Moments = "float32"
    """How AdamW's two moments are stored."""
    lora: LoraConfig | None = None
    """Adapters in place of the decoder's own weights."""
    stored_frames: bool = False
    """The encoder's output was computed beforehand, so that it need not be loaded."""
    scored_positions: int | None = None
    """Labelled positions whose scores are computed at once, others after them; None for all."""

    def __post_init__(self) -> None:
        scored = 1 if self.scored_positions is None else self.scored_positions
        if min(self.devices, self.tensor_parallel, self.micro_sequences, scored) < 1:
            raise ConfigError(f"{self}: devices, sequences and positions must be 1 or more")
        if self.devices % self.tensor_parallel:
            raise ConfigError(
                f"{self.devices} devices can't be grouped by {self.tensor_parallel} for tensor parallelism; choose a "
                "number that divides them"
            )
        if self.moments not in get_args(Moments):
            raise ConfigError(f"moments in {self.moments!r}; wanted one of {', '.join(get_args(Moments))}")

    @property
    def data_parallel(self) -> int:
        """Devices, or groups of them, that each take sequences of their own."""
        return self.devices // self.tensor_parallel


def check_layout(sizes: ModelSizes, stage: Stage, layout: Layout) -> None:
    """Raises ConfigError where matrices can't be shared evenly, or devices would get no sequence of a step."""
    config, cut = sizes.decoder, layout.tensor_parallel
    if config.kv_heads % cut or config.intermediate_size % cut:
        raise ConfigError(
            f"{config.kv_heads} key/value heads and {config.intermediate_size} MLP columns can't be shared by {cut} "
            "devices; set tensor_parallel to a divisor of both"
        )
    at_once = layout.data_parallel * layout.micro_sequences
    if stage.sequences_per_step < at_once:
        raise ConfigError(
            f"stage {stage.name} has {stage.sequences_per_step} sequences in a step, and the devices hold {at_once} at "
            "once; use fewer devices or smaller micro-batches"
        )


def accumulation(stage: Stage, layout: Layout) -> int:
    """Micro-batches of a device in one step."""
    return math.ceil(stage.sequences_per_step / (layout.data_parallel * layout.micro_sequences))


def device_memory(sizes: ModelSizes, stage: Stage, layout: Layout) -> dict[str, float]:
    """Bytes on each device at the fullest moment of a step, by what they are for.

    Raises ConfigError where the layout does not suit the model or the stage.
    """
    check_layout(sizes, stage, layout)
    learning = learning_parameters(sizes, stage.rates, layout.lora)
    own = part_parameters(sizes)
    frozen = {part: count for part, count in own.items() if part not in stage.rates}
    if layout.lora is not None:
        frozen["decoder"] = own["decoder"]
    if layout.stored_frames and not learns(stage, "encoder", sizes):
        frozen.pop("encoder", None)

    def here(counts: dict[str, int]) -> float:
        """Parameters of them on one device. A frozen encoder is small and stays whole; only blocks are cut twice."""
        shards = layout.data_parallel if layout.sharded else 1
        cut: dict[str, int] = {part: shards for part in counts}
        cut["decoder"] = shards * layout.tensor_parallel
        if "encoder" not in stage.rates:
            cut["encoder"] = 1
        return sum(count / cut[part] for part, count in counts.items())

    changing = here(learning)
    positions = layout.micro_sequences * stage.sequence_length
    return {
        "frozen weights": HALF * here({str(part): count for part, count in frozen.items()}),
        "learning weights": FULL * changing,
        "gradients": FULL * changing,
        "moments": 2 * _BYTES[layout.moments] * changing,
        "weights in use": _weights_in_use(sizes, stage, layout, changing),
        "activations": positions * _activations(sizes, stage, layout),
        "encoder at work": positions * _encoder_activations(sizes, stage, layout),
        "scores": _scores(sizes, stage, layout, positions),
        "context": CONTEXT_BYTES,
    }


def block_activations(
    config: DecoderConfig, learns: bool, lora: LoraConfig | None = None, tensor_parallel: int = 1
) -> float:
    """Bytes that a block of the decoder keeps for its backward pass, for each position.

    The residual stream is float32, matrices take and give bfloat16. Attention's own kernel keeps no scores. An adapter
    keeps what goes into each of its halves.
    """
    h, heads = config.hidden_size, config.heads / tensor_parallel
    q, kv = heads * config.head_dim, config.kv_heads * config.head_dim / tensor_parallel
    i = config.intermediate_size / tensor_parallel
    whole = learns and lora is None
    # Each RMSNorm: its input and scale in float32; where it learns, what it scaled too.
    norms = 2 * FULL * (h + 1) + whole * 2 * FULL * h
    rotary = 4 * HALF * config.head_dim
    attention = HALF * (2 * q + 2 * kv) + FULL * heads
    mlp = HALF * 3 * i
    # A matrix that learns keeps its input, rounded for each anew. Of o it is attention's output.
    inputs = whole * HALF * (5 * h + i)
    kept = norms + rotary + attention + mlp + inputs
    if lora is not None:
        entering = {name: shape[0] for name, shape in projections(config).items()} | {"o_proj": q, "down_proj": i}
        kept += sum(HALF * (entering[name] + lora.rank) for name in lora.targets)
    return kept


def _activations(sizes: ModelSizes, stage: Stage, layout: Layout) -> float:
    """Bytes for each position of a micro-batch: the blocks, what stands before and behind them, the adaptor."""
    config, cut = sizes.decoder, layout.tensor_parallel
    h, i = config.hidden_size, config.intermediate_size / cut
    # Gradients on their way through the widest place, the MLP.
    moving = HALF * 3 * i + FULL * 2 * h
    ends = FULL * 4 * h
    if not passes_blocks(stage):
        return ends + moving
    block = block_activations(config, learns(stage, "decoder", sizes), layout.lora, cut)
    blocks = config.layers * FULL * h + block if layout.checkpointing else config.layers * block
    adaptor = sizes.adaptor
    heard = max(makeup(portion).heard for portion in stage.portions)
    # Two frames to a position; both sides of GELU and ReLU.
    listening = heard * HALF * (4 * adaptor.width + 2 * adaptor.hidden) if "adaptor" in stage.rates else 0.0
    return blocks + ends + moving + listening


def _encoder_activations(sizes: ModelSizes, stage: Stage, layout: Layout) -> float:
    """Bytes for each position while the encoder runs; what it keeps where it learns."""
    learning = learns(stage, "encoder", sizes)
    if layout.stored_frames and not learning:
        return 0.0
    heard = max(makeup(portion).heard for portion in stage.portions)
    # At work: a state, its norm and both sides of a feed-forward four times as wide. Kept: 16 widths in each block.
    widths = 16 * sizes.encoder.layers if learning else 10
    return heard * STATES_PER_POSITION * widths * HALF * sizes.encoder.width


def _scores(sizes: ModelSizes, stage: Stage, layout: Layout, positions: int) -> float:
    """Bytes of the scores of a micro-batch all of one task, whichever has most; text and speech add up."""
    found = []
    for of in (makeup(portion) for portion in stage.portions if portion.tokens > 0):
        counts = [(positions * of.text, sizes.text_rows), (positions * of.speech, sizes.speech_rows)]
        if layout.scored_positions is not None:
            counts = [(min(count, layout.scored_positions), rows) for count, rows in counts]
        found.append(sum(count * rows for count, rows in counts))
    return SCORE_BYTES * max(found)


def _weights_in_use(sizes: ModelSizes, stage: Stage, layout: Layout, changing: float) -> float:
    """Bytes of the bfloat16 weights that a computation reads, where they are not stored as such."""
    if not layout.sharded or layout.data_parallel == 1:
        return HALF * changing
    # Gathered: one block at work and the next on its way, embedding and head throughout; as many gradients.
    own = part_parameters(sizes)
    gathered = 2 * block_parameters(sizes.decoder) / layout.tensor_parallel + own["embedding"] + own["head"]
    factor = 2 if learns(stage, "decoder", sizes) and layout.lora is None else 1
    return HALF * factor * gathered
