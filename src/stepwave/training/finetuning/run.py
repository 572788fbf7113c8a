"""Carries out the fine-tuning `recipe`: how many steps fit into the minutes, held-out losses before and after.

A run that was stopped goes on; one that is done says what it found again. What comes before (records) and after (the
model) is `own_model`'s business.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from stepwave.data.collating import Batch
from stepwave.dialogue.engine import device_named
from stepwave.facts.errors import ConfigError
from stepwave.signal.atomic import replace_file
from stepwave.training.language.building import write_run
from stepwave.training.language.modelling import LanguageModelling
from stepwave.training.language.run import LanguageRun
from stepwave.training.parallel import Ranks
from stepwave.training.run import Run
from stepwave.training.trainer import Trainer

PLAN: Final = "plan.json"
LOSSES: Final = "losses.json"
LEAST_STEPS: Final = 10
MOST_PASSES: Final = 15
"""Minutes never become more passes over the records than this: a fast machine would only learn them by heart."""
TRAINING_SHARE: Final = 0.85
"""Share of the minutes that goes into steps; the rest is for checks and checkpoints."""
FIGURES: Final = {"text loss": "text_asr", "speech loss": "speech_tts"}
"""What is reported, and what the run calls it."""


@dataclass(frozen=True)
class Length:
    """How long a run is: a number of steps, or as many as fit into some minutes on this machine."""

    minutes: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.steps is None):
            raise ConfigError(f"minutes {self.minutes} and steps {self.steps} came; give one of them")
        if (self.minutes is not None and self.minutes <= 0) or (self.steps is not None and self.steps < 1):
            raise ConfigError(f"a length of {self} makes no sense; wanted more than 0 minutes, or 1 step or more")


@dataclass(frozen=True)
class Losses:
    """What a finished run found on held-out records, by the names of `FIGURES`, in nats a token."""

    step: int
    before: Mapping[str, float]
    after: Mapping[str, float]


def run_finetuning(
    make: Callable[[int], LanguageRun], name: str, runs: Path, length: Length, device: str, say: Callable[[str], None]
) -> Losses:
    """Train, or go on training, under `runs`/training/`name`.

    Args:
        make: the run of so many steps (`recipe`).
        name: of the run.
        runs: folder of runs and indexes; what is planned and found is kept there too.
        length: how long; a longer one than before goes on from where that ended.
        device: cpu or cuda.
        say: gets lines to be shown.

    Raises:
        KeyboardInterrupt: it was stopped, after a checkpoint.
        StepwaveError: see `Trainer.run` and `build_language_modelling`.
    """
    plan = _read(runs / PLAN)
    known = _read(runs / LOSSES)
    if plan.get("length") == asdict(length) and known.get("step") == plan["steps"]:
        return Losses(**known)
    provisional = Run.of_language(name, make(LEAST_STEPS), runs, save_every=25, validate_every=25)
    experiment = provisional.build()
    assert isinstance(experiment, LanguageModelling)
    trainer = Trainer(provisional.config, experiment, runs / "training", Ranks(device_named(device)))
    if trainer.resume():
        say(f"going on from step {trainer.step}")
    before = known.get("before") or _held_out(trainer, experiment)
    _write(runs / LOSSES, {"step": 0, "before": before, "after": {}})
    if plan.get("length") != asdict(length):
        plan = {"length": asdict(length), "steps": _planned(trainer, experiment, length, say)}
        _write(runs / PLAN, plan)
    steps = int(plan["steps"])
    language = make(steps)
    # The trainer was made before the number of steps was known; its optimisers follow whatever is set here.
    trainer.config = replace(
        language.training(name, save_every=25, validate_every=max(10, steps // 4), log_every=max(1, steps // 20)),
        trackers=(),
    )
    write_run(trainer.folder, trainer.config, language, device, 1)
    after = _named(trainer.run())
    if trainer.step < steps:
        say(f"stopped at step {trainer.step} of {steps}; the same command goes on from there")
        raise KeyboardInterrupt
    found = Losses(trainer.step, before, after)
    _write(runs / LOSSES, asdict(found))
    return found


def _planned(trainer: Trainer, experiment: LanguageModelling, length: Length, say: Callable[[str], None]) -> int:
    """How many steps a run of that length has."""
    if length.steps is not None:
        return max(length.steps, trainer.step)
    assert length.minutes is not None
    state = experiment.state()
    seconds = [_seconds(trainer, experiment) for _ in range(2)][-1]
    experiment.restore(state)
    records = sum(int(index.lengths.sum()) for supply in experiment.loader.supplies for index in supply.indexes)
    enough = -(-MOST_PASSES * records // experiment.run.stage.tokens_per_step)
    fitting = round(TRAINING_SHARE * 60 * length.minutes / seconds)
    steps = max(LEAST_STEPS, min(fitting, enough), trainer.step)
    passes = steps * experiment.run.stage.tokens_per_step / records
    say(f"a step takes {seconds:.1f} s: {steps} steps, which pass the recordings {passes:.1f} times")
    if fitting > enough:
        say(f"more would fit into {length.minutes:g} minutes and would be learnt by heart; --steps N trains longer")
    return steps


def _seconds(trainer: Trainer, experiment: LanguageModelling) -> float:
    """Time of a step, but for the optimiser's own, which is short."""
    started = time.monotonic()
    experiment.model.train()
    batch: list[Batch] = experiment.loader.next_step()
    with torch.autocast(trainer.ranks.device.type, torch.bfloat16, enabled=trainer.half):
        losses = list(experiment.losses(batch))
    for each in losses:
        each.minimise.backward()  # type: ignore[no-untyped-call]
    for parameter in experiment.model.parameters():
        parameter.grad = None
    return time.monotonic() - started


def _held_out(trainer: Trainer, experiment: LanguageModelling) -> dict[str, float]:
    """Losses as the trainer computes them, before it has made a step."""
    experiment.model.eval()
    with (
        torch.no_grad(),
        torch.autocast(trainer.ranks.device.type, torch.bfloat16, enabled=trainer.half),
    ):
        return _named(experiment.validate())


def _named(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: figures[own] for name, own in FIGURES.items() if own in figures}


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return content


def _write(path: Path, content: Mapping[str, object]) -> None:
    replace_file(path, (json.dumps(content, indent=1) + "\n").encode())
