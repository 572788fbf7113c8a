"""Programs that write down what a sound says, behind one contract; each is named with its revision and settings.

    whisper:FOLDER   Whisper in CTranslate2's format from a folder, by faster-whisper; offline
    whisper:NAME     the same by a name such as `base.en`, from the local cache or the hub
    stepwave:MODEL   a model of this project (`nano`, a folder)

Checking a sound against the text that it should say is quicker with `reading_along`.
"""

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from stepwave.checkpoints.inspection import file_digest
from stepwave.facts.errors import CheckpointNotFoundError, ConfigError, MissingExtraError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

TOKENS_PER_SECOND: Final = 8
"""Most that Whisper may write per second of sound; quick English has six. On noise it would repeat itself without end,
and one such sound would outweigh a hundred good ones in an error rate."""
_SPARE_TOKENS: Final = 16
_MOST_TOKENS: Final = 400


class Transcriber(Protocol):
    """Writes down what it hears."""

    name: str
    """What it is, revision and settings included: the same name gives the same text for the same sound."""

    def hear(self, samples: Samples, language: str = "en") -> str:
        """The words in a sound `[n]` at 16 kHz."""
        ...

    def hear_many(self, sounds: Sequence[Samples], language: str = "en") -> list[str]:
        """The words in each of several sounds."""
        ...


class WhisperTranscriber:
    """Whisper by faster-whisper on a CPU, int8, greedy. Opened when the first sound comes.

    Raises CheckpointNotFoundError where `model` is a folder without such a model; MissingExtraError.
    """

    def __init__(self, model: Path | str, threads: int = 1) -> None:
        self.model, self.threads = model, threads
        self.local = isinstance(model, Path)
        named = str(model)
        if isinstance(model, Path):
            for file in ("model.bin", "tokenizer.json"):
                if not (model / file).is_file():
                    raise CheckpointNotFoundError(
                        f"{model} has no {file}: a Whisper model in CTranslate2's format is wanted to listen; "
                        "run `stepwave prepare nano --step starting`, which brings one, or name its folder"
                    )
            named = f"{model.name} {file_digest(model / 'model.bin')[:8]}"
        version = _package().__version__
        self.name = f"{named}, int8, greedy, {TOKENS_PER_SECOND} tokens a second (faster-whisper {version})"
        self._model: Any = None

    def hear(self, samples: Samples, language: str = "en") -> str:
        """See `Transcriber.hear`."""
        if self._model is None:
            self._model = _package().WhisperModel(
                str(self.model), device="cpu", compute_type="int8", cpu_threads=self.threads,
                local_files_only=self.local,
            )  # fmt: skip
        bound = _SPARE_TOKENS + TOKENS_PER_SECOND * math.ceil(len(samples) / INPUT_SAMPLE_RATE)
        # One temperature: the fallback to higher ones samples, and would give another text every time.
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            max_new_tokens=min(bound, _MOST_TOKENS),
        )
        return "".join(segment.text for segment in segments).strip()

    def hear_many(self, sounds: Sequence[Samples], language: str = "en") -> list[str]:
        """See `Transcriber.hear_many`."""
        return [self.hear(samples, language) for samples in sounds]


class StepwaveTranscriber:
    """A model of this project as a transcriber."""

    def __init__(self, model: str) -> None:
        from stepwave.dialogue.loading import load

        self.name = f"stepwave {model}"
        self._model = load(model)

    def hear(self, samples: Samples, language: str = "en") -> str:
        """See `Transcriber.hear`; the language is whatever the model takes it for."""
        return self._model.transcribe(samples).strip()

    def hear_many(self, sounds: Sequence[Samples], language: str = "en") -> list[str]:
        """See `Transcriber.hear_many`."""
        return [self.hear(samples, language) for samples in sounds]


def open_transcriber(spec: str, threads: int = 1) -> Transcriber:
    """The transcriber that `spec` names (see above).

    Raises ConfigError for a name of another form, and what opening it raises.
    """
    kind, _, what = spec.partition(":")
    if kind == "whisper" and what:
        return WhisperTranscriber(Path(what) if Path(what).is_dir() else what, threads)
    if kind in ("stepwave", "nano"):
        return StepwaveTranscriber(what or "nano")
    raise ConfigError(f"no transcriber {spec!r}; wanted whisper:FOLDER, whisper:NAME, or stepwave:MODEL")


def _package() -> Any:
    try:
        return importlib.import_module("faster_whisper")
    except ModuleNotFoundError:
        raise MissingExtraError("eval", "faster_whisper") from None
