"""The question at the terminal before a sensitive tool is run, while a talk goes on."""

from __future__ import annotations

import asyncio
import queue
import sys

import pytest

from stepwave.commands.tool_options import AskingAside


class Keyboard:
    """A terminal whose lines come when a test types them."""

    def __init__(self) -> None:
        self.lines: queue.Queue[str] = queue.Queue()
        self.terminal = True
        self.read = 0

    def isatty(self) -> bool:
        return self.terminal

    def readline(self) -> str:
        self.read += 1
        return self.lines.get(timeout=30)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Keyboard:
    one = Keyboard()
    monkeypatch.setattr(sys, "stdin", one)
    return one


@pytest.mark.parametrize(
    ("typed", "answer"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_yes_alone_is_a_yes(keyboard: Keyboard, typed: str, answer: bool, capsys: pytest.CaptureFixture[str]) -> None:
    keyboard.lines.put(typed)
    assert asyncio.run(AskingAside()("pay", '{"to": "\x1b[2JAnn"}')) is answer
    assert 'run pay {"to": " [2JAnn"}. Allow it?' in capsys.readouterr().err


def test_without_a_terminal_it_is_a_no(keyboard: Keyboard) -> None:
    keyboard.terminal = False
    keyboard.lines.put("y\n")
    assert asyncio.run(AskingAside()("pay", "{}")) is False


def test_an_answer_to_a_question_taken_back_is_none_to_the_next(keyboard: Keyboard) -> None:
    async def go() -> None:
        asking = AskingAside()
        first = asyncio.create_task(asking("pay", "{}"))
        while not keyboard.read:
            await asyncio.sleep(0.005)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        keyboard.lines.put("y\n")
        while asking._line is None or not asking._line.done():
            await asyncio.sleep(0.005)
        second = asyncio.create_task(asking("pay", "{}"))
        while keyboard.read < 2:
            await asyncio.sleep(0.005)
        # A reading that is left behind serves the next question.
        second.cancel()
        third = asyncio.create_task(asking("pay", "{}"))
        await asyncio.sleep(0)
        keyboard.lines.put("n\n")
        assert await third is False
        assert keyboard.read == 2

    asyncio.run(asyncio.wait_for(go(), 30))
