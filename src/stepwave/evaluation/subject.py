"""What a suite asks of the model under test, as a protocol: whatever answers these calls can be measured.

The project's own models are one implementation (`models_under_test`), tests use fakes.
"""

from collections.abc import Iterator
from typing import Protocol

from stepwave.evaluation.answers import Produced
from stepwave.facts.events import Event
from stepwave.signal.resample import Samples


class Subject(Protocol):
    """The model under test. Sounds going in are at 16 kHz and coming out at 24 kHz, unless a method says otherwise.

    Methods raise StepwaveError where the model lacks the part that is asked for.
    """

    name: str
    """As the user named it."""
    revision: str
    """Tells two states of its weights apart."""

    def begin(self, task: str, seed: int) -> None:
        """Open a fresh session for one item of `task`; every random choice in it follows from `seed`.

        Loads what the task needs and raises StepwaveError where the model can't do it.
        """
        ...

    def transcribe(self, samples: Samples) -> Produced:
        """Speech `[n]` to `text`."""
        ...

    def say(self, text: str, voice: str | None = None) -> Produced:
        """Text to `sound`, in the voice of the recording at the path `voice`; without it in the model's own."""
        ...

    def reply(self, samples: Samples) -> Produced:
        """A spoken question `[n]` to `heard`, `text` and `sound`."""
        ...

    def stream(self, samples: Samples) -> Iterator[Event]:
        """A spoken question to the events of the answer, as they come."""
        ...

    def vocode(self, samples: Samples) -> Samples:
        """Sound `[n]` at 24 kHz, whole mel frames of it, to its mel and back: the vocoder alone."""
        ...

    def resynthesise(self, samples: Samples) -> Samples:
        """Speech `[n]` to speech tokens and back to sound: tokenizer, flow matching and vocoder."""
        ...
