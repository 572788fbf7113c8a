"""How a model wants to be talked to: the prompt of each task, how its tokens are chosen, and its bounds.

One record per model, stored as `dialogue.json` in the model's folder where it departs from what its format implies.
So nothing in this room asks which model it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stepwave.checkpoints.config_files import from_json, read_json, to_json, write_json
from stepwave.checkpoints.layouts import Kind, Layout
from stepwave.checkpoints.nano import write_digests
from stepwave.facts.errors import ConfigError
from stepwave.generation.sampling import SamplingSettings
from stepwave.text.prompts import (
    CHAT,
    NANO_PROMPTS,
    READ_ALOUD,
    SPOKEN_CHAT,
    TASK_PROMPTS_NANO,
    TRANSCRIBE,
    USE_TOOLS,
)

FILE_NAME: Final = "dialogue.json"


@dataclass(frozen=True)
class TaskPrompts:
    """The system prompt that asks for each task."""

    transcribe: str
    """Sound in, its words as text out."""
    read: str
    """Text in, the same text spoken out."""
    answer: str
    """Sound in, a spoken answer out."""
    chat: str
    """Text in, a written answer out."""
    tools: str = ""
    """Sound in, a spoken answer out, with tools that may be called; empty for the same as without tools."""


@dataclass(frozen=True)
class Profile:
    """What dialogue needs to know of a model besides its weights."""

    prompts: TaskPrompts
    """System prompts by task."""
    text: SamplingSettings = field(default_factory=SamplingSettings)
    """Choice of text tokens in answers; transcription is always greedy."""
    speech: SamplingSettings = field(default_factory=lambda: SamplingSettings(temperature=0.7, top_p=0.9))
    """Choice of speech tokens."""
    writes_answers: bool = True
    """Whether it was trained to answer sound in writing; where not, a written answer is read off a spoken one."""
    default_voice: str | None = None
    """The stored voice it speaks with unless told otherwise; None for the first by name."""
    longest_question_seconds: float = 300.0
    """Longest recording taken as one question."""
    longest_answer_seconds: float = 60.0
    """Longest answer, unless the caller allows more or less."""
    longest_reading: int = 160
    """Characters read aloud in one go; longer texts are cut at sentences, clauses or words."""

    def __post_init__(self) -> None:
        if min(self.longest_question_seconds, self.longest_answer_seconds, self.longest_reading) <= 0:
            raise ConfigError("dialogue: the longest question, answer and reading must be above 0")


NANO: Final = Profile(
    TaskPrompts(**NANO_PROMPTS, tools=TASK_PROMPTS_NANO["tools"]),
    # Letters read back from its codes are wrong in 41 % of places at 0.7, 35 % at 0.4, 39 % at 0.2 (ten sentences).
    speech=SamplingSettings(temperature=0.4, top_p=0.9),
    writes_answers=False,
    longest_question_seconds=120.0,
    # What it learnt to say is shorter; now and then it begins to count and does not stop.
    longest_answer_seconds=15.0,
)
RELEASED: Final = Profile(
    # The released chat models have no published prompt for reading aloud; this is the Base model's (facts 4.7).
    TaskPrompts(transcribe=TRANSCRIBE, read=READ_ALOUD.strip(), answer=SPOKEN_CHAT, chat=CHAT, tools=USE_TOOLS),
    text=SamplingSettings(temperature=0.7, top_p=0.9, repetition_penalty=1.05),
    speech=SamplingSettings(temperature=0.7, top_p=0.9, repetition_penalty=1.05),
    longest_reading=400,
)
PROFILES: Final[Mapping[Kind, Profile]] = MappingProxyType({"stepwave": NANO, "released": RELEASED})
"""What each format implies where the folder holds no `dialogue.json`."""


def read_profile(layout: Layout) -> Profile:
    """The profile of a model's folder.

    Raises:
        CheckpointIncompleteError: its `dialogue.json` is half-written.
        ConfigError: it has an unknown key or a value out of range.
    """
    path = layout.folder / FILE_NAME
    if not path.is_file():
        return PROFILES[layout.kind]
    return from_json(Profile, read_json(path), str(path))


def save_profile(folder: Path, profile: Profile) -> None:
    """Store a profile with a model trained here; OutputError where that fails."""
    write_json(folder / FILE_NAME, to_json(profile))
    write_digests(folder)
