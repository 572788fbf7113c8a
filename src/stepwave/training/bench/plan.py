"""What is measured by `stepwave bench train`: a recipe or a made-up shape, with what is to be tried changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from stepwave.facts.errors import ConfigError
from stepwave.layers.packed_documents import Way
from stepwave.training.bench.made_up import build_made_up, made_up_run, shape_of
from stepwave.training.config import TrainConfig
from stepwave.training.experiment import Experiment
from stepwave.training.language.building import build_language_modelling
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.modelling import LanguageModelling
from stepwave.training.language.run import Checks, Feeding, LanguageRun
from stepwave.training.run import Run


@dataclass(frozen=True)
class Changes:
    """What is tried instead of a recipe's or a shape's own; None leaves it."""

    sequence_length: int | None = None
    """Positions of a packed sequence."""
    at_once: int | None = None
    """Sequences in one forward pass of one process."""
    sequences: int | None = None
    """Sequences in a step over all processes."""
    recompute: bool | None = None
    """Compute blocks again in the backward pass instead of keeping their activations."""
    compiled: bool | None = None
    """Compile the decoder's blocks."""
    precision: Literal["float32", "bfloat16"] | None = None
    packed: bool | None = None
    """Several documents to a sequence."""
    attention: Way | None = None
    """How packed documents are attended to."""
    lora_rank: int | None = None
    """Adapters of this rank learn instead of the decoder's own weights."""
    workers: int | None = None
    """Processes that read and render."""
    document_length: int | None = None
    """Mean positions of a made-up document."""

    def __post_init__(self) -> None:
        for name in ("sequence_length", "at_once", "sequences", "lora_rank", "document_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}; wanted 1 or more")

    @property
    def given(self) -> list[str]:
        """Names of those that are not None."""
        return [name for name, value in vars(self).items() if value is not None]


COMPARED: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "compile": {"not compiled": {"compiled": False}, "compiled": {"compiled": True}},
    "recompute": {"activations kept": {"recompute": False}, "computed again": {"recompute": True}},
    "packed": {"a row for each": {"packed": False}, "packed": {"packed": True}},
    "precision": {"float32": {"precision": "float32"}, "bfloat16": {"precision": "bfloat16"}},
    "attention": {"a plain mask": {"attention": "mask"}, "what suits the device": {"attention": None}},
}
"""What can be compared: by its name the variants, by theirs what changes. The others are held against the first."""


def variants(changes: Changes, compared: str | None) -> dict[str, Changes]:
    """What is to be measured one after the other; without `compared` the changes alone, under no name."""
    if compared is None:
        return {"": changes}
    return {label: replace(changes, **fields) for label, fields in COMPARED[compared].items()}


@dataclass(frozen=True)
class Plan:
    """What is to be measured. Making one loads nothing; `build` does."""

    config: TrainConfig
    build: Callable[[], Experiment]
    language: LanguageRun | None
    """None for an experiment other than the speech language model's."""
    attention: Way | None = None


def plan_recipe(run: Run, runs: Path, changes: Changes) -> Plan:
    """Measure a recipe.

    Raises ConfigError where it cannot be changed so.
    """
    if changes.document_length is not None:
        raise ConfigError(
            f"a document length came with the recipe {run.config.name}, whose documents are real; drop it"
        )
    if run.language is None:
        others = [name for name in changes.given if name not in ("compiled", "precision")]
        if others:
            raise ConfigError(
                f"{', '.join(others)} came for {run.config.name}, which is no stage of the speech language model; only "
                "compilation and precision can be changed there"
            )
        return Plan(_config(run.config, changes), run.build, None)
    # Nothing is checked while measuring, and checks take memory.
    language = replace(_changed(run.language, changes), checks=Checks())

    def build() -> Experiment:
        return _attending(build_language_modelling(language, runs), changes.attention)

    return Plan(_config(run.config, changes), build, language, changes.attention)


def plan_shape(
    name: str, changes: Changes, *, layers: int = 4, full_head: bool = False, processes: int = 1, workers: int = 0
) -> Plan:
    """Measure a made-up model on made-up documents.

    Args:
        name: of the shape (`made_up.shape_of`).
        changes: to what it is by itself.
        layers: see there.
        full_head: see there.
        processes: how many take sequences of their own; by default each gets as many as it computes at once.
        workers: processes that render, unless `changes` tell.

    Raises ConfigError for a shape that is not known, or settings that contradict each other.
    """
    shape = shape_of(name, layers, full_head)
    if changes.document_length is not None:
        shape = replace(shape, document_length=changes.document_length)
    at_once = changes.at_once or 1
    lora = None if changes.lora_rank is None else LoraConfig(changes.lora_rank)
    run = made_up_run(shape, name, processes * at_once, Feeding(heard="frames", workers=workers), lora)
    language = _changed(run, changes)
    config = language.training(name, save_every=1_000_000, validate_every=1_000_000)

    def build() -> Experiment:
        return _attending(build_made_up(language, shape), changes.attention)

    return Plan(_config(config, changes), build, language, changes.attention)


def _config(config: TrainConfig, changes: Changes) -> TrainConfig:
    """How a run goes while it is measured: no trackers, which write files."""
    return replace(
        config,
        trackers=(),
        compile=config.compile if changes.compiled is None else changes.compiled,
        precision=changes.precision or config.precision,
    )


def _changed(language: LanguageRun, changes: Changes) -> LanguageRun:
    stage, feeding = language.stage, language.feeding
    stage = replace(
        stage,
        sequence_length=changes.sequence_length or stage.sequence_length,
        sequences_per_step=changes.sequences or stage.sequences_per_step,
    )
    feeding = replace(
        feeding,
        sequences_at_once=changes.at_once or feeding.sequences_at_once,
        packed=feeding.packed if changes.packed is None else changes.packed,
        workers=feeding.workers if changes.workers is None else changes.workers,
    )
    return replace(
        language,
        stage=stage,
        feeding=feeding,
        recompute=language.recompute if changes.recompute is None else changes.recompute,
        lora=language.lora if changes.lora_rank is None else LoraConfig(changes.lora_rank),
    )


def _attending(experiment: LanguageModelling, way: Way | None) -> LanguageModelling:
    if way is not None:
        experiment.model.attention = way
    return experiment
