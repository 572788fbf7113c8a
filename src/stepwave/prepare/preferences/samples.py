"""Several answers of one model to each question, drawn with seeds of their own.

A record of the result has the question's turn and then one assistant turn for each answer. Its details hold `samples`,
one object an answer: `turn` (the index of its turn), `seed`, `ended` (whether the answer ended by itself, not at a
bound); `references`, the answers that the material itself gives; and `model`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from stepwave.checkpoints.inspection import file_digest
from stepwave.checkpoints.locate import locate
from stepwave.data.manifests import read_clip, read_manifest
from stepwave.data.records import Clip, Record, Turn
from stepwave.dialogue.results import Reply
from stepwave.facts.conversation import TextPart
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.prepare.pipeline.steps import (
    Dropped,
    Kept,
    Outcome,
    Sound,
    Step,
    Worker,
    drawing,
    one_by_one,
    short_digest,
)
from stepwave.signal.resample import Samples

SAMPLES = "samples"
REFERENCES = "references"
ANSWERED_KINDS = ("conversation", "qa", "tools")
"""Kinds whose assistant turn is an answer to what was asked; of others only the question is taken."""


class Talker(Protocol):
    """What is asked: `stepwave.load` gives one."""

    def reply(
        self,
        audio: Samples | TextPart,
        *,
        voice: str | None,
        text_only: bool,
        heard: bool,
        max_seconds: float | None,
        seed: int,
    ) -> Reply:
        """Answer one question."""
        ...


@dataclass(frozen=True)
class AnswerSamples(Step):
    """Asks a model the first question of each record of a manifest."""

    name: ClassVar[str] = "samples"
    part_size: ClassVar[int] = 4
    manifest: Path
    """Records whose first turn (system prompts and tool schemas aside) is a human's, as sound or text."""
    model: str = "nano"
    """Its name or folder."""
    count: int = 4
    """Answers to each question."""
    seed: int = 0
    temperature: float = 0.8
    """Of the answers' text tokens. Answers of a model that always takes the likeliest word would all be the same."""
    top_p: float = 0.95
    """Of the answers' text tokens."""
    voice: str | None = None
    """Stored voice that answers; the model's own without it."""
    text_only: bool = False
    """Answer in writing."""
    max_seconds: float | None = None
    """Longest answer; the model's usual bound without it."""
    device: str | None = None
    """Where the model computes; not part of the step's identity."""

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ConfigError(f"{self.count} answers to a question can't be compared; wanted two or more")
        if self.temperature <= 0 or not 0 < self.top_p <= 1:
            raise ConfigError(
                f"temperature {self.temperature:g} and top_p {self.top_p:g} draw nothing; "
                "wanted a temperature above 0 and top_p up to 1"
            )

    def identity(self) -> dict[str, Any]:
        """The base's, with a digest of the model's weights and without the device."""
        identity = super().identity()
        identity["settings"].pop("device", None)
        identity["settings"]["weights"] = _weights(locate(self.model))
        return identity

    def rows(self) -> Iterable[Record]:
        """The records of the manifest."""
        return read_manifest(self.manifest)

    def open(self) -> Worker:
        """Load the model, one thread for each process. Raises CheckpointError, ConfigError."""
        talker = open_talker(self.model, self.device, self.temperature, self.top_p)
        return one_by_one(lambda row: self._answered(row, talker))

    def _answered(self, row: Record, talker: Talker) -> Outcome:
        said = [turn for turn in row.turns if turn.role in ("human", "assistant", "input")]
        if not said or said[0].role != "human":
            return Dropped(row.id, "no question at its beginning")
        if len(said) > 1 and said[1].role == "human":
            return Dropped(row.id, "a question of several turns", "a model is asked with one recording or one text")
        question = said[0]
        asked = self._asked(question)
        if asked is None:
            return Dropped(row.id, "a question without sound and text")
        turns, samples, sounds = [question], [], {}
        for number in range(self.count):
            seed = drawing(self.seed, row.id, "answer", number).randrange(2**31)
            reply = talker.reply(
                asked,
                voice=self.voice,
                text_only=self.text_only,
                heard=False,
                max_seconds=self.max_seconds,
                seed=seed,
            )
            clip = None
            if len(reply.samples):
                name = short_digest("answer", row.id, self.model, seed, number)
                clip = Clip(name, voice=f"{Path(self.model).name}/{self.voice or 'own'}")
                sounds[clip.id] = Sound(reply.samples, reply.sample_rate)
            samples.append({"turn": len(turns), "seed": seed, "ended": reply.reason == "stop"})
            turns.append(Turn("assistant", reply.text, clip, clip is not None, question.language))
        details = {SAMPLES: samples, REFERENCES: _references(row, said), "model": self.model}
        name = f"answers-{short_digest(row.id, self.seed)}"
        record = Record(name, "preference", tuple(turns), row.source, row.licence, row.split, details)
        return Kept(record, sounds)

    def _asked(self, question: Turn) -> Samples | TextPart | None:
        if question.clip is not None:
            return read_clip(question.clip, INPUT_SAMPLE_RATE)[0]
        return TextPart(question.text) if question.text.strip() else None


def open_talker(model: str, device: str | None, temperature: float, top_p: float) -> Talker:
    """A model whose text tokens are drawn with these settings. Raises CheckpointError, ConfigError."""
    from stepwave.dialogue.loading import load

    talker = load(model, device, threads=1)
    profile = talker.engine.profile
    talker.engine.profile = replace(profile, text=replace(profile.text, temperature=temperature, top_p=top_p))
    return talker


def _references(row: Record, said: list[Turn]) -> list[str]:
    answers = said[1:2] if row.kind in ANSWERED_KINDS else []
    return [turn.text for turn in answers if turn.role == "assistant" and turn.text.strip() and not turn.calls]


def _weights(folder: Path) -> str:
    """What tells one state of a model's weights from another, without reading them all: their digests, or sizes."""
    digests = folder / "digests.json"
    if digests.is_file():
        return file_digest(digests)[:16]
    return short_digest(*((file.name, file.stat().st_size) for file in sorted(folder.glob("*.safetensors"))))
