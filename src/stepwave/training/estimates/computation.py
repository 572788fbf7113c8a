"""What a stage computes, told before it runs: FLOPs by part, and hours on given hardware.

A multiplication and an addition are 2 FLOPs. A matrix of N weights costs 2 N a position forward, 2 N for the gradient
of its inputs and 2 N for its own: 6 N where it learns, 4 N where it is frozen but something below it learns (Kaplan et
al., 2020, section 2.1, without frozen parts). Counted is what the model asks for: not what activation checkpointing
computes again, nor element-wise work and the optimiser, which matrix units do not do. So the share of the peak to give
is a model FLOPs utilisation (MFU, Chowdhery et al., 2022, appendix B). Not here: memory (`memory`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import ENCODER_RATE, GROUP, PIECE_SECONDS, POSITION_RATE, SPEECH_PER_GROUP, SPEECH_TOKEN_RATE
from stepwave.models.adaptor import AdaptorConfig
from stepwave.models.decoder import DecoderConfig
from stepwave.models.encoder import EncoderConfig
from stepwave.training.estimates.sizes import ModelSizes, block_matrix_parameters, lora_parameters
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.stages import Part, Portion, Stage

TEXT_RATE: Final = 4.0
"""Text tokens in a second of speech: two and a half to three words. An assumption; it moves shares, not totals."""
STATES_PER_POSITION: Final = round(2 * ENCODER_RATE / POSITION_RATE)
"""50 Hz states of the encoder under one position of the language model."""


@dataclass(frozen=True)
class Hardware:
    """A device to compute on."""

    name: str
    peak_flops: float
    """FLOPs a second of its matrix units in bfloat16, dense."""
    memory_bytes: float

    def __post_init__(self) -> None:
        if self.peak_flops <= 0 or self.memory_bytes <= 0:
            raise ConfigError(f"{self.name}: peak and memory must be above 0")


H100: Final = Hardware("H100 80 GB (SXM)", 989e12, 80e9)
"""Peak from NVIDIA's data sheet, without sparsity."""


@dataclass(frozen=True)
class Makeup:
    """Of a task's positions, the share of each sort. The rest carries no label: instructions, what a human wrote."""

    heard: float = 0.0
    """Filled by the adaptor."""
    text: float = 0.0
    """Labelled with a text token, padding in spoken sections included."""
    speech: float = 0.0
    """Labelled with a speech token."""

    def __post_init__(self) -> None:
        if min(self.heard, self.text, self.speech) < 0 or self.heard + self.text + self.speech > 1 + 1e-9:
            raise ConfigError(f"{self}: shares must be 0 or more and make 1 at most")


def _makeup(heard: float = 0.0, said: float = 0.0, read: float = 0.0, written: float = 0.0) -> Makeup:
    """From seconds of speech that are heard, said with their text, read by the model, written by it."""
    groups = said * SPEECH_TOKEN_RATE / SPEECH_PER_GROUP
    listening, reading, writing = heard * POSITION_RATE, read * TEXT_RATE, written * TEXT_RATE
    total = listening + reading + writing + groups * GROUP
    return Makeup(listening / total, (writing + groups) / total, groups * SPEECH_PER_GROUP / total)


MAKEUPS: Final[Mapping[str, Makeup]] = {
    "text": Makeup(text=1.0),
    "chat": _makeup(read=1, written=2),
    "asr": _makeup(heard=1, written=1),
    "s2tt": _makeup(heard=1, written=1),
    "tts": _makeup(read=1, said=1),
    "t2st": _makeup(read=1, said=1),
    "s2st": _makeup(heard=1, said=1),
    "continuation": _makeup(heard=1, written=1),
    "interleaved": _makeup(said=1, written=1),
    "conversation": _makeup(heard=1, said=1),
    "tools": _makeup(heard=1, said=1),
    "caption": _makeup(heard=1, written=1),
    "qa": _makeup(heard=1, read=1, written=1),
    "paralinguistic": _makeup(heard=1, read=1, written=1),
}
"""By kind of record or the report's name of a task. Assumed: as long heard as answered, an interleaved monologue half
sound, a written answer twice its question."""


def known(portion: Portion) -> bool:
    """Whether it is known what a portion's positions are, by its task or the kind that its sources keep."""
    return _kind(portion) in MAKEUPS


def makeup(portion: Portion) -> Makeup:
    """What a portion's positions are; those of a task that nobody described count as conversation."""
    return MAKEUPS.get(_kind(portion), MAKEUPS["conversation"])


def _kind(portion: Portion) -> str:
    if portion.task in MAKEUPS:
        return portion.task
    kinds = {kind for source in portion.sources for kind in source.kinds}
    return kinds.pop() if len(kinds) == 1 else portion.task


