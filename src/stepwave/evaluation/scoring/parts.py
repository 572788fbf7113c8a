"""The named parts that scoring is given: who listens, who judges, who compares voices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from stepwave.evaluation.scoring.judges import Judges, RememberingJudges
from stepwave.evaluation.scoring.listener import Listener, RememberingListener
from stepwave.evaluation.scoring.voice_ear import VoiceEar

HEARINGS_FILE: Final = "hearings.jsonl"


@dataclass(frozen=True)
class Parts:
    """What scoring uses besides the answers. Their names are stored with the figures."""

    listener: Listener
    """Writes down what spoken answers say."""
    judges: Judges | None = None
    """Say whether answers are right, or how good; None where nobody was named, and measures that ask one fail."""
    second: Judges | None = None
    """Asked as well, to see how far the two agree; their verdicts are in no figure."""
    voices: VoiceEar | None = None
    """Compares voices; None where none are compared."""

    def remembering(self, folder: Path) -> Parts:
        """The same, with what is heard and judged kept in a run's folder."""
        return replace(
            self,
            listener=RememberingListener(self.listener, folder / HEARINGS_FILE),
            judges=None if self.judges is None else RememberingJudges(self.judges, folder),
            second=None if self.second is None else RememberingJudges(self.second, folder),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """Their names, as they are stored."""
        return {
            "listener": self.listener.name,
            "judge": None if self.judges is None else self.judges.name,
            "second judge": None if self.second is None else self.second.name,
        }
