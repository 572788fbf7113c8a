"""Judges: who says whether an answer in free words is right, or how good it is.

A judge is a language model behind an endpoint (`endpoint_judge`) or, where there is none, a rule (`rule_judge`).
Verdicts are kept in a file, so that scoring again asks only for those that are missing. How far two judges agree is in
`agreement`.
"""

import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stepwave.evaluation.answers import UnscorableError, append_line, read_lines


class JudgeUnavailableError(UnscorableError):
    """The judge could not be asked. The item counts as failed, and the next scoring asks again."""


@dataclass(frozen=True)
class Verdict:
    """What a judge says of an answer."""

    score: float
    """On the scale of the judge's prompt: 1 and 0 for right and wrong, or its points."""
    said: str
    """The judge's own words."""


class Judge(Protocol):
    """Says whether an answer is right, or how good it is."""

    @property
    def name(self) -> str:
        """The model, the prompt with its digest, and the settings: the same name gives the same verdict."""
        ...

    def judge(self, question: str, reference: str, answer: str) -> Verdict:
        """The verdict on an answer.

        Raises UnscorableError where the judge's verdict cannot be read, JudgeUnavailableError (one of those) where it
        gave none. Conversations of several rounds are written by `rounds`.
        """
        ...


class RememberingJudge:
    """A judge that keeps its verdicts in a JSON-lines file. Failures are not kept: they are asked for again.

    May be used by several threads.
    """

    def __init__(self, judge: Judge, path: Path) -> None:
        self._judge, self._path = judge, path
        self._lock = threading.Lock()
        self._verdicts = {
            str(line["digest"]): Verdict(float(line["score"]), str(line["said"])) for line in read_lines(path)
        }

    @property
    def name(self) -> str:
        """See `Judge.name`."""
        return self._judge.name

    def judge(self, question: str, reference: str, answer: str) -> Verdict:
        """See `Judge.judge`. Raises OutputError where the verdict cannot be kept."""
        inputs = json.dumps([self.name, question, reference, answer], ensure_ascii=False)
        digest = hashlib.sha256(inputs.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        known = self._verdicts.get(digest)
        if known is not None:
            return known
        verdict = self._judge.judge(question, reference, answer)
        with self._lock:
            record = {"digest": digest, "judge": self.name, "score": verdict.score, "said": verdict.said}
            append_line(self._path, record)
            self._verdicts[digest] = verdict
        return verdict


def rounds(texts: list[str]) -> str:
    """The texts of a conversation's rounds as one text, for questions, references and answers alike."""
    return "\n".join(f"[round {number}] {text}" for number, text in enumerate(texts, start=1))
