"""The page against the real server, whose model is scripted and whose tools are real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import ToolCallRequest
from stepwave.serving.server_tools import ServerTools
from stepwave.tools.clock import clock
from stepwave.tools.contract import tool

from ..conftest import Running, running
from ..realtime.test_server_tools import TIME, calling
from ..scripted import ScriptedTalker, said
from .stand_in import PATIENCE

TOKEN = "page-token"


# Asked for before the browser: while that runs, the server can't be started in this thread.
@pytest.fixture(scope="module")
def real(tiny_talker: Stepwave) -> Iterator[Running]:
    def open_door() -> str:
        """Opens the door."""
        return "The door is open."

    door = calling(ToolCallRequest("open_door", "{}"), text="I will open it.", seconds=0.3)
    talker = ScriptedTalker(
        tiny_talker,
        calling(TIME, text="One moment.", seconds=0.3),
        said("It is noon.", 0.3),
        door,
        said("It is open.", 0.3),
    )
    tools = ServerTools([clock(), tool(open_door, sensitive=True)])
    with running(talker, tools=tools, token=TOKEN) as server:
        yield server


def test_calls_are_asked_about_run_and_shown(real: Running, browser: Any) -> None:
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://{real.address}/#token={TOKEN}")
    page.wait_for_selector("#state[data-state=open]")

    page.fill("#words", "What time is it in Tokyo?")
    page.press("#words", "Enter")
    page.get_by_text("It is noon.", exact=True).wait_for()
    page.locator(".tool-state").get_by_text("done", exact=True).wait_for()
    page.locator(".tool summary").click()
    assert "Asia/Tokyo" in page.locator(".tool-result").inner_text()

    page.fill("#words", "Open the door.")
    page.press("#words", "Enter")
    page.get_by_role("button", name="Yes, run it").click()
    page.get_by_text("It is open.", exact=True).wait_for()
    assert page.locator(".tool-result").last.text_content() == "The door is open."
    order = page.locator("#transcript > li").evaluate_all("all => all.map((one) => one.className)")
    answer = ["turn assistant", "turn tool-call", "turn assistant"]
    assert order == ["turn user", *answer, "turn user", *answer]
    context.close()
    assert complaints == []
