"""A language model as judge, behind any endpoint that speaks OpenAI's chat protocol.

The request goes to the address given and nowhere else, bounded in time and size (`prepare.writing.writer`). Temperature
is 0 and the seed is fixed. A verdict is read strictly: whatever is not what the prompt asked for is unreadable, which
is a failure of the item, not a score. Thinking in `<think>` is passed over.
"""

import json
import re
import threading
from typing import Final

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.scoring.judge import JudgeUnavailableError, Verdict
from stepwave.evaluation.scoring.judge_prompts import SYSTEM, JudgePrompt
from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.prepare.writing.guarded_client import persist
from stepwave.prepare.writing.writer import Endpoint, Writer, WriterError

ANSWER_TOKENS: Final = 1_024
"""What a judge may write, thinking included."""
RETRIES: Final = 2
"""How often a request that failed for a reason that may pass is repeated."""
PATIENCE: Final = 5
"""Items in a row that a judge may fail to answer before it is no longer asked in this scoring."""
_THINKING: Final = re.compile(r"<think>.*?</think>", re.DOTALL)
_FENCE: Final = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
_AROUND: Final = " \n\t\"'`*.。"


def judge_endpoint(
    url: str, model: str, *, key_env: str = "", seconds: float = 60.0, tokens: int = ANSWER_TOKENS
) -> Endpoint:
    """Settings of an endpoint for judging. `key_env` names the environment variable of its key. Raises ConfigError."""
    return Endpoint(
        url,
        model,
        key_env,
        timeout_seconds=seconds,
        answer_bytes=64 * 1024,
        answer_tokens=tokens,
        temperature=0.0,
        json_mode=False,
    )


class EndpointJudge:
    """Asks a language model, with one prompt. May be used by several threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        prompt: JudgePrompt,
        *,
        seed: int = 0,
        retries: int = RETRIES,
        pause_seconds: float = 1.0,
    ) -> None:
        """Raises ConfigError for a temperature above 0, and for a key that is not there; MissingExtraError."""
        if endpoint.temperature:
            raise ConfigError(f"a judge answers at temperature 0, not {endpoint.temperature:g}; see judge_endpoint")
        self._endpoint, self._prompt, self._seed = endpoint, prompt, seed
        self._retries, self._pause = retries, pause_seconds
        self._writer = _open(endpoint)
        self._failed_in_a_row = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """See `Judge.name`."""
        settings = f"temperature 0, seed {self._seed}, at most {self._endpoint.answer_tokens} tokens"
        return f"{self._endpoint.model}, {self._prompt.name} ({self._prompt.digest}), {settings}"

    def judge(self, question: str, reference: str, answer: str) -> Verdict:
        """See `Judge.judge`. Raises ConfigError where the endpoint refuses the key, the model or the address."""
        said = self._ask(self._prompt.filled(question, reference, answer))
        return Verdict(read_verdict(said, self._prompt), said)

    def _ask(self, prompt: str) -> str:
        if self._failed_in_a_row >= PATIENCE:
            raise JudgeUnavailableError(
                f"the judge at {self._endpoint.url} failed {self._failed_in_a_row} times in a row and is not asked "
                "again; see to it, then score again"
            )
        try:
            said = persist(lambda: self._writer.write(SYSTEM, prompt, self._seed), self._retries, self._pause)
        except WriterError as problem:
            with self._lock:
                self._failed_in_a_row += 1
            raise JudgeUnavailableError(f"the judge at {self._endpoint.url} gave no verdict: {problem}") from problem
        self._failed_in_a_row = 0
        return said


def read_verdict(said: str, prompt: JudgePrompt) -> float:
    """The score in a judge's answer: "yes" or "no", or whole points, alone or as JSON (`{"verdict": 4}`).

    Raises UnscorableError for anything else.
    """
    text = _THINKING.sub("", said).strip()
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1]
    if text.startswith("{"):
        text = _from_json(text)
    word = text.strip(_AROUND).lower()
    if word in prompt.verdicts:
        return prompt.verdicts[word]
    wanted = ", ".join(prompt.verdicts)
    shown = repr(text if len(text) <= 120 else text[:117] + "...")
    raise UnscorableError(f"the judge's verdict cannot be read: {shown}; wanted one of {wanted}")


def _from_json(text: str) -> str:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(record, dict) and record.keys() == {"verdict"} and isinstance(record["verdict"], str | int):
        return str(record["verdict"])
    return text


def _open(endpoint: Endpoint) -> Writer:
    try:
        return endpoint.open()
    except MissingExtraError as missing:
        raise MissingExtraError("eval", missing.package) from None
