"""The page in a real browser: what is said is sent, what is answered is heard and shown, and it can be interrupted."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np

from .conftest import Visit
from .stand_in import RATE, StandIn, until

FADE = 120


def chirp(seconds: float) -> np.ndarray[Any, Any]:
    """PCM16 [n], no two stretches of it alike."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * (200 * time + 60 * time**2))).astype(np.int16)


def likeness(heard: np.ndarray[Any, Any], source: np.ndarray[Any, Any]) -> tuple[float, int]:
    """Largest correlation of `heard` [n] with a stretch of `source`, which repeats (1: the same); where that begins."""
    heard = heard.astype(np.float64)
    loop = np.tile(source, 2 + len(heard) // len(source)).astype(np.float64)
    size = 1 << (len(loop) + len(heard)).bit_length()
    products = np.fft.irfft(np.fft.rfft(loop, size) * np.conj(np.fft.rfft(heard, size)), size)[: len(source)]
    energies = np.cumsum(np.concatenate([[0.0], loop**2]))
    energy = energies[len(heard) : len(heard) + len(source)] - energies[: len(source)]
    likenesses = products / np.sqrt(np.maximum(energy, 1e-9) * np.sum(heard**2))
    return float(likenesses.max()), int(likenesses.argmax())


def tapped(visit: Visit) -> np.ndarray[Any, Any]:
    """What the playback worklet put out since its first sound, [n]."""
    return np.array(visit.page.evaluate("window.tapped"), dtype=np.float64)


def test_a_written_turn_is_sent_and_answered_on_the_page(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    settings = stand_in.wait("session.update")["session"]
    assert settings["type"] == "realtime"
    assert settings["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": RATE}
    assert settings["audio"]["input"]["turn_detection"] is None
    assert stand_in.dialled[0]["model"] == "tiny"

    visit.write("How are you?")
    item = stand_in.wait("conversation.item.create")["item"]
    assert item["content"] == [{"type": "input_text", "text": "How are you?"}]
    stand_in.wait("response.create")
    visit.state("thinking")
    stand_in.tell("conversation.item.added", previous_item_id=None, item=item)
    stand_in.answer("Very well, thank you.", chirp(0.5))
    visit.page.wait_for_selector(".assistant .latency")
    assert visit.page.locator(".user .text").all_inner_texts() == ["How are you?"]
    assert visit.page.inner_text(".assistant .text") == "Very well, thank you."
    assert re.fullmatch(r"First sound after \d+\.\d\d s", visit.page.inner_text(".latency"))
    visit.state("open")


def test_what_is_played_is_what_was_sent_up_to_the_fades(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("Go on")
    stand_in.wait("response.create")
    pcm = chirp(1.5)
    stand_in.answer("A chirp.", pcm, chunk=1111)
    visit.state("speaking")
    visit.state("open")
    sent, played = pcm / 32768, tapped(visit)
    # Where the sound begins exactly can't be seen: its first samples are faded to nothing.
    starts = range(600)
    start = next(at for at in starts if np.allclose(played[at + FADE :][:RATE], sent[FADE:][:RATE], atol=1e-9))
    heard = played[start : start + len(sent)]
    assert np.abs(heard - sent)[FADE:-FADE].max() < 1e-9
    # Nowhere is there a step that neither the sound nor a fade's slope makes.
    assert np.abs(np.diff(played)).max() <= np.abs(np.diff(sent)).max() + np.abs(sent).max() / FADE
    assert not played[start + len(sent) :].any()
    assert visit.page.locator("#gaps").is_hidden()


def test_running_dry_fades_out_is_counted_and_goes_on(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("Go on")
    stand_in.wait("response.create")
    pcm = chirp(1.0)
    stand_in.begin("item_a")
    stand_in.sound(pcm[: RATE // 2], "item_a")
    visit.page.wait_for_selector("#gaps:not([hidden])")
    stand_in.sound(pcm[RATE // 2 :], "item_a")
    place = {"response_id": "resp_item_a", "item_id": "item_a", "content_index": 0}
    stand_in.tell("response.output_audio.done", **place)
    stand_in.done("completed", "item_a")
    visit.state("open")
    assert visit.page.inner_text("#gaps") == "Gaps in sound: 1"
    played, sent = tapped(visit), pcm / 32768
    assert np.abs(np.diff(played)).max() <= np.abs(np.diff(sent)).max() + np.abs(sent).max() / FADE
    assert np.count_nonzero(played) > 0.97 * len(sent)


def test_what_the_microphone_hears_arrives_while_the_button_is_held(
    visit: Visit, stand_in: StandIn, question: tuple[Path, np.ndarray[Any, Any]]
) -> None:
    visit.open()
    box = visit.page.locator("#talk").bounding_box()
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.page.mouse.down()
    visit.state("listening")
    stand_in.wait("input_audio_buffer.append", 60)
    level = visit.page.get_by_role("meter", name="Your level")
    until(lambda: int(level.get_attribute("aria-valuenow") or 0) > 20, "the level to move")
    visit.page.mouse.up()
    stand_in.wait("input_audio_buffer.commit")
    stand_in.wait("response.create")
    kinds = [event["type"] for event in stand_in.received if event["type"] != "input_audio_buffer.append"]
    assert kinds[-3:] == ["input_audio_buffer.clear", "input_audio_buffer.commit", "response.create"]
    lengths = [len(base64.b64decode(one["audio"])) // 2 for one in stand_in.of("input_audio_buffer.append")]
    assert set(lengths[:-1]) == {960}
    # Echo cancelling, noise suppression and gain control change the sound, but it is the same sound.
    sound, window = stand_in.sound_received()[:48_000], 6000
    found = [(start, *likeness(sound[start : start + window], question[1])) for start in range(0, 24_000, window)]
    assert min(one for _, one, _ in found) > 0.5
    # Each stretch lies where it should: a message left out, or sent twice, would move what follows by 960 samples.
    # The file is heard over and over, so a place may be one round behind.
    places, whole = np.array([place - start for start, _, place in found]), len(question[1])
    away = (places - places[-1] + whole // 2) % whole - whole // 2
    assert np.abs(away).max() < 480


def test_an_open_microphone_is_heard_and_speech_interrupts(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.page.check("input[value=open]")
    until(lambda: len(stand_in.of("session.update")) == 2, "the new settings")
    detection = stand_in.of("session.update")[1]["session"]["audio"]["input"]["turn_detection"]
    assert detection == {"type": "server_vad"}
    visit.page.get_by_role("button", name="Start listening").click()
    stand_in.wait("input_audio_buffer.append", 25)
    stand_in.tell("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=100)
    stand_in.tell("input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=900)
    stand_in.tell("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)
    words = " ".join(f"word{number}" for number in range(40))
    sound = chirp(20.0)
    stand_in.answer(words, sound, "item_a")
    visit.state("speaking")
    until(lambda: len(tapped(visit)) > RATE, "a second of sound")
    stand_in.tell("input_audio_buffer.speech_started", item_id="item_v", audio_start_ms=3000)
    cut = stand_in.wait("conversation.item.truncate")
    assert (cut["item_id"], cut["content_index"]) == ("item_a", 0)
    visit.state("listening")
    # The server stops by itself there: it is told what was heard, not to stop.
    assert stand_in.of("response.cancel") == []
    heard = tapped(visit)
    last = int(np.flatnonzero(heard)[-1])
    assert abs(cut["audio_end_ms"] - last * 1000 / RATE) < 10
    # No step that neither the sound, which gets steeper, nor a fade's slope makes.
    sent = sound / 32768
    assert np.abs(np.diff(heard)).max() <= np.abs(np.diff(sent)).max() + np.abs(sent).max() / FADE
    shown = visit.page.locator("li.assistant")
    assert shown.locator(".cut").inner_text() == "interrupted"
    kept = shown.locator(".heard").inner_text()
    assert words.startswith(kept)
    assert abs(len(kept) / len(words) - cut["audio_end_ms"] / 20_000) < 0.05
    stand_in.tell("conversation.item.input_audio_transcription.completed", item_id="item_u", transcript=" Hello. ")
    visit.page.get_by_text("Hello.", exact=True).wait_for()
    assert visit.page.locator(".user .text").all_inner_texts() == ["Hello.", "Listening…"]


def test_the_stop_button_cancels_and_late_sound_stays_unheard(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    visit.write("Tell me a lot")
    stand_in.wait("response.create")
    stand_in.begin("item_a")
    stand_in.words("A long story.", "item_a")
    stand_in.sound(chirp(5.0), "item_a")
    visit.state("speaking")
    visit.page.click("#stop")
    cut = stand_in.wait("conversation.item.truncate")
    assert stand_in.wait("response.cancel")["response_id"] == "resp_item_a"
    assert 0 <= cut["audio_end_ms"] < 5000
    before = np.count_nonzero(tapped(visit))
    stand_in.sound(chirp(1.0), "item_a")
    stand_in.done("cancelled", "item_a")
    visit.state("open")
    visit.write("And now?")
    stand_in.wait("response.create", 2)
    stand_in.answer("Short.", chirp(0.2), "item_b")
    visit.page.get_by_text("Short.").wait_for()
    visit.state("open")
    after = np.count_nonzero(tapped(visit))
    assert 0 < after - before < 0.3 * RATE


def test_a_dropped_recording_is_sent_at_the_protocols_rate(visit: Visit, stand_in: StandIn, question: Any) -> None:
    visit.open()
    visit.page.set_input_files("#file", str(question[0]))
    item = stand_in.wait("conversation.item.create")["item"]
    assert item["content"][0]["type"] == "input_audio"
    sent = np.frombuffer(base64.b64decode(item["content"][0]["audio"]), dtype="<i2")
    assert abs(len(sent) - len(question[1])) <= 2
    assert likeness(sent, question[1])[0] > 0.99
    assert visit.page.inner_text(".user .text").startswith("question.wav · ")


def test_what_is_no_recording_is_refused_with_a_reason(visit: Visit, stand_in: StandIn) -> None:
    visit.open()
    files = {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear server"}
    visit.page.set_input_files("#file", files)
    visit.page.get_by_text("letter.txt can't be read as sound").wait_for()
    assert stand_in.of("conversation.item.create") == []
