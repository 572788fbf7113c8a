"""The server's own tools: offered to the model beside those of a client, and run here.

Each call runs in a thread of its own, so that neither the model nor other conversations wait for it.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from stepwave.facts.events import ToolCallRequest
from stepwave.text.schemas import ToolSchema
from stepwave.tools.contract import Tool
from stepwave.tools.runner import SECONDS, ToolOutcome, ToolRunner

_T = TypeVar("_T")

Consent: TypeAlias = Callable[[Tool, Mapping[str, Any]], Awaitable[bool]]
"""Asks a client's user, on the event loop, whether a sensitive tool may be run with these arguments."""

MOST_AT_WORK: Final = 64
"""Calls at work at once, those that nobody waits for any more included."""


class ServerTools:
    """What a server offers, for all of its conversations. Lives on the event loop.

    Raises, when it is made, RegistryError for a name used twice and ConfigError for a schema that is none.
    """

    def __init__(self, tools: Sequence[Tool] = (), seconds: float = SECONDS, most: int = MOST_AT_WORK) -> None:
        """A call may take `seconds`; `most` may be at work at once."""
        self._tools = tuple(tools)
        self._seconds = seconds
        self._most = most
        self._at_work = self._awaited = 0
        self._runner([])

    @property
    def schemas(self) -> tuple[ToolSchema, ...]:
        """What the model is told of them."""
        return tuple(tool.schema for tool in self._tools)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """All of them."""
        return self._tools

    @property
    def busy(self) -> bool:
        """Whether an answer waits for one of them."""
        return self._awaited > 0

    def calls(self, theirs: Collection[str] = (), offered: bool = True, consent: Consent | None = None) -> Calls:
        """For the calls of one answer, whose client runs the tools named `theirs` itself.

        Tools that are not `offered` are not run either. Without `consent` no sensitive one is.
        """
        return Calls(self, frozenset(theirs), offered, consent)

    async def run(
        self,
        theirs: Collection[str],
        offered: bool,
        call: ToolCallRequest,
        consent: Consent,
        read: Sequence[ToolOutcome],
    ) -> ToolOutcome:
        """Run one call and wait for it; cancelled, it leaves the tool to itself."""
        if self._at_work >= self._most:
            text = f"The tool '{call.name[:60]}' was not run: {self._at_work} others are at work; try again later."
            return ToolOutcome(call.name, call.arguments_json, text, 0.0, "failed", "too many tools at work")
        asking = _Asking(consent)
        runner = self._runner(theirs, offered, asking)

        def over() -> None:
            self._at_work -= 1

        self._at_work += 1
        self._awaited += 1
        try:
            return await in_thread(lambda: runner.run(call, read), over)
        finally:
            self._awaited -= 1
            asking.end()

    def refuse(self, call: ToolCallRequest) -> ToolOutcome:
        """The outcome of a call that comes after the last one allowed."""
        return ToolRunner([]).refuse(call)

    def _runner(self, theirs: Collection[str], offered: bool = True, asking: _Asking | None = None) -> ToolRunner:
        # Those of the client are never run here: they stand among the names that a misspelt one is told.
        names = dict.fromkeys(theirs)
        named = [Tool(ToolSchema(name, "", {"type": "object"}), _not_here) for name in names]
        ours = [tool for tool in self._tools if tool.name not in names]
        confirm = None if asking is None else asking.confirm
        return ToolRunner([*ours, *named], self._seconds, allowed=None if offered else [], confirm=confirm)


class Calls:
    """The calls of one answer: whose they are, and running the server's."""

    def __init__(self, tools: ServerTools, theirs: frozenset[str], offered: bool, consent: Consent | None) -> None:
        self._tools = tools
        self._theirs = theirs
        self._offered = offered
        self._consent = consent or _refused

    def is_ours(self, call: ToolCallRequest) -> bool:
        """Whether the server answers it: all but the client's own tools, where the server has any."""
        return bool(self._tools.tools) and call.name not in self._theirs

    async def run(self, call: ToolCallRequest, read: Sequence[ToolOutcome] = ()) -> ToolOutcome:
        """Run a call that is ours, after the model has read the outcomes `read` since the user's turn.

        Never raises for what the model wrote or the tool did.
        """
        return await self._tools.run(self._theirs, self._offered, call, self._consent, tuple(read))

    def refuse(self, call: ToolCallRequest) -> ToolOutcome:
        """The outcome of a call that comes after the last one allowed."""
        return self._tools.refuse(call)


class _Asking:
    """Lets a tool's thread ask on the event loop for consent, until nobody waits for the call any more."""

    def __init__(self, consent: Consent) -> None:
        self._consent = consent
        self._loop = asyncio.get_running_loop()
        self._asked: Future[bool] | None = None
        self._over = False

    def confirm(self, tool: Tool, arguments: Mapping[str, Any]) -> bool:
        """In the tool's thread: wait for the answer."""
        question = self._ask(tool, arguments)
        try:
            self._asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        except RuntimeError:  # the loop is closed: the server ended meanwhile
            question.close()
            return False
        return self._asked.result()

    async def _ask(self, tool: Tool, arguments: Mapping[str, Any]) -> bool:
        # Begun after the end, it would ask about a call that nobody waits for.
        return not self._over and await self._consent(tool, arguments)

    def end(self) -> None:
        """On the event loop: ask nobody any more."""
        self._over = True
        if self._asked is not None:
            self._asked.cancel()


async def in_thread(work: Callable[[], _T], over: Callable[[], object] = lambda: None) -> _T:
    """Do `work` in a thread of its own and wait for it; `over` is called on the loop when it has ended.

    Not in a pool, whose places would all be taken by a few slow tools. Cancelled, the work goes on unheard.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[_T] = loop.create_future()

    def end(tell: Callable[[], object]) -> None:
        over()
        if not result.done():
            tell()

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # raised again where the result is taken
            told = error

            def tell() -> None:
                result.set_exception(told)
        else:

            def tell() -> None:
                result.set_result(value)

        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(end, tell)

    threading.Thread(target=run, name="tool call", daemon=True).start()
    return await result


def written_arguments(arguments: Mapping[str, Any]) -> str:
    """Arguments as JSON, for people to read."""
    return json.dumps(arguments, ensure_ascii=False)


async def _refused(tool: Tool, arguments: Mapping[str, Any]) -> bool:
    return False


def _not_here() -> None:
    raise AssertionError("this tool is the client's to run")
