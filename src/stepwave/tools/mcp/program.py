"""The way to a server that is a program: a message a line, on its standard input and output.

The SDK's own way has no bound on a line, so that a result without end would fill the memory, and leaves standard error
to the terminal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from stepwave.tools.mcp.config import McpServer

LONGEST_MESSAGE: Final = 4 * 1024 * 1024
"""Bytes. A server that sends more in one message is ended."""
_LOG: Final = logging.getLogger(__name__)
_GRACE_SECONDS: Final = 2.0
"""So long a program may take to end once its input is closed."""
_TERM_SECONDS: Final = 1.0
"""And so long once it was told to."""
_LOOKED_SECONDS: Final = 0.01

Incoming: TypeAlias = SessionMessage | Exception
Streams: TypeAlias = tuple[MemoryObjectReceiveStream[Incoming], MemoryObjectSendStream[SessionMessage]]


class Program:
    """A server's program, running while `streams` is open. `ended` is called when it sends no more."""

    def __init__(self, server: McpServer, ended: Callable[[], None]) -> None:
        self._server, self._ended = server, ended
        self._process: Process | None = None
        self._errors: deque[str] = deque(maxlen=5)
        self.fault = ""
        """Why it was ended by us; "" if it was not."""

    @property
    def last_words(self) -> str:
        """The last line that it wrote to standard error; "" for none."""
        return next((line for line in reversed(self._errors) if line.strip()), "")

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[Streams]:
        """Start it; what it sends, and where it is sent messages. Raises OSError or ValueError if it can't be started.

        When left, its input is closed; if that does not end it, it is told to end and then killed, with whatever it
        started and did not detach.
        """
        environment = get_default_environment() | dict(self._server.env)
        program, *arguments = self._server.command
        process = self._process = await asyncio.create_subprocess_exec(
            # Found in the environment that it will have; on Windows this also finds npx.cmd for npx.
            shutil.which(program, path=environment.get("PATH")) or program,
            *arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
            cwd=self._server.cwd,
            limit=LONGEST_MESSAGE,
            # Ctrl-C is for us; a group of its own also makes it possible to end what it starts.
            start_new_session=True,
        )
        into, incoming = anyio.create_memory_object_stream[Incoming](0)
        outgoing, out = anyio.create_memory_object_stream[SessionMessage](0)
        work = [
            asyncio.create_task(one) for one in (_write(process, out), self._read(process, into), self._log(process))
        ]
        try:
            yield incoming, outgoing
        finally:
            # Closed first, so that no task waits for the other side of it.
            outgoing.close()
            incoming.close()
            await _stop(process)
            await asyncio.wait(work, timeout=_TERM_SECONDS)
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    def kill(self) -> None:
        """End it at once, from any thread."""
        if self._process is not None and self._process.returncode is None:
            _signal(self._process, "SIGKILL")

    async def _read(self, process: Process, into: MemoryObjectSendStream[Incoming]) -> None:
        assert process.stdout
        try:
            async with into:
                while line := await process.stdout.readline():
                    try:
                        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                    except ValueError:
                        _LOG.info("%s wrote what is no message: %r", self._server.name, line[:200])
                        continue
                    await into.send(SessionMessage(message))
        except ValueError:  # the reader's own, for a line above the limit
            self.fault = f"it sent more than {LONGEST_MESSAGE} bytes in one message"
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # nobody listens any more
        finally:
            self._ended()

    async def _log(self, process: Process) -> None:
        assert process.stderr
        while True:
            with suppress(ValueError):  # a line above the limit, which is dropped
                if not (line := await process.stderr.readline()):
                    break
                told = line[:500].decode(errors="replace").rstrip()
                self._errors.append(told)
                _LOG.info("%s: %s", self._server.name, told)


async def _write(process: Process, out: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin
    with suppress(ConnectionError):  # it has ended, which the reader sees
        async with out:
            async for one in out:
                process.stdin.write(one.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await process.stdin.drain()


async def _stop(process: Process) -> None:
    assert process.stdin
    process.stdin.close()
    if not await _gone(process, _GRACE_SECONDS):
        _signal(process, "SIGTERM")
        await _gone(process, _TERM_SECONDS)
    # Also what it started and left behind.
    _signal(process, "SIGKILL")
    await _gone(process, _TERM_SECONDS)


async def _gone(process: Process, seconds: float) -> bool:
    """Whether it ends within so long. `Process.wait` would also wait for whoever else holds its output open."""
    for _ in range(round(seconds / _LOOKED_SECONDS)):
        if process.returncode is not None:
            return True
        await asyncio.sleep(_LOOKED_SECONDS)
    return process.returncode is not None


def _signal(process: Process, name: str) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.Signals[name])  # it leads its group
        elif process.returncode is None:
            process.kill()
