"""What subjects behind an address share: how they are named, how patiently they are asked, how sound is sent."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import soundfile

from stepwave.evaluation.question import Question, Said, Wanted
from stepwave.facts.errors import ConfigError, ServiceError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.prepare.writing.guarded_client import persist
from stepwave.prepare.writing.writer import WriterError, check_address
from stepwave.signal.pcm import to_int16
from stepwave.signal.resample import Samples
from stepwave.text.language_names import LANGUAGE_NAMES
from stepwave.text.prompts import TRANSLATE, TRANSLATE_TO_SPEECH

SECONDS: Final = 300.0
"""Longest wait for one answer as a whole."""
MOST_BYTES: Final = 64 * 1024**2
"""Largest answer that is read: twenty minutes of speech in base64."""
RETRIES: Final = 2
"""How often a question that failed for a reason that may pass is asked again."""
PAUSE_SECONDS: Final = 1.0
"""Before the first of them; twice as long before the next."""
PATIENCE: Final = 5
"""Questions in a row that an endpoint may fail to answer before it is no longer asked in this run."""
VOICE: Final = "alloy"
"""OpenAI's name for a voice, which servers with other voices take for their own."""
_PROMPTS: Final[Mapping[Wanted, str]] = {"translation": TRANSLATE, "spoken_translation": TRANSLATE_TO_SPEECH}
_T = TypeVar("_T")


@dataclass(frozen=True)
class Target:
    """An endpoint and the model that it is asked for."""

    url: str
    model: str

    @classmethod
    def parse(cls, kind: str, target: str) -> Target:
        """From `URL#MODEL`. Raises ConfigError for another form, and for an address that may hold a secret."""
        url, _, model = target.partition("#")
        if not url or not model:
            raise ConfigError(
                f"'{kind}:{target}' names no model; wanted an address and a model as in "
                f"{kind}:http://127.0.0.1:8000/v1#nano"
            )
        check_address(url)
        return cls(url.rstrip("/"), model)

    @property
    def revision(self) -> str:
        """The model's name and where it is asked: what is behind an address can't be told any better from outside."""
        return f"{self.model}-{hashlib.sha256(self.url.encode()).hexdigest()[:8]}"


class Patient:
    """Asks again what may pass, and no longer asks an endpoint that fails every time. For several threads."""

    def __init__(self, url: str, retries: int = RETRIES, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._url, self._retries, self._pause = url, retries, pause_seconds
        self._failed_in_a_row = 0
        self._lock = threading.Lock()

    def ask(self, once: Callable[[], _T]) -> _T:
        """What `once` gives. Raises ServiceError where it fails in the end, ConfigError as `once` does."""
        if self._failed_in_a_row >= PATIENCE:
            raise ServiceError(
                f"{self._url} failed {self._failed_in_a_row} times in a row and is not asked again; "
                "see to it, then run again: only what failed is asked"
            )
        try:
            given = persist(once, self._retries, self._pause)
        except WriterError as problem:
            if problem.again:
                self._failed()
            raise ServiceError(f"{self._url} gave no answer: {problem}") from problem
        except ConfigError:
            self._failed()
            raise
        self._failed_in_a_row = 0
        return given

    def _failed(self) -> None:
        with self._lock:
            self._failed_in_a_row += 1


def system_prompt(question: Question) -> str | None:
    """What the model is told before the conversation: the question's own, else for a translation the released one."""
    if question.system is not None or question.wanted not in _PROMPTS:
        return question.system
    code = question.answer_language
    return _PROMPTS[question.wanted].format(language=LANGUAGE_NAMES.get(code, code))


def wav_file(samples: Samples) -> bytes:
    """Samples [n] at 16 kHz as a 16-bit wav."""
    file = io.BytesIO()
    soundfile.write(file, to_int16(samples), INPUT_SAMPLE_RATE, "PCM_16", format="WAV")
    return file.getvalue()


def check_turn(turn: Said) -> None:
    """Raise ConfigError for what no such endpoint can be told: an earlier answer as a sound without its words."""
    if turn.side != "user" and turn.samples is not None and not turn.text:
        raise ConfigError("an endpoint takes earlier answers by their words; give the turn a text in place of a sound")