def mean_makeup(stage: Stage) -> Makeup:
    """What a stage's positions are, all portions together."""
    total = sum(portion.tokens for portion in stage.portions)
    parts = [(makeup(portion), portion.tokens / total) for portion in stage.portions]
    return Makeup(
        sum(each.heard * share for each, share in parts),
        sum(each.text * share for each, share in parts),
        sum(each.speech * share for each, share in parts),
    )


def learns(stage: Stage, part: Part, sizes: ModelSizes) -> bool:
    """Whether a part learns; a tied head goes with the embedding."""
    return ("embedding" if part == "head" and sizes.decoder.tied else part) in stage.rates


def passes_blocks(stage: Stage) -> bool:
    """Whether gradients go back through the decoder's blocks: something in them or before them learns."""
    return bool(set(stage.rates) - {"head"})


def encoder_flops(config: EncoderConfig, piece_seconds: float = PIECE_SECONDS) -> float:
    """Forward FLOPs under one position heard, in pieces so long: attention goes over a whole piece."""
    w, states = config.width, piece_seconds * 2 * ENCODER_RATE
    # Two mel frames to a state: conv1 runs at their rate.
    convolutions = 2 * 2 * 3 * config.bands * w + 2 * 3 * w * w
    blocks = config.layers * (2 * 12 * w * w + 4 * w * states)
    return STATES_PER_POSITION * (convolutions + blocks)


def adaptor_flops(config: AdaptorConfig, learns: bool, encoder_learns: bool) -> float:
    """FLOPs of one position heard, backward included."""
    convolution = 2 * 3 * config.width * config.width
    linear = 2 * config.hidden * (config.width + config.llm_width)
    # Inputs of the convolution need no gradient where the encoder is frozen.
    return convolution * (1 + learns + encoder_learns) + linear * (1 + learns + (learns or encoder_learns))


def attention_flops(config: DecoderConfig, visible: float, backward: bool = True) -> float:
    """FLOPs of scores and weighted sums of all blocks for a position that sees `visible` positions, itself included."""
    return config.layers * 4 * config.heads * config.head_dim * visible * (3 if backward else 1)


def position_flops(
    sizes: ModelSizes,
    stage: Stage,
    lora: LoraConfig | None = None,
    document_length: float | None = None,
    stored_frames: bool = False,
    of: Makeup | None = None,
    piece_seconds: float = PIECE_SECONDS,
) -> dict[str, float]:
    """Mean FLOPs of one position of a stage, by part; attention over the decoder's positions stands apart.

    Args:
        sizes: the model.
        stage: what learns, on which mix.
        lora: adapters in place of the decoder's own weights.
        document_length: mean positions of a document; by default one fills a whole sequence, the most there can be.
        stored_frames: the encoder's output was computed beforehand.
        of: what positions are, where it was counted; by default what the stage's mix is taken to be made of.
        piece_seconds: how long the pieces are that the encoder hears.
    """
    config = sizes.decoder
    of = mean_makeup(stage) if of is None else of
    encoder_learns, decoder_learns = learns(stage, "encoder", sizes), learns(stage, "decoder", sizes)
    back = passes_blocks(stage)
    matrices = 2 * config.layers * block_matrix_parameters(config)
    blocks = matrices * (1 + back + (decoder_learns and lora is None))
    if lora is not None:
        blocks += 6 * lora_parameters(config, lora)
    rows = of.text * sizes.text_rows + of.speech * sizes.speech_rows
    length = min(document_length or stage.sequence_length, stage.sequence_length)
    encoder = (
        0.0
        if stored_frames and not encoder_learns
        else encoder_flops(sizes.encoder, piece_seconds) * (3 if encoder_learns else 1)
    )
    return {
        "encoder": of.heard * encoder,
        "adaptor": of.heard * adaptor_flops(sizes.adaptor, learns(stage, "adaptor", sizes), encoder_learns),
        "decoder": float(blocks),
        "attention": attention_flops(config, (length + 1) / 2, back),
        "head": 2 * config.hidden_size * rows * (1 + back + learns(stage, "head", sizes)),
    }


def device_hours(flops: float, hardware: Hardware, utilisation: float = 0.4) -> float:
    """Hours of one device for so many FLOPs at a share `utilisation` of its peak.

    Raises ConfigError for a share that is not above 0 and at most 1.
    """
    if not 0 < utilisation <= 1:
        raise ConfigError(f"a utilisation of {utilisation:g}; wanted a share of the peak above 0, at most 1")
    return flops / (hardware.peak_flops * utilisation) / 3600
