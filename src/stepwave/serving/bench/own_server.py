"""A server of our own to measure: `stepwave serve` in another process, started, waited for and stopped."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepwave.facts.errors import ServiceError
from stepwave.serving.bench.line import Place

STARTING_SECONDS: Final = 600.0
STOPPING_SECONDS: Final = 40.0
_POLL_SECONDS: Final = 0.1
_ADDRESS: Final = re.compile(r"^API: +http://127\.0\.0\.1:(\d+)/v1", re.MULTILINE)


@dataclass(frozen=True)
class OwnServer:
    """A server that answers."""

    place: Place
    pid: int


@asynccontextmanager
async def own_server(
    model: str, sessions: int, device: str | None = None, threads: int | None = None
) -> AsyncIterator[OwnServer]:
    """Start `stepwave serve` for so many sessions on a free port; it is stopped when the block ends.

    Raises ServiceError, with the last the server said, where it does not get ready.
    """
    token = secrets.token_urlsafe(24)
    arguments = ["--host", "127.0.0.1", "--port", "0", "--model", model, "--sessions", str(sessions)]
    for name, value in (("--device", device), ("--threads", threads)):
        arguments += [] if value is None else [name, str(value)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said")
        with path.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "stepwave", "serve", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, "STEPWAVE_TOKEN": token, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C is for us, who then stop it
            )
        try:
            port = await _ready(process, path)
            yield OwnServer(Place(f"ws://127.0.0.1:{port}", token, model), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _ready(process: subprocess.Popen[bytes], said: Path) -> int:
    """The port, once the server answers there."""
    until = time.monotonic() + STARTING_SECONDS
    while process.poll() is None and time.monotonic() < until:
        found = _ADDRESS.search(said.read_text(encoding="utf-8", errors="replace"))
        if found is not None and await asyncio.to_thread(_is_ready, int(found[1])):
            return int(found[1])
        await asyncio.sleep(_POLL_SECONDS)
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    came = "did not get ready in time" if process.poll() is None else f"ended with code {process.returncode}"
    raise ServiceError(f"the server to be measured {came}; it said last: {lines[-1] if lines else 'nothing'}")


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
