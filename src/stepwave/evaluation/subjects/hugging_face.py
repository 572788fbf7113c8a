"""A speech recogniser of Hugging Face's `transformers`: its recognition pipeline, greedy, in float32.

    hf:FOLDER        a model's folder
    hf:OWNER/NAME    the same from the hub's local cache; nothing is fetched

Weights are read from safetensors alone, and code that comes with a model is never run.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from stepwave.checkpoints.locate import locate
from stepwave.evaluation.answers import Produced
from stepwave.evaluation.question import Question, Wanted, written_prompt
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.evaluation.subjects.own import revision
from stepwave.facts.errors import ConfigError, MissingExtraError, UnsafeFileError, short_reason
from stepwave.facts.rates import INPUT_SAMPLE_RATE

PIECE_SECONDS: Final = 30.0
"""What Whisper hears at once; of longer recordings it is asked with timestamps, which lead it on."""


class RecogniserPipeline:
    """See `subject.Subject`. Whisper is told the language, and translates into English where that is wanted.

    Raises CheckpointNotFoundError where there is no such model, UnsafeFileError where its weights are no safetensors,
    ConfigError for one that is no recogniser; MissingExtraError.
    """

    at_once = 1

    def __init__(self, target: str, device: str = "cpu", threads: int | None = None) -> None:
        folder = locate(target)
        if not any(folder.glob("*.safetensors")):
            raise UnsafeFileError(
                f"{folder} has no .safetensors; other weights may run code when they are read: convert them first"
            )
        self.name, self.revision = f"hf:{target}", revision(folder)
        transformers = _package()
        self.facts: dict[str, Any] = {
            "kind": "transformers pipeline", "transformers": transformers.__version__, "device": device,
            "decoding": "greedy, float32",
        }  # fmt: skip
        self._pipeline = _opened(transformers, folder, device, threads)
        settings = self._pipeline.model.config
        self._whisper = settings.model_type == "whisper"
        generation = getattr(self._pipeline.model, "generation_config", None)
        self._told = self._whisper and bool(getattr(generation, "is_multilingual", False))

    def prepare(self, wanted: Wanted) -> None:
        """See `Subject.prepare`."""
        if wanted != "transcript" and not (wanted == "translation" and self._told):
            raise ConfigError(f"{self.name} writes down speech and can't be asked for another thing ({wanted})")

    def ask(self, question: Question) -> Produced:
        """See `Subject.ask`."""
        self.prepare(question.wanted)
        samples = question.recording
        if question.wanted == "translation" and question.answer_language != "en":
            raise ConfigError(f"{self.name} translates into English alone, not into {question.answer_language}")
        settings: dict[str, Any] = {}
        if self._whisper:
            settings["generate_kwargs"] = {"num_beams": 1, "do_sample": False}
            if len(samples) > PIECE_SECONDS * INPUT_SAMPLE_RATE:
                settings["return_timestamps"] = True
        if self._told:
            task = "transcribe" if question.wanted == "transcript" else "translate"
            settings["generate_kwargs"] |= {"language": question.language, "task": task}
        sound = {"raw": np.array(samples), "sampling_rate": INPUT_SAMPLE_RATE}
        started = time.perf_counter()
        text = str(self._pipeline(sound, **settings)["text"]).strip()
        seconds = time.perf_counter() - started
        return Produced(text, seconds=seconds, prompt=written_prompt(None, question.turns))


def open_subject(target: str, options: SubjectOptions) -> RecogniserPipeline:
    """The recogniser of a name or folder; see `RecogniserPipeline`."""
    return RecogniserPipeline(target, options.device, options.threads)


def _package() -> Any:
    try:
        return importlib.import_module("transformers")
    except ModuleNotFoundError:
        raise MissingExtraError("hf", "transformers") from None


def _opened(transformers: Any, folder: Path, device: str, threads: int | None) -> Any:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    try:
        return transformers.pipeline(
            "automatic-speech-recognition",
            model=str(folder),
            device=device,
            dtype=torch.float32,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{folder} can't be opened as a speech recogniser of transformers: {short_reason(error)}"
        ) from error
