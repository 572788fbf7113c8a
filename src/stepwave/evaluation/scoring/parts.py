"""The named parts that scoring is given: who listens, who judges, who compares voices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from stepwave.evaluation.scoring.listener import Listener, RememberingListener
from stepwave.evaluation.scoring.voice_ear import VoiceEar

HEARINGS_FILE: Final = "hearings.jsonl"


class Verdict(Protocol):
    """What a judge says of an answer."""

    @property
    def score(self) -> float:
        """1 and 0 for right and wrong, or points on the judge's scale."""
        ...

    @property
    def said(self) -> str:
        """The judge's own words."""
        ...


class Judge(Protocol):
    """Says whether an answer that can't be compared word by word is right, or how good it is."""

    @property
    def name(self) -> str:
        """The model, the prompt and the settings: the same name gives the same verdict for the same texts."""
        ...

    def judge(self, question: str, reference: str, answer: str) -> Verdict:
        """The verdict on an answer. Raises UnscorableError where there is none, or none that can be read."""
        ...


@dataclass(frozen=True)
class Parts:
    """What scoring uses besides the answers. Their names are stored with the figures."""

    listener: Listener
    """Writes down what spoken answers say."""
    judge: Judge | None = None
    """Says whether answers are right; None where nobody was named, and measures that ask one fail."""
    voices: VoiceEar | None = None
    """Compares voices; None where none are compared."""

    def remembering(self, folder: Path) -> Parts:
        """The same, with what is heard kept in a run's folder."""
        return replace(self, listener=RememberingListener(self.listener, folder / HEARINGS_FILE))

    @property
    def facts(self) -> dict[str, Any]:
        """Their names, as they are stored."""
        return {"listener": self.listener.name, "judge": None if self.judge is None else self.judge.name}
