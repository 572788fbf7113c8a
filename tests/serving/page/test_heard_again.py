"""A question spoken into the page and an answer that it plays, both written down by nano: nothing is lost on the way.

What is answered is scripted, a recording of somebody's words, since nano's own speech is not understood well enough to
be written down right. The server, nano's hearing, the browser, its microphone and its loudspeaker are real.
"""

from __future__ import annotations

import shutil
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.checkpoints.locate import nano_folders
from stepwave.dialogue.loading import load
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import AudioDelta, Event, Finished, TextDelta
from stepwave.signal.files import read_audio, write_audio
from stepwave.signal.resample import resample

from ..conftest import Running, running
from ..scripted import ScriptedTalker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (nano_folders()[0] / "config.json").is_file(), reason="nano's weights are not here"),
]
TOKEN = "page-token"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
QUESTION = EXAMPLES / "question.wav"
SPOKEN = EXAMPLES / "questions" / "capital.flac"
WORDS = "Could you tell me the capital of Latvia?"
PATIENCE = 60_000
# Listens to what the page sends to the loudspeaker.
TAP = """
window.heard = [];
window.AudioWorkletNode = class extends AudioWorkletNode {
  constructor(context, name, options) {
    super(context, name, options);
    if (name !== "playback") return;
    const ear = context.createScriptProcessor(4096, 1, 1);
    ear.onaudioprocess = ({ inputBuffer }) => {
      const samples = inputBuffer.getChannelData(0);
      if (window.heard.length || samples.some((one) => one !== 0)) window.heard.push(...samples);
    };
    this.connect(ear);
    ear.connect(context.destination);
    window.rate = context.sampleRate;
    this.port.addEventListener("message", ({ data }) => { window.finished ||= data.type === "finished"; });
  }
};
"""


class Recorded:
    """A recording as an answer, some 0.4 s at a time."""

    def __iter__(self) -> Iterator[Event]:
        sound = read_audio(SPOKEN, sample_rate=24_000).samples
        yield TextDelta(WORDS)
        for start in range(0, len(sound), 9_600):
            yield AudioDelta(sound[start : start + 9_600], 24_000)
        yield Finished("stop", len(WORDS.split()), 0, 0.1)


class Answering(ScriptedTalker):
    """It answers by a script and hears by itself."""

    def stream_transcribe(self, *given: Any, **how: Any) -> Iterator[str]:
        return Stepwave.stream_transcribe(self, *given, **how)


@pytest.fixture(scope="module")
def nano() -> Stepwave:
    return load("nano", threads=1)


@pytest.fixture
def real(nano: Stepwave) -> Iterator[Running]:
    with running(Answering(nano, Recorded()), token=TOKEN) as server:
        yield server


@pytest.fixture
def page(real: Running, tmp_path: Path) -> Iterator[Any]:
    """The page, whose microphone hears the question once."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"needs a browser, and none of {', '.join(BROWSERS)} is installed")
    microphone = tmp_path / "microphone.wav"
    write_audio(microphone, 0.3 * read_audio(QUESTION, sample_rate=48_000).samples, 48_000)
    arguments = [
        "--no-sandbox",
        "--disable-audio-output",  # into nothing, at the usual pace
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    ]
    with playwright.sync_playwright() as begun:
        browser = begun.chromium.launch(executable_path=program, args=arguments)
        page = browser.new_page(locale="en-GB")
        page.set_default_timeout(PATIENCE)
        page.add_init_script(TAP)
        page.goto(f"http://{real.address}/#token={TOKEN}")
        page.wait_for_selector("#state[data-state=open]")
        yield page
        browser.close()


def test_question_and_answer_are_written_down_right(page: Any, nano: Stepwave) -> None:
    page.check("input[name=mode][value=open]")
    page.click("#talk")
    page.wait_for_selector(".user .text:has-text('France')")
    while not page.evaluate("window.finished"):
        page.wait_for_timeout(50)
    asked = page.locator(".user .text").first.inner_text()
    shown = page.locator(".assistant .text").first.inner_text()
    heard = np.array(page.evaluate("window.heard"), dtype=np.float32)
    rate = page.evaluate("window.rate")
    assert plain(asked) == "what is the capital of france"
    assert shown == WORDS
    assert plain(nano.transcribe(resample(heard, rate, 16_000))) == plain(WORDS)


def plain(text: str) -> str:
    return text.lower().strip().strip(string.punctuation)
