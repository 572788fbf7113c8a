"""What a suite asks, as a protocol: whatever answers a `Question` can be measured.

Implementations lie in `subjects`; `subjects.opening` finds one by the name that a user gives.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.question import Question, Wanted
from stepwave.signal.resample import Samples


class Subject(Protocol):
    """A model under test, or whatever else answers questions."""

    name: str
    """As the user named it."""
    revision: str
    """Tells two states of it apart: answers of two revisions are never mixed in a run."""
    facts: Mapping[str, Any]
    """What else decides its answers (settings, prompts, addresses), as JSON values without secrets."""
    at_once: int
    """How many questions it can work on side by side, from threads."""

    def prepare(self, wanted: Wanted) -> None:
        """Load what such questions need. Raises StepwaveError where it can't answer them: the check is left out."""
        ...

    def ask(self, question: Question) -> Produced:
        """Answer one question. Sound comes at 24 kHz.

        Raises StepwaveError where this question can't be answered; the item counts as failed then.
        """
        ...


@runtime_checkable
class SoundParts(Protocol):
    """A subject whose parts can be measured by themselves: what only models of this project let one do."""

    def vocode(self, samples: Samples) -> Samples:
        """Sound `[n]` at 24 kHz, whole mel frames of it, to its mel and back: the vocoder alone."""
        ...

    def resynthesise(self, samples: Samples) -> Samples:
        """Speech `[n]` at 16 kHz to speech tokens and back to sound at 24 kHz: tokenizer, flow matching and vocoder."""
        ...
