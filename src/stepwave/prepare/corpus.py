"""The corpus that nano learns from: which steps, with which settings, in which order.

Every kind of record that makes sense in English, from texts, sounds and recordings under one data folder and from
voices that speak offline. Each stage is an ordinary step in a folder of its own; whoever wants another corpus runs the
same steps with other settings.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from stepwave.data.records import Kind
from stepwave.facts.errors import ConfigError
from stepwave.prepare.acoustics.captions import Captions
from stepwave.prepare.acoustics.measure import Measure
from stepwave.prepare.acoustics.scenes import Scenes
from stepwave.prepare.ingest.step import Ingest
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.recorded.filter import Filter
from stepwave.prepare.recorded.tasks import Tasks
from stepwave.prepare.speaking.library import LibraryVoice, library
from stepwave.prepare.speaking.speak import Speak
from stepwave.prepare.speaking.surroundings import Surroundings
from stepwave.prepare.tool_dialogues.step import ToolDialogues
from stepwave.prepare.writing.drawn import DrawnScripts
from stepwave.prepare.writing.monologues import Monologues
from stepwave.prepare.writing.speakable import Lengths
from stepwave.prepare.writing.texts import Texts
from stepwave.prepare.writing.translations import Direction, Translations
from stepwave.prepare.writing.unspoken import Unspoken

TATOEBA: Final = "CC BY 2.0 FR"
ASSISTANT: Final = "piper/joe-even"
"""The one voice that nano learns to say; the others it only hears."""


@dataclass(frozen=True)
class Stage:
    """One step of the corpus."""

    name: str
    """Of its folder."""
    step: Callable[[], Step]
    """Makes the step once the stages before it are done."""
    final: bool = False
    """Whether its records are learnt from; the others are on the way to some."""


@dataclass(frozen=True)
class NanoCorpus:
    """Where the corpus comes from and goes to, and how large it is."""

    data: Path
    """Folder of real speech, sounds and texts (`librispeech-251/`, `esc10/`, `text/`, ...)."""
    starting: Path
    """Folder of the synthesis voices and of the listener (see `starting_points`)."""
    folder: Path
    """A folder for each stage is made here."""
    scale: float = 1.0
    """Factor on all amounts."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.data / "text").is_dir():
            raise ConfigError(f"no texts under {self.data}; give the data folder with --data")
        if not (self.starting / "whisper-base").is_dir():
            raise ConfigError(
                f"no voices and no listener under {self.starting}; run `stepwave prepare nano --step starting` first"
            )
        if self.scale <= 0:
            raise ConfigError(f"a scale of {self.scale:g}; wanted a factor above 0")

    def stages(self) -> Iterator[Stage]:
        """All stages in order; each reads only the data folder and stages before it."""
        yield from self._recorded()
        yield from self._sentences()
        yield from self._talks()
        yield from self._acoustics()

    def _recorded(self) -> Iterator[Stage]:
        """People, and sounds of the world."""
        yield Stage("sounds", lambda: Ingest("esc10-ogg", self.data / "esc10"), final=True)
        for corpus in ("librispeech-251", "asterisk-en"):
            yield Stage(f"{corpus}-all", partial(Ingest, corpus, self.data / corpus))
            yield Stage(corpus, partial(Filter, self.folder / f"{corpus}-all"))
            yield Stage(f"{corpus}-tasks", partial(Tasks, self.folder / corpus, self.seed), final=True)

    def _sentences(self) -> Iterator[Stage]:
        """Sentences to be heard and to be read, translations, running text."""
        short, read = self.data / "text" / "tatoeba_en_cmn.tsv", self.data / "text" / "ljspeech_sentences.txt"
        yield from self._spoken(
            "readings",
            lambda: Texts(
                read, 1, "en", {"tts": 1.0}, self._many(500), self.seed, Lengths(4, 16), licence="public domain"
            ),
            assistant=(LibraryVoice(ASSISTANT),),
        )
        yield from self._spoken(
            "sentences",
            lambda: Texts(short, 1, "en", {"asr": 1.0}, self._many(8_000), self.seed, Lengths(6, 14), licence=TATOEBA),
            tries=1,
        )
        yield from self._spoken(
            "human-sentences",
            lambda: Texts(
                short, 1, "en", {"asr": 1.0}, self._many(160), self.seed + 1, Lengths(6, 14), licence=TATOEBA
            ),
            human=library("human"),
        )
        # For flow matching and vocoder: what many voices sound like, human and rule-based.
        for name, count, voices in (("voices-human", 450, "human"), ("voices-light", 500, "light")):
            yield from self._spoken(
                name,
                partial(
                    Texts, read, 1, "en", {"asr": 1.0}, self._many(count), self.seed + 1, Lengths(4, 16),
                    licence="public domain",
                ),
                human=library(voices),
                tries=1,
            )  # fmt: skip
        directions: tuple[tuple[str, Kind, Direction], ...] = (
            ("heard", "s2tt", "forward"),
            ("said", "t2st", "backward"),
        )
        for name, kind, direction in directions:
            yield from self._spoken(
                f"translations-{name}",
                partial(Translations, short, ("en", "zh"), direction, {kind: 1.0}, self._many(250), self.seed),
                assistant=(LibraryVoice(ASSISTANT),),
                tries=1,
            )
        yield Stage(
            "texts",
            lambda: Texts(
                read,
                1,
                "en",
                {"text": 1.0},
                self._many(6_000),
                self.seed,
                Lengths(4, 40),
                True,
                licence="public domain",
            ),
            final=True,
        )
        yield from self._spoken(
            "monologues",
            lambda: Monologues(
                read, 1, "en", (2, 6), self._many(70), self.seed, Lengths(3, 18), licence="public domain"
            ),
            tries=1,
        )

    def _talks(self) -> Iterator[Stage]:
        """Conversations, with tools and without."""
        yield from self._spoken(
            "conversations",
            lambda: DrawnScripts(self._many(400), self.seed, self.data / "text" / "clinc150.json"),
            human=library("clear"),
            assistant=(LibraryVoice(ASSISTANT),),
            surroundings=Surroundings(0.25, "noise"),
        )
        yield Stage("chats", lambda: Unspoken(self.folder / "conversations-scripts"), final=True)
        yield from self._spoken(
            "tools",
            lambda: ToolDialogues(max(1, round(1_000 * min(1.0, self.scale))), self.seed),
            limit=self._many(100),
            clip_limit=0.34,
            human=library("clear"),
            assistant=(LibraryVoice(ASSISTANT),),
            surroundings=Surroundings(0.25, "noise"),
        )

    def _acoustics(self) -> Iterator[Stage]:
        """Scenes, and descriptions of speech."""
        yield Stage(
            "scenes",
            lambda: Scenes(
                self.folder / "sounds", self._many(4_900), self.folder / "sentences", rooms="noise", seed=self.seed
            ),
            final=True,
        )
        yield Stage("measured", lambda: Measure(self.folder / "sentences"))
        yield Stage("captions", lambda: self._captions("measured"), final=True)
        yield Stage("people-measured", lambda: Measure(self.folder / "librispeech-251"))
        yield Stage("people-captions", lambda: self._captions("people-measured"), final=True)

    def _captions(self, measured: str) -> Captions:
        return Captions(self.folder / measured, self.folder / "sounds", mixed_share=0.7, seed=self.seed)

    def _spoken(
        self,
        name: str,
        scripts: Callable[[], Step],
        *,
        human: tuple[LibraryVoice, ...] | None = None,
        assistant: tuple[LibraryVoice, ...] | None = None,
        tries: int = 2,
        clip_limit: float | None = None,
        limit: int | None = None,
        surroundings: Surroundings | None = None,
    ) -> Iterator[Stage]:
        """Scripts, and the same spoken; the light voices speak for whoever is not named."""
        yield Stage(f"{name}-scripts", scripts)
        libraries = {"": library("light")}
        if human is not None:
            libraries["human"] = human
        if assistant is not None:
            libraries["assistant"] = assistant

        def speak() -> Speak:
            return Speak(
                self.folder / f"{name}-scripts",
                libraries,
                self.starting,
                f"along:{self.starting / 'whisper-base'}",
                error_limit=0.15,
                tries=tries,
                clip_limit=clip_limit,
                surroundings=surroundings or Surroundings(),
                noises=self.folder / "sounds" if surroundings is not None else None,
                limit=limit,
                seed=self.seed,
            )

        yield Stage(name, speak, final=True)

    def _many(self, count: int) -> int:
        return max(1, round(count * self.scale))
