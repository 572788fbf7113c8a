"""From a language run's data to its experiment, and to the record of it in the run's folder."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepwave.checkpoints.environment import environment
from stepwave.checkpoints.runs import RUN
from stepwave.facts.errors import OutputError
from stepwave.training.config import TrainConfig
from stepwave.training.language.feeding import Feeder
from stepwave.training.language.model import SpeechLanguageModel
from stepwave.training.language.modelling import LanguageModelling
from stepwave.training.language.run import LanguageRun
from stepwave.training.language.speech_rows import SharedDigits
from stepwave.training.language.starting import open_start


def build_language_modelling(run: LanguageRun, runs: Path, seed: int = 0) -> LanguageModelling:
    """Open where a run starts and what it is fed with.

    `runs` is the folder of runs (`runs/training/NAME`) and of indexes (`runs/indexes`).
    Raises ConfigError, CheckpointError: see `open_start`.
    """
    start = open_start(run.start, runs / "training")
    hears = run.feeding.heard == "mel"
    model = SpeechLanguageModel(
        start.adaptor,
        start.decoder,
        start.tokenizer.special,
        run.losses,
        start.encoder if hears else None,
        SharedDigits(start.decoder.config.hidden_size) if run.shared_digits else None,
    )
    feeder = Feeder(run, start.tokenizer, start.encoder.config.bands, runs / "indexes", seed)
    return LanguageModelling(run, model, feeder)


def write_run(folder: Path, config: TrainConfig, language: LanguageRun | None, device: str, processes: int) -> None:
    """Record in a run's folder what is run, from what start, by which code, on what. Raises OutputError."""
    record: dict[str, Any] = {
        "name": config.name,
        "start": None if language is None else language.start,
        "config": asdict(config),
        "language": None if language is None else asdict(language),
        "command": sys.argv,
        "device": device,
        "processes": processes,
        "environment": environment(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RUN).write_text(json.dumps(record, indent=1, default=str) + "\n", encoding="utf-8")
    except OSError as failure:
        raise OutputError(f"{folder / RUN} can't be written: {failure.strerror}") from None
