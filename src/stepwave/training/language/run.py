"""A run of the speech language model as data: one stage, where it starts, how it is computed and fed.

Recipes make these; `modelling` carries them out. Nothing here builds a model or opens a file.
"""

from dataclasses import dataclass, field
from typing import Literal

from stepwave.data.filters import FilterConfig
from stepwave.data.loader_config import Policy
from stepwave.facts.errors import ConfigError
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.stages import Part, Portion, Stage


@dataclass(frozen=True)
class LossSettings:
    """What is minimised: the mean cross-entropy of labelled positions over all processes."""

    text_weight: float = 1.0
    """How many speech tokens a text token is worth."""
    z_loss: float = 0.0
    """Weight of the squared log-partition (PaLM, section 5), which keeps logits from drifting; 1e-4 is usual."""
    by_slot: bool = False
    """Score a text slot over text rows and a speech slot over speech rows alone, as our decoding does, which saves most
    of the head's cost. Other programs decode over all rows, so what they are to read is trained over all."""

    def __post_init__(self) -> None:
        if self.text_weight <= 0 or self.z_loss < 0:
            raise ConfigError(f"bad losses {self}: wanted a text weight above 0 and a z-loss of 0 or more")


@dataclass(frozen=True)
class Feeding:
    """How records reach the model."""

    heard: Literal["frames", "mel"] = "mel"
    """What is read of a sound: the frozen encoder's stored frames, or the sound itself, encoded while training."""
    sequences_at_once: int = 1
    """Packed sequences in one forward pass of one process; a step's others are accumulated."""
    workers: int = 2
    """Processes that read and render; 0 does it between steps."""
    packed: bool = True
    """Several records to a sequence; without, each has a row of its own."""
    on_bad_record: Policy = "skip"
    """What to do with a record whose sound or turns can't be used."""
    on_long_record: Policy = "skip"
    """What to do with a record that is longer than a sequence."""
    filters: FilterConfig = field(default_factory=FilterConfig)
    """Which records are taken at all; the split is each source's."""
    held_out: str | None = None
    """Folder with the list of voices and texts that training keeps away from (`data.held_out`)."""

    def __post_init__(self) -> None:
        if self.sequences_at_once < 1 or self.workers < 0:
            raise ConfigError(f"bad feeding {self}: wanted 1 sequence at once or more, 0 workers or more")


@dataclass(frozen=True)
class Checks:
    """What is measured on held-out records while training."""

    portions: tuple[Portion, ...] = ()
    """One figure of each kind for each; their token numbers mean nothing."""
    records: int = 24
    """Records of each that are gone through: few, since they interrupt training."""
    transcribed: tuple[str, ...] = ()
    """Checks whose records are also written down, for their word errors; only where a process holds the whole model."""
    language: str = "en"
    """In which words are counted."""


@dataclass(frozen=True)
class LanguageRun:
    """One stage and all that it takes to run it."""

    stage: Stage
    start: str
    """Where weights come from: a model's name or folder, or a run that is done."""
    losses: LossSettings = field(default_factory=LossSettings)
    feeding: Feeding = field(default_factory=Feeding)
    checks: Checks = field(default_factory=Checks)
    lora: LoraConfig | None = None
    """Train low-rank changes of the decoder's projections instead of the projections."""
    shared_digits: bool = False
    """Add to every speech token's row one vector per digit of its code while training (`speech_rows`)."""
    recompute: bool = False
    """Compute each decoder block again in the backward pass instead of keeping its activations."""
    tensor_parallel: int = 1
    """Processes that split every block's matrices among them."""
    prompts: Literal["nano", "released"] = "nano"
    """Whose system prompts records are rendered with."""
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1
    """Of matrices other than embeddings."""
    clip_norm: float = 1.0
    clip_each: bool = False
    """Clip tensors one by one instead of all together."""

    def __post_init__(self) -> None:
        if self.lora is not None and "decoder" not in self.stage.rates:
            raise ConfigError(f"stage {self.stage.name} has LoRA and no learning rate for the decoder; give it one")
        if self.lora is not None and self.tensor_parallel > 1:
            raise ConfigError(
                f"stage {self.stage.name} has LoRA and blocks split between {self.tensor_parallel} processes; leave "
                "one out: sharded parameters alone fit large models too"
            )
        if self.stage.sequences_per_step % self.feeding.sequences_at_once:
            raise ConfigError(
                f"stage {self.stage.name} has {self.stage.sequences_per_step} sequences a step, which cannot be taken "
                f"{self.feeding.sequences_at_once} at a time; choose a divisor"
            )

    def optimiser(self, part: Part) -> OptimiserConfig:
        """Settings of the optimiser of one part that learns."""
        rates = self.stage.rates[part]
        return OptimiserConfig(
            rates.peak,
            self.stage.warmup_steps,
            rates.final_fraction,
            self.stage.schedule,
            self.betas,
            # A row of an embedding that no batch shows would only be pulled towards zero.
            0.0 if part == "embedding" else self.weight_decay,
            self.clip_norm,
            self.clip_each,
        )

    def training(self, name: str, save_every: int, validate_every: int, log_every: int = 10) -> TrainConfig:
        """How the run goes; computed in bfloat16."""
        return TrainConfig(
            name,
            self.stage.steps,
            {part: self.optimiser(part) for part in self.stage.rates},
            precision="bfloat16",
            save_every=save_every,
            validate_every=validate_every,
            log_every=log_every,
        )
