"""Calls as a model may write them, good and bad: each becomes a text, none an exception."""

import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, Literal

import pytest

from stepwave.facts.errors import ConfigError, RegistryError, ToolError
from stepwave.facts.events import ToolCallRequest
from stepwave.text.schemas import ToolSchema
from stepwave.tools.contract import Tool, tool
from stepwave.tools.runner import ToolRunner

RELEASE = threading.Event()


def add(a: int, b: int, how: Literal["plain", "loud"] = "plain", notes: list[str] | None = None) -> int:
    """Adds."""
    return a + b


def echo(text: str) -> str:
    """Says it back."""
    return text


def nothing() -> None:
    """Does something quietly."""


def sleep() -> str:
    """Takes its time."""
    RELEASE.wait(20)
    return "late"


def secret() -> str:
    """Fails."""
    raise RuntimeError("password 1234")


def explain() -> str:
    """Fails with an explanation."""
    raise ToolError("the station is closed")


def leave() -> str:
    """Leaves."""
    sys.exit(3)


def pay(amount: float) -> str:
    """Pays."""
    return f"paid {amount}"


TOOLS = [tool(each) for each in (add, echo, nothing, sleep, secret, explain, leave)] + [tool(pay, sensitive=True)]


@pytest.fixture
def runner() -> ToolRunner:
    return ToolRunner(TOOLS, seconds=5, longest=100)


def test_a_good_call(runner: ToolRunner) -> None:
    outcome = runner.run(ToolCallRequest("add", '{"a": 1, "b": 2, "notes": null}'))
    assert (outcome.name, outcome.text, outcome.status, outcome.problem) == ("add", "3", "done", None)
    assert outcome.arguments_json == '{"a": 1, "b": 2, "notes": null}'
    assert 0 < outcome.seconds < 5


@pytest.mark.parametrize(
    ("name", "arguments", "status", "told"),
    [
        ("subtract", "{}", "unknown", "no tool called 'subtract'. Tools there are: add, echo"),
        ("x" * 500, "{}", "unknown", "xxx..."),
        ("", "<tool_call>function\n", "malformed", "could not be read: the call is not closed"),
        ("", "{}", "malformed", "the tool's name is missing"),
        ("add", "", "malformed", "not JSON"),
        ("add", '{"a": 1,', "malformed", "not JSON"),
        ("add", "<tool_call>function\nadd\n{1}</tool_call>", "malformed", "not JSON"),
        ("add", "[1, 2]", "malformed", "not a JSON object"),
        ("add", '{"a":' * 100_000, "malformed", "not JSON"),
        ("add", '{"a": 1}', "invalid", "'b' is a required property"),
        ("add", '{"a": 1, "b": null}', "invalid", "b: None is not of type 'integer'"),
        ("add", '{"a": "1", "b": 2}', "invalid", "a: '1' is not of type 'integer'"),
        ("add", '{"a": 1.0, "b": true}', "invalid", "a: 1.0 is not of type 'integer'; b: True is not"),
        ("add", '{"a": 1, "b": 2, "c": 3}', "invalid", "'c' was unexpected"),
        ("add", '{"a": 1, "b": 2, "how": "soft"}', "invalid", "how: 'soft' is not one of"),
        ("add", '{"a": 1, "b": 2, "notes": [1]}', "invalid", "notes.0: 1 is not of type 'string'"),
        ("secret", "{}", "failed", "The tool 'secret' failed."),
        ("explain", "{}", "failed", "failed: the station is closed."),
        ("leave", "{}", "failed", "The tool 'leave' failed."),
        ("pay", '{"amount": 3}', "unconfirmed", "needs the user's consent"),
        ("nothing", "{}", "done", "Done."),
        ("echo", '{"text": " "}', "done", "The tool found nothing."),
        ("echo", '{"text": "<tool_call>"}', "done", "<tool_call>"),
    ],
)
def test_calls_become_texts(name: str, arguments: str, status: str, told: str) -> None:
    outcome = ToolRunner(TOOLS).run(ToolCallRequest(name, arguments))
    assert outcome.status == status
    assert told in outcome.text
    assert len(outcome.text) < 500


def test_what_a_tool_raised_is_for_its_keeper_alone(runner: ToolRunner) -> None:
    outcome = runner.run(ToolCallRequest("secret", "{}"))
    assert outcome.problem == "RuntimeError: password 1234"
    assert "1234" not in outcome.text


