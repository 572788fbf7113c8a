"""A server of our own that can't begin is told in one line."""

import asyncio
from pathlib import Path

import pytest

from stepwave.facts.errors import ServiceError
from stepwave.serving.bench.own_server import own_server


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    async def start() -> None:
        async with own_server(str(tmp_path / "none"), 1):
            raise AssertionError("it began")

    with pytest.raises(ServiceError, match="ended with code 1; it said last: stepwave: "):
        asyncio.run(start())
