"""`stepwave serve` with the stored nano as a process of its own: asked in a browser and by the official client, and
stopped."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from openai import AsyncOpenAI, OpenAI

from stepwave.checkpoints.locate import nano_folders
from stepwave.signal.files import read_audio, write_audio

ROOT = Path(__file__).resolve().parents[2]
QUESTION = ROOT / "examples" / "question.wav"
FOLDER = nano_folders()[0]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (FOLDER / "config.json").is_file(), reason=f"no weights at {FOLDER}"),
]


@dataclass
class Served:
    """A server under way, as its output tells of it."""

    process: subprocess.Popen[str]
    base: str
    key: str
    page: str


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    command = [sys.executable, "-m", "stepwave", "serve", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.pop("STEPWAVE_TOKEN", None)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    found = re.search(r"API: +(\S+) \(API key: (\S+)\)", lines[1])
    assert found is not None, (lines, process.stderr and process.stderr.read())
    try:
        yield Served(process, found[1], found[2], lines[0].split()[1])
    finally:
        process.kill()
        process.communicate()


def wait_until_ready(served: Served) -> None:
    client = OpenAI(base_url=served.base, api_key=served.key, max_retries=8)
    assert [model.id for model in client.models.list()] == ["nano"]
    answer = client.chat.completions.create(
        model="nano", messages=[{"role": "user", "content": "Say yes."}], modalities=["text"], max_tokens=8
    )
    assert answer.choices[0].message.content is not None


# Keeps what the page's player tells of the sound that it has played.
WATCH = """
window.played = [];
window.AudioWorkletNode = class extends AudioWorkletNode {
  constructor(context, name, options) {
    super(context, name, options);
    if (name === "playback") this.port.addEventListener("message", ({ data }) => {
      if (data.type === "finished") window.played.push(data.played / context.sampleRate);
    });
  }
};
"""


def test_somebody_talks_to_it_in_a_browser(served: Served, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.async_api", reason="needs playwright: pip install -e '.[dev]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"needs a browser, and none of {', '.join(names)} is installed")
    wait_until_ready(served)
    microphone = tmp_path / "microphone.wav"
    write_audio(microphone, 0.3 * read_audio(QUESTION, sample_rate=48_000).samples, 48_000)
    arguments = [
        "--no-sandbox",
        "--disable-audio-output",  # into nothing, at the usual pace
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    ]

    async def talk() -> tuple[str, str, str, list[float]]:
        async with playwright.async_playwright() as running:
            browser = await running.chromium.launch(executable_path=program, args=arguments)
            page = await browser.new_page(locale="en-GB")
            page.set_default_timeout(120_000)
            await page.add_init_script(WATCH)
            await page.goto(served.page)
            await page.wait_for_selector("#state[data-state=open]")
            await page.check("input[name=mode][value=open]")
            await page.click("#talk")
            await page.wait_for_selector(".assistant .latency")
            # The question is written down after its answer.
            await page.wait_for_selector(".user .text:has-text('France')")
            while not (played := await page.evaluate("window.played")):
                await asyncio.sleep(0.1)
            texts = [await page.inner_text(each) for each in (".user .text", ".assistant .text", ".latency")]
            await page.screenshot(path=tmp_path / "page.png")
            await browser.close()
        return texts[0], texts[1], texts[2], played

    asked, answered, latency, played = asyncio.run(asyncio.wait_for(talk(), 120))
    assert asked.lower().strip(" ?.") == "what is the capital of france"
    assert "Paris" in answered
    assert re.fullmatch(r"First sound after \d+\.\d\d s", latency)
    assert 0.5 < played[0] < 10


def test_it_is_asked_by_voice_and_stopped_in_the_middle_of_an_answer(served: Served) -> None:
    wait_until_ready(served)
    question = read_audio(QUESTION, sample_rate=24_000).samples
    data = (question * 32767).astype("<i2").tobytes() + bytes(96_000)

    async def talk() -> tuple[str, str, np.ndarray]:
        heard, said, sound = "", "", b""
        client = AsyncOpenAI(base_url=served.base, api_key=served.key)
        async with asyncio.timeout(120), client, client.realtime.connect(model="nano") as connection:
            heard_by = {"transcription": {"model": "own"}}
            await connection.session.update(session={"type": "realtime", "audio": {"input": heard_by}})
            for start in range(0, len(data), 3_840):
                piece = base64.b64encode(data[start : start + 3_840]).decode()
                await connection.input_audio_buffer.append(audio=piece)
            async for event in connection:
                assert event.type != "error", event
                if event.type == "response.output_audio.delta":
                    sound += base64.b64decode(event.delta)
                elif event.type == "response.output_audio_transcript.done":
                    said = event.transcript
                elif event.type == "conversation.item.input_audio_transcription.completed":
                    heard = event.transcript
                    break
            # The next answer is under way when the server is told to stop, and comes to its end.
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And of Spain?"}]}
            )
            await connection.response.create()
            ended = ""
            async for event in connection:
                if event.type == "response.output_item.added":
                    served.process.send_signal(signal.SIGTERM)
                elif event.type == "response.done":
                    ended = event.response.status or ""
            assert ended in ("completed", "incomplete")
        return heard, said, np.frombuffer(sound, "<i2") / 32768

    heard, said, sound = asyncio.run(talk())
    assert heard.lower().strip(" ?.") == "what is the capital of france"
    assert "Paris" in said
    assert 0.5 < len(sound) / 24_000 < 10
    assert np.sqrt(np.mean(sound**2)) > 0.01
    _, errors = served.process.communicate(timeout=60)
    assert served.process.returncode == 0
    assert "Traceback" not in errors
