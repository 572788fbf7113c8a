"""Asking a writer until its answer can be used: a few tries with growing waits, every failure with its reason."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeVar

from stepwave.facts.errors import ConfigError
from stepwave.prepare.writing.writer import UNREADABLE, Writer, WriterError

Read = TypeVar("Read")

LONGEST_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Tries:
    """How often is asked, and how long is waited in between."""

    most: int = 3
    """Requests for one row at most."""
    wait_seconds: float = 2.0
    """Before the second try, half to one and a half times as long, as drawn; doubled for each further one."""
    silent_rows: int = 5
    """The run ends after so many rows in a row whose every request failed; it goes on when it is started again."""

    def __post_init__(self) -> None:
        if self.most < 1 or self.wait_seconds < 0 or self.silent_rows < 1:
            raise ConfigError(f"tries {self}; wanted at least one try, no negative wait, at least one silent row")

    def wait(self, failures: int, random: Random) -> float:
        """Seconds to wait after so many failures, 60 at most."""
        return min(LONGEST_WAIT_SECONDS, self.wait_seconds * 2.0 ** (failures - 1) * random.uniform(0.5, 1.5))


class NothingUsable(Exception):  # noqa: N818 - it ends in no Error because it is caught and counted, never shown
    """All tries failed."""

    def __init__(self, last: WriterError, reasons: tuple[str, ...]) -> None:
        super().__init__(str(last))
        self.last = last
        self.earlier = reasons[:-1]
        """Why the tries before the last one failed."""


class Asking:
    """One process's talk with a writer."""

    def __init__(self, writer: Writer, tries: Tries, sleep: Callable[[float], None] = time.sleep) -> None:
        self._writer, self._tries, self._sleep = writer, tries, sleep
        self._silent = 0

    def ask(
        self, system: str, prompt: str, read: Callable[[Mapping[str, Any]], Read], random: Random
    ) -> tuple[Read, tuple[str, ...]]:
        """What `read` makes of the JSON object answered, and why earlier tries failed.

        `read` raises WriterError for an answer that does not do. Raises NothingUsable, or ConfigError where the writer
        has been silent for several rows.
        """
        reasons: list[str] = []
        reached = False
        while True:
            try:
                answer = self._writer.write(system, prompt, random.randrange(2**31))
                reached = True
                value = read(json_object(answer))
            except WriterError as problem:
                reasons.append(problem.reason)
                reached = reached or problem.reached
                if not problem.again or len(reasons) == self._tries.most:
                    self._count_silence(reached, problem)
                    raise NothingUsable(problem, tuple(reasons)) from None
                # Nonsense is asked for again at once: waiting does not make it better.
                if not problem.reached:
                    self._sleep(self._tries.wait(len(reasons), random))
            else:
                self._silent = 0
                return value, tuple(reasons)

    def _count_silence(self, reached: bool, problem: WriterError) -> None:
        self._silent = 0 if reached else self._silent + 1
        if self._silent == self._tries.silent_rows:
            raise ConfigError(
                f"the endpoint gave no answer for {self._silent} rows in a row, last: {problem}; "
                "see what it lacks, then run again to go on"
            )


def json_object(answer: str) -> Mapping[str, Any]:
    """The JSON object that an answer consists of, with nothing but a code fence or finished thoughts around it.

    Raises WriterError for anything else.
    """
    text = answer.rpartition("</think>")[2].strip()
    if text.startswith("```") and text.endswith("```"):
        text = text[3:-3].strip().removeprefix("json")
    try:
        value = json.loads(text)
        # Escapes can spell half a character, which no file can hold.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        raise WriterError(UNREADABLE, f"{problem} in {text[:200]!r}") from None
    if not isinstance(value, dict):
        raise WriterError(UNREADABLE, f"wanted a JSON object, got {text[:200]!r}")
    return value
