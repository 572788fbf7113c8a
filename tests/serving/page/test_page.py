"""The page around the conversation: token, connection, errors, keys, languages, themes, voices."""

from __future__ import annotations

import re

import numpy as np
import pytest

from .conftest import Visit
from .stand_in import RATE, StandIn, until


def test_a_token_in_the_address_is_used_and_taken_off(visit: Visit, stand_in: StandIn) -> None:
    stand_in.wanted_token = "s3cret"
    visit.open("#token=s3cret")
    assert stand_in.dialled[0]["protocols"] == "realtime, openai-insecure-api-key.s3cret"
    assert visit.page.url == f"{stand_in.address}/"
    assert not any("s3cret" in url for url in visit.requests)
    visit.page.reload()
    visit.state("open")


def test_without_a_token_the_page_asks_for_it(visit: Visit, stand_in: StandIn) -> None:
    stand_in.wanted_token = "s3cret"
    visit.page.goto(stand_in.address)
    for token in ("wrong", "s3cret"):
        visit.page.get_by_label("Server token").fill(token)
        visit.page.keyboard.press("Enter")
        if token == "wrong":
            visit.page.get_by_text("That token was refused.").wait_for()
    visit.state("open")
    assert len(stand_in.dialled) == 1
    # A browser notes each refused request on its console, whatever the page makes of it.
    assert all("401" in one for one in visit.complaints)
    visit.complaints.clear()


