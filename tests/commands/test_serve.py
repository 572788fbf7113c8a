"""`stepwave serve`: what is said where a vLLM server's place is missing or nobody is there, or a tool is unknown."""

import socket
from collections.abc import Callable

import pytest

from ..conftest import Outcome


@pytest.mark.parametrize("options", [("--engine", "vllm"), ("--url", "http://127.0.0.1:1")])
def test_the_engine_and_its_place_belong_together(program: Callable[..., Outcome], options: tuple[str, ...]) -> None:
    outcome = program("serve", *options)
    assert outcome.code == 2
    assert "belong together" in " ".join(outcome.err.split())


def test_nobody_at_the_place_is_one_line(program: Callable[..., Outcome], tiny_nano: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    outcome = program("serve", "--model", tiny_nano, "--port", 0, "--engine", "vllm", "--url", url, "--threads", 1)
    assert outcome.code == 1
    assert "can't be reached" in outcome.complaint


def test_an_unknown_tool_is_one_line_that_names_those_there_are(program: Callable[..., Outcome]) -> None:
    outcome = program("serve", "--port", 0, "--tools", "date_time,crystal_ball")
    assert outcome.code == 1
    assert "crystal_ball" in outcome.complaint
    assert "date_time" in outcome.complaint