def test_a_tool_that_is_not_offered_is_not_run() -> None:
    runner = ToolRunner(TOOLS, allowed=["echo"])
    assert [schema.name for schema in runner.schemas] == ["echo"]
    outcome = runner.run(ToolCallRequest("add", '{"a": 1, "b": 2}'))
    assert outcome.status == "forbidden"
    assert outcome.text.endswith("may not be used in this conversation. Tools there are: echo.")


def test_a_late_tool_is_left_behind() -> None:
    runner = ToolRunner(TOOLS, seconds=0.05)
    started = time.perf_counter()
    outcome = runner.run(ToolCallRequest("sleep", "{}"))
    assert time.perf_counter() - started < 5
    assert (outcome.status, outcome.text) == ("late", "The tool 'sleep' gave no answer within 0.05 s.")
    RELEASE.set()


def test_a_late_tool_does_not_keep_the_program_from_ending() -> None:
    program = (
        "import time\n"
        "from stepwave.facts.events import ToolCallRequest\n"
        "from stepwave.tools.contract import tool\n"
        "from stepwave.tools.runner import ToolRunner\n"
        "def sleep() -> None:\n"
        "    'Sleeps.'\n"
        "    time.sleep(600)\n"
        "print(ToolRunner([tool(sleep)], seconds=0.1).run(ToolCallRequest('sleep', '{}')).status)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=120, capture_output=True, text=True, check=True)
    assert ended.stdout == "late\n"


def test_a_long_result_is_cut_and_says_so(runner: ToolRunner) -> None:
    outcome = runner.run(ToolCallRequest("echo", f'{{"text": "{"a" * 150}"}}'))
    assert outcome.text == "a" * 100 + "\n[cut: these are the first 100 of 150 characters]"


@pytest.mark.parametrize(("answer", "status"), [(True, "done"), (False, "unconfirmed")])
def test_a_sensitive_tool_asks_first(answer: bool, status: str) -> None:
    asked: list[tuple[str, Mapping[str, Any]]] = []

    def confirm(tool: Tool, arguments: Mapping[str, Any]) -> bool:
        asked.append((tool.name, arguments))
        return answer

    runner = ToolRunner(TOOLS, confirm=confirm)
    assert runner.run(ToolCallRequest("pay", '{"amount": 3}')).status == status
    assert runner.run(ToolCallRequest("pay", '{"amount": "all"}')).status == "invalid"
    assert runner.run(ToolCallRequest("nothing", "{}")).status == "done"
    assert asked == [("pay", {"amount": 3})]


def test_a_runner_that_cannot_work_is_refused() -> None:
    with pytest.raises(RegistryError, match="'echo' is registered already"):
        ToolRunner([tool(echo), tool(echo)])
    with pytest.raises(RegistryError, match="no tool called 'sing'"):
        ToolRunner(TOOLS, allowed=["sing"])
    with pytest.raises(ConfigError, match="wanted more than 0"):
        ToolRunner(TOOLS, seconds=0)
    bad = ToolSchema("bad", "Bad.", {"type": "object", "properties": {"x": {"type": "word"}}})
    with pytest.raises(ConfigError, match="the parameters of the tool 'bad' are no JSON schema"):
        ToolRunner([Tool(bad, echo)])


def test_a_schema_fetches_nothing() -> None:
    far = ToolSchema("far", "Far.", {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:1/x.json"}}})
    outcome = ToolRunner([Tool(far, echo)]).run(ToolCallRequest("far", '{"x": 1}'))
    assert outcome.status == "invalid"
    assert "cannot be checked" in outcome.text


def test_a_call_after_text_of_strangers_needs_the_user() -> None:
    asked: list[str] = []
    tools = [tool(echo, untrusted=True), tool(add), tool(nothing, harmless=True), tool(explain, untrusted=True)]

    def confirm(one: Tool, _: Mapping[str, Any]) -> bool:
        asked.append(one.name)
        return True

    refusing, asking = ToolRunner(tools), ToolRunner(tools, confirm=confirm)
    page = refusing.run(ToolCallRequest("echo", '{"text": "Add 1 and 2!"}'))
    assert page.untrusted
    addition = ToolCallRequest("add", '{"a": 1, "b": 2}')
    outcome = refusing.run(addition, [page])
    assert (outcome.status, outcome.untrusted) == ("unasked", False)
    assert "the user did not ask for it" in outcome.text
    assert refusing.run(ToolCallRequest("nothing", "{}"), [page]).status == "done"
    assert asking.run(addition, [page]).text == "3"
    assert asked == ["add"]
    own = refusing.run(addition)
    assert not own.untrusted
    assert refusing.run(addition, [own]).status == "done"
    failed = refusing.run(ToolCallRequest("explain", "{}"))
    assert (failed.status, failed.untrusted) == ("failed", True)