def test_a_lost_connection_is_taken_up_where_it_broke(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("Before")
    stand_in.wait("response.create")
    stand_in.begin("item_a")
    stand_in.words("One ", "item_a")
    visit.page.get_by_text("One", exact=True).wait_for()
    last = f"event_{stand_in.count}"
    stand_in.drop()
    visit.state("lost")
    until(lambda: len(stand_in.dialled) == 2, "another connection")
    assert stand_in.dialled[1]["resume"] == "come-back"
    assert stand_in.dialled[1]["last_event_id"] == last
    visit.page.wait_for_selector("#state:not([data-state=lost])")
    stand_in.words("two.", "item_a")
    visit.page.get_by_text("One two.", exact=True).wait_for()
    assert visit.page.locator(".remark").count() == 0


def test_what_was_written_meanwhile_is_sent_and_a_lost_conversation_is_told(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    stand_in.resumable = False
    stand_in.drop()
    visit.state("lost")
    visit.write("Are you there?")
    item = stand_in.wait("conversation.item.create")["item"]
    assert item["content"][0]["text"] == "Are you there?"
    stand_in.wait("response.create")
    assert "resume" in stand_in.dialled[1]
    assert "resume" not in stand_in.dialled[-1]
    visit.page.get_by_text("This is a new one.").wait_for()
    kinds = [event["type"] for event in stand_in.received]
    assert kinds[-3:] == ["session.update", "conversation.item.create", "response.create"]


def test_a_conversation_that_ended_can_be_begun_anew(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    stand_in.drop(1000)
    visit.state("ended")
    visit.page.get_by_role("button", name="Start a new one").click()
    visit.state("open")
    assert "resume" not in stand_in.dialled[1]


def test_errors_are_shown_in_the_servers_words(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    stand_in.tell("error", error={"message": "got the speed 9; <i>wanted</i> 1", "code": "unsupported"})
    alert = visit.page.get_by_role("alert").filter(has_text="got the speed 9; <i>wanted</i> 1")
    alert.wait_for()
    stand_in.tell("error", error={"message": "there is no such answer", "code": "response_cancel_not_active"})
    stand_in.begin("item_a")
    stand_in.done("failed", "item_a", error={"message": "the model broke"})
    visit.page.get_by_text("the model broke").wait_for()
    assert visit.page.locator(".notice").count() == 2
    visit.page.get_by_label("Dismiss").first.click()
    assert visit.page.locator(".notice").count() == 1


def test_everything_can_be_done_by_keyboard(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    press = visit.page.keyboard.press
    reached = []
    for _ in range(8):
        press("Tab")
        reached.append(visit.page.evaluate("document.activeElement.id || document.activeElement.value"))
        outline = visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        around = visit.page.evaluate("getComputedStyle(document.activeElement.parentElement).borderTopColor")
        assert outline != "none" or reached[-1] in ("words", ""), reached
        assert around
    assert {"voice", "language", "theme", "attach", "words", "talk", "hold"} <= set(reached)

    visit.page.evaluate("document.activeElement.blur()")
    visit.page.keyboard.down(" ")
    visit.state("listening")
    stand_in.wait("input_audio_buffer.append", 10)
    visit.page.keyboard.up(" ")
    stand_in.wait("input_audio_buffer.commit")
    tone = (6000 * np.sin(np.arange(5 * RATE) / 20)).astype(np.int16)
    stand_in.answer("A long answer.", tone)
    visit.state("speaking")
    press("Escape")
    stand_in.wait("conversation.item.truncate")

    visit.page.focus("#voice")
    press("Enter")
    # It opens a moment after the key, and begins with an empty search then.
    options = visit.page.get_by_role("option")
    until(lambda: options.count() > 1, "the voices")
    visit.page.keyboard.type("bright CAL")
    until(lambda: options.all_inner_texts() == ["chen\ncalm and bright"], "the voice whose words were typed")
    visit.page.get_by_role("combobox").fill("bo")
    until(lambda: options.count() == 1, "the voice that was typed")
    press("Enter")
    until(lambda: len(stand_in.of("session.update")) == 2, "the new voice")
    assert stand_in.of("session.update")[1]["session"]["audio"]["output"]["voice"] == "bob"
    until(lambda: visit.page.inner_text("#voice") == "bob", "the new voice's name")
    assert visit.page.evaluate("document.activeElement.id") == "voice"

    visit.page.focus("#words")
    visit.page.keyboard.type("a b")
    assert visit.page.input_value("#words") == "a b"
    assert len(stand_in.of("input_audio_buffer.commit")) == 1


def test_voices_that_are_not_listed_are_found_by_the_server(visit: Visit, stand_in: StandIn) -> None:
    stand_in.unlisted = [{"name": "grandpa", "description": "an elderly man", "library": True}]
    page = visit.open().page
    options, note = page.get_by_role("option"), page.get_by_role("dialog").get_by_role("status")
    page.focus("#voice")
    page.keyboard.press("Enter")
    until(lambda: options.count() == 3, "the voices")
    assert note.inner_text() == "There are more voices: search by name, or by what one is like."
    page.keyboard.type("elderly")
    until(lambda: options.all_inner_texts() == ["grandpa\nan elderly man\nfrom a voice library"], "the server's voice")
    assert note.inner_text() == ""
    assert page.get_by_role("combobox").get_attribute("aria-activedescendant") == "voice-0"
    assert page.locator("#voice-0.pointed").count() == 1
    page.get_by_role("combobox").fill("nobody")
    until(lambda: note.inner_text() == "No voice fits", "the end of a search in vain")
    assert options.count() == 0
    page.get_by_role("combobox").fill("elderly")
    until(lambda: options.count() == 1, "the voice once more")
    page.keyboard.press("Enter")
    until(lambda: len(stand_in.of("session.update")) == 2, "the new voice")
    assert stand_in.of("session.update")[1]["session"]["audio"]["output"]["voice"] == "grandpa"
    assert page.inner_text("#voice") == "grandpa"
    assert page.evaluate("document.activeElement.id") == "voice"
    page.keyboard.press("Enter")
    until(lambda: options.count() == 4, "all that are known by now")
    assert page.get_by_role("option", selected=True).inner_text().startswith("grandpa")
    page.keyboard.press("Escape")

    # It is remembered, although the server doesn't list it.
    page.reload()
    visit.state("open")
    until(lambda: len(stand_in.of("session.update")) == 3, "the session of the page opened anew")
    assert stand_in.of("session.update")[2]["session"]["audio"]["output"]["voice"] == "grandpa"
    assert stand_in.searched[-1] == "grandpa"
    page.click("#language")
    page.click("#voice")
    until(lambda: options.count() == 4, "the voices")
    assert note.inner_text() == "还有更多声音：可按名称或特点搜索。"
    assert "来自声音库" in options.last.inner_text()


def test_where_all_voices_are_listed_the_server_is_not_searched(visit: Visit, stand_in: StandIn) -> None:
    page = visit.open().page
    options, note = page.get_by_role("option"), page.get_by_role("dialog").get_by_role("status")
    page.click("#voice")
    until(lambda: options.count() == 3, "the voices")
    page.keyboard.type("grandpa")
    until(lambda: note.inner_text() == "No voice fits", "no voice")
    page.get_by_role("combobox").fill("bright")
    until(lambda: options.count() == 2, "the voices that fit")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(lambda: len(stand_in.of("session.update")) == 2, "the new voice")
    assert stand_in.of("session.update")[1]["session"]["audio"]["output"]["voice"] == "chen"
    assert stand_in.searched == []


def test_screen_readers_find_names_and_wait_for_whole_turns(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    log = visit.page.get_by_role("log", name="Conversation")
    assert log.get_attribute("aria-live") == "polite"
    assert visit.page.get_by_role("meter").count() == 2
    nameless = visit.page.evaluate(
        "[...document.querySelectorAll('button, input:not([hidden]), textarea, [role=meter]')].filter((one) =>"
        " !one.ariaLabel && !one.textContent.trim() && !one.closest('label')).map((one) => one.outerHTML)"
    )
    assert nameless == []
    visit.write("Hello")
    stand_in.wait("response.create")
    stand_in.begin("item_a")
    stand_in.words("Half a ", "item_a")
    turn = visit.page.locator("li.assistant")
    turn.wait_for()
    assert turn.get_attribute("aria-busy") == "true"
    place = {"response_id": "resp_item_a", "item_id": "item_a"}
    stand_in.tell("response.output_audio_transcript.done", **place, transcript="Half a sentence.")
    visit.page.locator("li.assistant:not([aria-busy])").wait_for()


def test_chinese_and_english_are_switched_and_remembered(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("Hello")
    assert visit.page.inner_text("#talk") == "Hold to talk"
    visit.page.click("#language")
    assert visit.page.inner_text("#talk") == "按住说话"
    assert visit.page.inner_text(".user .who") == "你"
    assert visit.page.inner_text(".user .text") == "Hello"
    assert visit.page.get_attribute("html", "lang") == "zh-CN"
    visit.page.reload()
    visit.state("open")
    assert visit.page.inner_text("#state") == "就绪"
    # Whatever is visible in Chinese holds no English but the names.
    seen = visit.page.inner_text("body")
    assert set(re.findall(r"[A-Za-z]{2,}", seen)) <= {"Stepwave", "EN", "Esc", "alice", "bob", "chen"}


@pytest.mark.parametrize("width", [380, 1400])
def test_light_and_dark_follow_the_system_or_the_switch(visit: Visit, width: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 780})
    page.emulate_media(color_scheme="dark")
    visit.open()
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(background)
    assert sum(map(int, re.findall(r"\d+", light))) > 700 > 150 > sum(map(int, re.findall(r"\d+", dark)))
    page.click("#theme")
    page.click("#theme")
    assert page.evaluate(background) == dark
    page.reload()
    visit.state("open")
    assert page.evaluate(background) == dark
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_motion_is_left_out_where_it_is_not_wanted(visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    visit.open()
    visit.write("Hello")
    visit.page.wait_for_selector("li.user")
    assert visit.page.evaluate("getComputedStyle(document.querySelector('li.user')).animationName") == "none"


def test_a_browser_without_a_loudspeaker_says_so_and_goes_on(visit: Visit, stand_in: StandIn) -> None:
    visit.page.add_init_script("AudioContext.prototype.resume = () => new Promise(() => {});")
    visit.open()
    visit.write("How are you?")
    stand_in.wait("response.create")
    notice = visit.page.locator(".notice")
    notice.wait_for()
    assert "could not start its sound: no loudspeaker answers" in notice.inner_text()
    visit.write("Still there?")
    stand_in.wait("conversation.item.create")
