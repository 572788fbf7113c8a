import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.scoring.endpoint_judge import PATIENCE, EndpointJudge, judge_endpoint, read_verdict
from stepwave.evaluation.scoring.judge import JudgeUnavailableError, RememberingJudge
from stepwave.evaluation.scoring.judge_prompts import JUDGE_PROMPTS, SYSTEM
from stepwave.facts.errors import ConfigError
from stepwave.prepare.writing.writer import Endpoint

YES_NO, POINTS = JUDGE_PROMPTS["paralinguistics/1"], JUDGE_PROMPTS["open-answer/1"]


class Model(ThreadingHTTPServer):
    """A chat endpoint that gives the replies it is told, each a text or an HTTP status, the last one over and over."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[str | int] = ["yes"]
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append(json.loads(body))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        reply = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        status = reply if isinstance(reply, int) else 200
        message = {"choices": [{"index": 0, "message": {"role": "assistant", "content": reply}}]}
        sent = json.dumps(message if status == 200 else {"error": "no"}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def model() -> Iterator[Model]:
    server = Model()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def judge_of(model: Model, prompt: Any = YES_NO, **settings: Any) -> EndpointJudge:
    return EndpointJudge(judge_endpoint(model.url, "tiny-judge"), prompt, pause_seconds=0.0, **settings)


def test_the_model_is_asked_with_the_stored_prompt(model: Model) -> None:
    verdict = judge_of(model).judge("How old am I?", "25岁", "About 25.")
    assert (verdict.score, verdict.said) == (1.0, "yes")
    (request,) = model.requests
    assert request["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": YES_NO.filled("How old am I?", "25岁", "About 25.")},
    ]
    assert (request["model"], request["temperature"], request["seed"]) == ("tiny-judge", 0.0, 0)
    assert request["max_tokens"] == 1024


def test_the_name_holds_model_prompt_and_settings(model: Model) -> None:
    name = judge_of(model, seed=7).name
    assert name == f"tiny-judge, paralinguistics/1 ({YES_NO.digest}), temperature 0, seed 7, at most 1024 tokens"


def test_a_key_goes_into_the_header_only(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "secret-4711")
    judge = EndpointJudge(judge_endpoint(model.url, "tiny-judge", key_env="JUDGE_KEY"), YES_NO)
    judge.judge("q", "r", "a")
    assert model.headers[0]["authorization"] == "Bearer secret-4711"
    assert "secret-4711" not in judge.name
    monkeypatch.delenv("JUDGE_KEY")
    with pytest.raises(ConfigError, match="JUDGE_KEY holds no key"):
        EndpointJudge(judge_endpoint(model.url, "tiny-judge", key_env="JUDGE_KEY"), YES_NO)


@pytest.mark.parametrize(
    ("said", "prompt", "score"),
    [
        ("yes", YES_NO, 1),
        (" No.\n", YES_NO, 0),
        ("**Yes**", YES_NO, 1),
        ('{"verdict": "no"}', YES_NO, 0),
        ('```json\n{"verdict": 4}\n```', POINTS, 4),
        ("<think>maybe 2, no</think>\n\n5", POINTS, 5),
        ('"3"', POINTS, 3),
    ],
)
def test_a_verdict_in_the_form_asked_for_is_read(said: str, prompt: Any, score: float) -> None:
    assert read_verdict(said, prompt) == score


@pytest.mark.parametrize(
    ("said", "prompt"),
    [
        ("", YES_NO),
        ("maybe", YES_NO),
        ("yes and no", YES_NO),
        ("Yes, because it says so", YES_NO),
        ("1", YES_NO),
        ('{"verdict": "yes", "reason": "no"}', YES_NO),
        ('{"verdict": true}', YES_NO),
        ('{"verdict": ["yes"]}', YES_NO),
        ("<think>yes", YES_NO),
        ("4.5", POINTS),
        ("-1", POINTS),
        ("0", POINTS),
        ("6", POINTS),
        ("45", POINTS),
        ("4/5", POINTS),
        ("{" * 50, POINTS),
    ],
)
def test_any_other_verdict_is_a_failure_and_no_score(said: str, prompt: Any) -> None:
    with pytest.raises(UnscorableError, match=r"cannot be read.*wanted one of (yes, no|1, 2, 3, 4, 5)"):
        read_verdict(said, prompt)


def test_a_passing_problem_is_tried_again(model: Model) -> None:
    model.replies = [503, 500, "no"]
    assert judge_of(model).judge("q", "r", "a").score == 0
    assert len(model.requests) == 3


def test_a_judge_that_is_down_fails_items_until_it_is_back(model: Model, tmp_path: Path) -> None:
    model.replies = [500]
    path = tmp_path / "verdicts.jsonl"
    judge = RememberingJudge(judge_of(model, retries=1), path)
    for _ in range(PATIENCE):
        with pytest.raises(JudgeUnavailableError, match=f"{model.url} gave no verdict.*HTTP 500"):
            judge.judge("q", "r", "a")
    assert len(model.requests) == 2 * PATIENCE
    with pytest.raises(JudgeUnavailableError, match="5 times in a row and is not asked again"):
        judge.judge("q", "r", "a")
    assert len(model.requests) == 2 * PATIENCE
    model.replies = ["yes"]
    assert RememberingJudge(judge_of(model), path).judge("q", "r", "a").score == 1


def test_nobody_at_the_address_is_a_failure_of_the_item() -> None:
    with Model() as closed:
        url = closed.url
    judge = EndpointJudge(judge_endpoint(url, "tiny-judge"), YES_NO, retries=0)
    with pytest.raises(JudgeUnavailableError, match="could not be reached"):
        judge.judge("q", "r", "a")


def test_an_unreadable_completion_is_not_repeated(model: Model) -> None:
    model.replies = [None]  # type: ignore[list-item]
    with pytest.raises(JudgeUnavailableError, match="holds no text"):
        judge_of(model).judge("q", "r", "a")
    assert len(model.requests) == 1


def test_a_refused_key_or_model_stops_at_once(model: Model) -> None:
    model.replies = [401]
    with pytest.raises(ConfigError, match="check address, model and key"):
        judge_of(model).judge("q", "r", "a")
    assert len(model.requests) == 1


def test_a_judge_does_not_guess() -> None:
    with pytest.raises(ConfigError, match="temperature 0"):
        EndpointJudge(Endpoint("http://127.0.0.1:1/v1", "m", temperature=0.5), YES_NO)
