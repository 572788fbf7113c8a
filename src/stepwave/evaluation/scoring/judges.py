"""Who judges a whole run: for each prompt and language a judge, all of one kind and one name.

`EndpointJudges` asks a language model with the prompt that a measure names. `RuleJudges` are for those who have none:
they compare words, give no points, and their name says so.
"""

from pathlib import Path
from typing import Final, Protocol, cast

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.scoring.endpoint_judge import EndpointJudge, judge_endpoint
from stepwave.evaluation.scoring.judge import Judge, RememberingJudge
from stepwave.evaluation.scoring.judge_prompts import YES_NO, JudgePrompt
from stepwave.evaluation.scoring.normalisers import convention
from stepwave.evaluation.scoring.rule_judge import Rule, RuleJudge
from stepwave.facts.errors import ConfigError
from stepwave.prepare.writing.writer import Endpoint

VERDICTS_FILE: Final = "verdicts.jsonl"


class Judges(Protocol):
    """Opens judges."""

    @property
    def name(self) -> str:
        """Who they are, for reports; the judges' own names tell the prompts too."""
        ...

    @property
    def rules_only(self) -> bool:
        """Whether they compare words and understand none: a measure may have a rule that fits it better."""
        ...

    def judge(self, prompt: JudgePrompt, language: str) -> Judge:
        """Who judges answers in `language` by `prompt`. Raises UnscorableError where they can't."""
        ...


class EndpointJudges:
    """A language model behind an endpoint."""

    rules_only = False

    def __init__(self, endpoint: Endpoint, seed: int = 0) -> None:
        self._endpoint, self._seed = endpoint, seed
        self._opened: dict[str, EndpointJudge] = {}

    @property
    def name(self) -> str:
        """See `Judges.name`."""
        return f"{self._endpoint.model}, temperature 0, seed {self._seed}"

    def judge(self, prompt: JudgePrompt, language: str) -> Judge:
        """See `Judges.judge`; one judge a prompt, whatever the language."""
        if prompt.name not in self._opened:
            self._opened[prompt.name] = EndpointJudge(self._endpoint, prompt, seed=self._seed)
        return self._opened[prompt.name]


class RuleJudges:
    """Rules on normalised texts."""

    rules_only = True

    def __init__(self, rule: Rule = "contains") -> None:
        """Raises ConfigError for an unknown rule."""
        self._rule = rule
        RuleJudge(convention("en"), rule)

    @property
    def name(self) -> str:
        """See `Judges.name`."""
        return f"rules/1 (no judge): {self._rule}"

    def judge(self, prompt: JudgePrompt, language: str) -> Judge:
        """See `Judges.judge`; UnscorableError for a prompt that asks for points, which words alone can't give."""
        if prompt.verdicts != YES_NO:
            raise UnscorableError("rules give no points; name a language model with --judge and score the run again")
        return RuleJudge(convention(language), self._rule)


class RememberingJudges:
    """Judges whose verdicts are kept in a run's folder."""

    def __init__(self, judges: Judges, folder: Path) -> None:
        self._judges, self._path = judges, folder / VERDICTS_FILE
        self._opened: dict[tuple[str, str], RememberingJudge] = {}

    @property
    def name(self) -> str:
        """See `Judges.name`."""
        return self._judges.name

    @property
    def rules_only(self) -> bool:
        """See `Judges.rules_only`."""
        return self._judges.rules_only

    def judge(self, prompt: JudgePrompt, language: str) -> Judge:
        """See `Judges.judge`."""
        if (prompt.name, language) not in self._opened:
            self._opened[prompt.name, language] = RememberingJudge(self._judges.judge(prompt, language), self._path)
        return self._opened[prompt.name, language]


def open_judges(text: str, key_env: str = "") -> Judges:
    """Judges as an option names them: `rules`, `rules:RULE`, or `URL#MODEL` of an endpoint. Raises ConfigError."""
    kind, _, rule = text.partition(":")
    if kind == "rules":
        return RuleJudges(cast(Rule, rule or "contains"))
    url, _, model = text.partition("#")
    if not url.startswith(("http://", "https://")) or not model:
        raise ConfigError(
            f"got a judge '{text}'; wanted rules, rules:exact, rules:fuzzy, or an endpoint and its model such as "
            "http://127.0.0.1:8000/v1#Qwen3-32B"
        )
    return EndpointJudges(judge_endpoint(url, model, key_env=key_env))
