"""A model whose answers a test writes: real sessions are not opened, events come as they are told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import Message, TextPart
from stepwave.facts.events import AudioDelta, Event, Finished, TextDelta

PIECE = np.full(2400, 0.25, dtype=np.float32)
"""A tenth of a second of sound."""


@dataclass(frozen=True)
class said:  # noqa: N801 - reads as a function where scripts are written
    """Words and sound, a tenth of a second every `pace` seconds."""

    text: str
    seconds: float
    pace: float = 0.0

    def __iter__(self) -> Iterator[Event]:
        words = self.text.split(" ")
        for word in words:
            yield TextDelta(f"{word} ")
        for _ in range(round(10 * self.seconds)):
            time.sleep(self.pace)
            yield AudioDelta(PIECE, 24_000)
        yield Finished("stop", len(words), round(25 * self.seconds), 0.1)


@dataclass
class ScriptedSession:
    """Plays one script after the other, and keeps what it was told."""

    scripts: deque[Iterable[Event]]
    offered: tuple[Any, ...] = ()
    heard: list[Message] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    shortened: list[float] = field(default_factory=list)
    closed: int = 0
    turns: int = 0
    room: int = 8_000
    ids: list[int] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    withdrawn: int = 0
    voices: list[Any] = field(default_factory=list)

    def instruct(self, system: str | None, tools: Any = ()) -> None:
        self.told.append((system, tuple(tools)))

    def add(self, message: Message) -> None:
        self.heard.append(message)

    def add_result(self, text: str) -> None:
        self.add(Message("input", (TextPart(text),)))

    def switch_voice(self, choice: Any) -> None:
        self.voices.append(choice)

    def truncate(self, seconds: float) -> str:
        self.shortened.append(seconds)
        return "what was heard"

    def stream(self, question: Any = None, **how: Any) -> Iterator[Event]:
        assert question is None
        self.asked.append(how)
        self.turns += 1
        self._script = self.scripts.popleft()
        return self._play(self._script)

    def close(self) -> None:
        self.ids.clear()

    def mark(self) -> tuple[int, int, int]:
        return len(self.heard), len(self.asked), len(self.told)

    def go_back(self, mark: tuple[int, int, int]) -> None:
        self.withdrawn += 1
        if len(self.asked) > mark[1]:
            self.turns -= 1
            self.scripts.appendleft(self._script)
        for kept, count in zip((self.heard, self.asked, self.told), mark, strict=True):
            del kept[count:]

    def _play(self, script: Iterable[Event]) -> Iterator[Event]:
        try:
            yield from script
        finally:
            self.closed += 1


class ScriptedTalker(Stepwave):
    """A talker whose sessions answer by `scripts`, one after the other; all else is `talker`'s."""

    def __init__(self, talker: Stepwave, *scripts: Iterable[Event], transcript: str = "what was asked") -> None:
        super().__init__(talker.engine)
        self.sessions: list[ScriptedSession] = []
        self._scripts = deque(scripts)
        self._transcript = transcript

    def warm(self) -> None:
        pass

    def session(self, system: str | None = None, seed: int | None = None, tools: Any = ()) -> Any:
        self.sessions.append(ScriptedSession(self._scripts, offered=tuple(tools)))
        return self.sessions[-1]

    def stream_transcribe(self, *_: Any, **__: Any) -> Iterator[str]:
        yield self._transcript
