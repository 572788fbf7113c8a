"""A real browser on the page, with a microphone that hears a recording over and over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.signal.files import read_audio, write_audio
from stepwave.signal.resample import resample

from .stand_in import PATIENCE, RATE, StandIn, served

QUESTION = Path(__file__).resolve().parents[3] / "examples" / "question.wav"
# Keeps what the tapped playback worklet tells.
TAP = """
window.tapped = [];
window.AudioWorkletNode = class extends AudioWorkletNode {
  constructor(context, name, options) {
    super(context, name, options);
    if (name !== "playback") return;
    this.port.addEventListener("message", ({ data }) => {
      if (data.type === "tap") window.tapped.push(...data.samples);
    });
  }
};
"""


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with served(StandIn()) as running:
        yield running


@pytest.fixture(scope="session")
def question(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray[Any, Any]]:
    """What the browser's microphone hears, over and over: a file at 48 kHz, and its samples [n] at 24 kHz."""
    sound = read_audio(QUESTION)
    path = tmp_path_factory.mktemp("microphone") / "question.wav"
    samples = 0.3 * sound.samples  # so that the browser's own gain control needn't clip it
    write_audio(path, resample(samples, sound.sample_rate, 48_000), 48_000)
    return path, resample(samples, sound.sample_rate, RATE)


# Of a module, not of all tests: while Playwright runs, nothing else in this thread can run an event loop.
@pytest.fixture(scope="module")
def browser(question: tuple[Path, Any]) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"needs a browser, and none of {', '.join(names)} is installed")
    arguments = [
        "--no-sandbox",
        "--disable-audio-output",  # into nothing, at the usual pace
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={question[0]}",
    ]
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=program, args=arguments)
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page in the browser, and everything that went wrong on it."""

    page: Any
    stand_in: StandIn
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, fragment: str = "") -> Visit:
        """Go to the page and wait until it is connected."""
        self.page.goto(f"{self.stand_in.address}/{fragment}")
        self.page.wait_for_selector("#state[data-state=open]")
        self.stand_in.wait("session.update")
        return self

    def write(self, words: str) -> None:
        self.page.fill("#words", words)
        self.page.press("#words", "Enter")

    def state(self, name: str) -> None:
        self.page.wait_for_selector(f"#state[data-state={name}]")


@pytest.fixture
def visit(browser: Any, stand_in: StandIn) -> Iterator[Visit]:
    """A fresh visitor; the test fails where the page complained on the console or asked another host for anything."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, locale="en-GB")
    context.add_init_script(TAP)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    one = Visit(page, stand_in)
    page.on("console", lambda said: one.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: one.complaints.append(str(error)))
    page.on("request", lambda request: one.requests.append(request.url))
    yield one
    context.close()
    assert one.complaints == []
    assert {url.split("/")[2] for url in one.requests} <= {stand_in.address.split("/")[2]}
