"""What fine-tuning changed, as its user meets it: held-out recordings written down and read aloud by a whole model.

Losses are the run's own business. Everything here goes through `dialogue`, as the commands do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from stepwave.data.manifests import read_clip
from stepwave.data.records import Record
from stepwave.dialogue.stepwave import Stepwave
from stepwave.models.detokenizer import Voice
from stepwave.prepare.own_recordings import speaker_of
from stepwave.signal.files import write_audio
from stepwave.text.word_errors import word_errors

EXAMPLES: Final = 3
"""So many texts are read aloud for somebody to hear."""


class Shown(Protocol):
    """Where progress is shown (`commands.console.Steps`)."""

    def now(self, what: str) -> None:
        """Another piece of work begins."""
        ...

    def share(self, done: float) -> None:
        """Which share of it, 0 to 1, is done."""
        ...


@dataclass(frozen=True)
class Written:
    """A recording written down."""

    text: str
    """What is said in it."""
    heard: str
    """What the model wrote."""


def write_down(model: Stepwave, records: Sequence[Record], shown: Shown) -> list[Written]:
    """Let a model write down the recordings of `asr` records."""
    written = []
    for number, record in enumerate(records, 1):
        samples, _ = read_clip(record.clips[0])
        written.append(Written(record.turns[-1].text, model.transcribe(samples)))
        shown.share(number / len(records))
    return written


def word_error(written: Sequence[Written], language: str) -> float:
    """Word errors of all together, in percent. Raises MissingExtraError."""
    errors = [word_errors(each.text, each.heard, language) for each in written]
    return 100 * sum(each.errors for each in errors) / max(1, sum(each.words for each in errors))


def read_aloud(
    model: Stepwave, records: Sequence[Record], voices: Mapping[str, Voice], folder: Path, when: str, shown: Shown
) -> list[Path]:
    """Let a model read the first texts of `tts` records into `folder`/NUMBER-`when`.wav, the recordings beside them.

    Each is read in the voice of `voices` whose speaker said it, else in the model's own; where it has none, not at all.
    Raises OutputError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, record in enumerate(records[:EXAMPLES], 1):
        samples, rate = read_clip(record.clips[0], None)
        write_audio(folder / f"{number}-recording.wav", samples, rate)
        voice = voices.get(speaker_of(record.clips[0]))
        if voice is not None or model.voices:
            reading = model.say(record.turns[0].text, voice, seed=0)
            paths.append(folder / f"{number}-{when}.wav")
            write_audio(paths[-1], reading.samples, reading.sample_rate)
        shown.share(number / min(EXAMPLES, len(records)))
    return paths
