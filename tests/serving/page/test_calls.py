"""Tool calls on the page, in a real browser: a client's, those that the server runs, and the question before some."""

from __future__ import annotations

from typing import Any

import numpy as np

from .conftest import Visit
from .stand_in import RATE, StandIn, until

CALL = {"id": "mcp_a", "type": "mcp_call", "server_label": "stepwave", "name": "date_time", "arguments": ""}
PLACE = {"item_id": "mcp_a", "output_index": 0}
ARGUMENTS = '{"time_zone": "Asia/Tokyo"}'
REQUEST = {"id": "mcpr_a", "type": "mcp_approval_request", "name": "pay", "arguments": '{"to": "Ann"}'}


def begin(stand_in: StandIn) -> None:
    """A call of the server's up to where its tool works."""
    stand_in.tell("response.output_item.added", response_id="resp_1", output_index=0, item=CALL)
    stand_in.tell("response.mcp_call_arguments.delta", response_id="resp_1", **PLACE, delta=ARGUMENTS)
    stand_in.tell("response.mcp_call_arguments.done", response_id="resp_1", **PLACE, arguments=ARGUMENTS)
    stand_in.tell("response.mcp_call.in_progress", **PLACE)


def end(stand_in: StandIn, **fields: Any) -> None:
    stand_in.tell(f"response.mcp_call.{'failed' if 'error' in fields else 'completed'}", **PLACE)
    item = {**CALL, "arguments": ARGUMENTS, "output": None, "error": None, **fields}
    stand_in.tell("response.output_item.done", response_id="resp_1", output_index=0, item=item)


def ask(visit: Visit, stand_in: StandIn) -> Any:
    """The dialog that asks about a call under way."""
    visit.open()
    visit.write("Pay Ann.")
    stand_in.tell("response.created", response={"id": "resp_1"})
    begin(stand_in)
    stand_in.tell("response.output_item.done", response_id="resp_1", output_index=1, item=REQUEST)
    dialog = visit.page.get_by_role("dialog", name="Allow this call?")
    dialog.wait_for()
    return dialog


def test_a_call_that_the_server_runs_is_shown_and_its_result_can_be_opened(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("What time is it in Tokyo?")
    stand_in.tell("response.created", response={"id": "resp_1"})
    begin(stand_in)
    shown = visit.page.locator(".tool")
    shown.get_by_text("working…").wait_for()
    assert shown.locator(".tool-name").inner_text() == "date_time"
    assert "Asia/Tokyo" in shown.locator(".tool-arguments").inner_text()
    visit.state("thinking")
    end(stand_in, output='{"time": "<b>12:00</b>"}')
    shown.get_by_text("done", exact=True).wait_for()
    # Closed until somebody wants it, by keyboard as well.
    result = shown.locator(".tool-result")
    assert not result.is_visible()
    shown.locator("summary").focus()
    visit.page.keyboard.press("Enter")
    result.wait_for()
    assert result.inner_text() == '{\n  "time": "<b>12:00</b>"\n}'
    visit.page.click("#language")
    assert shown.locator(".tool-state").inner_text() == "完成"
    assert shown.locator(".tool-title").all_inner_texts() == ["参数", "结果"]


def test_a_call_that_failed_says_why(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("What time is it in Atlantis?")
    stand_in.tell("response.created", response={"id": "resp_1"})
    begin(stand_in)
    end(stand_in, error={"type": "tool_execution_error", "message": "no time zone is known for 'Atlantis'"})
    shown = visit.page.locator(".tool")
    shown.get_by_text("failed", exact=True).wait_for()
    assert shown.locator(".tool-title").last.inner_text() == "What went wrong"
    assert shown.locator(".tool-result").inner_text() == "no time zone is known for 'Atlantis'"


def test_the_user_is_asked_before_a_sensitive_call(visit: Visit, stand_in: StandIn) -> None:
    dialog = ask(visit, stand_in)
    assert "pay" in dialog.inner_text()
    assert '"to": "Ann"' in dialog.inner_text()
    visit.page.locator(".tool").get_by_text("waiting for your consent").wait_for()
    # No is what a key meets that was pressed for something else.
    assert visit.page.evaluate("document.activeElement.textContent") == "No"
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    answer = stand_in.wait("conversation.item.create", 2)["item"]
    assert answer == {"type": "mcp_approval_response", "approval_request_id": "mcpr_a", "approve": True}
    dialog.wait_for(state="hidden")
    visit.page.locator(".tool").get_by_text("working…").wait_for()


def test_escape_is_a_no_and_stops_nothing_else(visit: Visit, stand_in: StandIn) -> None:
    dialog = ask(visit, stand_in)
    visit.page.keyboard.press("Escape")
    assert stand_in.wait("conversation.item.create", 2)["item"]["approve"] is False
    dialog.wait_for(state="hidden")
    assert stand_in.of("response.cancel") == []


def test_a_question_that_the_server_took_back_is_gone(visit: Visit, stand_in: StandIn) -> None:
    dialog = ask(visit, stand_in)
    end(stand_in, error={"type": "tool_execution_error", "message": "the answer was stopped"})
    dialog.wait_for(state="hidden")
    assert len(stand_in.of("conversation.item.create")) == 1


def test_stopped_before_a_call_what_followed_it_is_not_heard_either(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("Well?")
    stand_in.wait("response.create")
    tone = (6000 * np.sin(np.arange(3 * RATE) / 20)).astype(np.int16)
    stand_in.begin("item_a")
    for item, words in (("item_a", "One moment."), ("item_b", "It is noon.")):
        place = {"response_id": "resp_item_a", "item_id": item, "content_index": 0}
        stand_in.tell("response.output_audio_transcript.delta", **place, delta=words)
        stand_in.sound(tone, item, "resp_item_a")
        stand_in.tell("response.output_audio.done", **place)
        stand_in.tell("response.output_audio_transcript.done", **place, transcript=words)
    visit.state("speaking")
    visit.page.click("#stop")
    later = stand_in.wait("conversation.item.truncate", 1)
    first = stand_in.wait("conversation.item.truncate", 2)
    assert (later["item_id"], later["audio_end_ms"]) == ("item_b", 0)
    assert first["item_id"] == "item_a"
    assert first["audio_end_ms"] < 3000
    until(lambda: visit.page.locator(".cut").count() == 2, "both marked")
    assert visit.page.locator("li.assistant .heard").last.inner_text() == ""


def test_tool_calls_are_shown_as_they_happen(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("Weather?")
    call = {"id": "item_f", "type": "function_call", "name": "get_weather", "call_id": "call_1", "arguments": ""}
    place = {"response_id": "resp_1", "item_id": "item_f", "call_id": "call_1"}
    stand_in.tell("response.created", response={"id": "resp_1"})
    stand_in.tell("response.output_item.added", response_id="resp_1", item=call)
    stand_in.tell("response.function_call_arguments.delta", **place, delta='{"city":')
    shown = visit.page.locator(".tool")
    shown.get_by_text('{"city":').wait_for()
    assert shown.locator(".tool-state").inner_text() == "calling"
    stand_in.tell("response.function_call_arguments.done", **place, arguments='{"city": "Bonn"}')
    shown.get_by_text("waiting for its result").wait_for()
    stand_in.tell("response.done", response={"id": "resp_1", "status": "completed", "output": [call]})
    result = {"id": "item_r", "type": "function_call_output", "call_id": "call_1", "output": "<b>sunny</b>"}
    stand_in.tell("conversation.item.added", item=result)
    shown.get_by_text("done", exact=True).wait_for()
    assert shown.locator(".tool-result").text_content() == "<b>sunny</b>"
