"""Whisper as a subject: it writes down what it hears, and does nothing else."""

import time
from pathlib import Path
from typing import Any

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.question import Question, Wanted, written_prompt
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.facts.errors import ConfigError
from stepwave.prepare.transcribers import Transcriber, WhisperTranscriber


class TranscribingSubject:
    """See `subject.Subject`; answers come from a transcriber, which is told the language."""

    at_once = 1

    def __init__(self, transcriber: Transcriber, name: str) -> None:
        self._transcriber = transcriber
        self.name = name
        self.revision = transcriber.name
        self.facts: dict[str, Any] = {"kind": "transcriber", "transcriber": transcriber.name}

    def prepare(self, wanted: Wanted) -> None:
        """See `Subject.prepare`."""
        if wanted != "transcript":
            raise ConfigError(f"{self.name} writes down speech and can't be asked for another thing ({wanted})")

    def ask(self, question: Question) -> Produced:
        """See `Subject.ask`."""
        self.prepare(question.wanted)
        samples = question.recording
        started = time.perf_counter()
        text = self._transcriber.hear(samples, question.language)
        seconds = time.perf_counter() - started
        return Produced(text, seconds=seconds, prompt=written_prompt(None, question.turns))


def open_subject(target: str, options: SubjectOptions) -> TranscribingSubject:
    """The Whisper model in a folder. Raises CheckpointNotFoundError where there is none."""
    return TranscribingSubject(WhisperTranscriber(Path(target), options.threads or 1), f"whisper:{target}")
