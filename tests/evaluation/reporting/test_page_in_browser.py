"""The page in a real browser: filters, links, sounds, colours, and not a word on the console."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.items import Item
from stepwave.evaluation.reporting.page import write_page
from stepwave.evaluation.reporting.sounds import Way
from stepwave.facts.errors import ServiceError

from ..made_runs import NASTY, figure, make_run, score


# Of a module, not of all tests: while Playwright runs, nothing else in this thread can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"needs a browser, and none of {', '.join(names)} is installed")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens the page of two runs; the test fails where it complained, or asked the network for anything."""
    complaints: list[str] = []
    requests: list[str] = []
    contexts = []

    def open_page(sounds: Way = "auto", width: int = 1300) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(write_page(two_runs(tmp_path), tmp_path / "out", sounds).page.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert {url.split(":")[0] for url in requests} <= {"file", "data"}


def two_runs(folder: Path) -> list[Path]:
    sound = (np.sin(np.arange(12_000) * 0.05) * 0.3).astype(np.float32)
    runs = []
    for name, amount in (("first", 0.0), ("second", 1.0)):
        scores = [
            score("talk", "right", 1.0, reference="yes", hypothesis="yes"),
            score("talk", "other", amount, reference=NASTY, hypothesis=NASTY[9:]),
            score("read", "lost", None),
        ]
        answers: list[tuple[str, Item, Produced | Exception]] = [
            ("talk", Item("right", "Is it so?"), Produced("yes", sound=sound)),
            ("talk", Item("other", NASTY), Produced(NASTY, sound=sound)),
            ("read", Item("lost", "Read me."), ServiceError(NASTY)),
        ]
        figures = [figure("talk", 60.0), figure("read", 0.0, failed=1, n=1)]
        runs.append(make_run(folder / name, "small", figures, scores, answers, revision=name))
    return runs


def visible(page: Any) -> list[str]:
    shown = page.eval_on_selector_all("article.item:not([hidden]) h5", "all => all.map(each => each.textContent)")
    return [str(each) for each in shown]


def test_items_are_filtered_and_found(opened: Callable[..., Any]) -> None:
    page = opened()
    assert visible(page) == ["right", "other", "lost"]
    page.select_option("select[name=only]", "failed")
    assert visible(page) == ["lost"]
    assert page.text_content("output") == "1 of 3 items"
    page.select_option("select[name=only]", "wrong")
    assert visible(page) == ["other"]
    page.select_option("select[name=only]", "differs")
    assert visible(page) == ["other"]
    # What a link points at is shown, whatever is filtered.
    page.click("text=which >> nth=0")
    page.click("td a:has-text('lost') >> nth=0")
    assert "lost" in visible(page)
    page.select_option("select[name=only]", "")
    page.select_option("select[name=check]", "talk")
    assert visible(page) == ["right", "other"]
    page.fill("input[name=words]", "IS so")
    assert visible(page) == ["right"]
    assert page.text_content("output") == "1 of 3 items"


def test_the_keyboard_reaches_the_figures_and_the_filter(opened: Callable[..., Any]) -> None:
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.focus("select[name=only]")
    page.keyboard.press("ArrowDown")
    assert visible(page) == ["other"]


@pytest.mark.parametrize("sounds", ["embed", "link"])
def test_a_sound_plays_and_stops_the_one_before(opened: Callable[..., Any], sounds: Way) -> None:
    page = opened(sounds)
    for place in (0, 1):
        page.eval_on_selector(f"audio >> nth={place}", "audio => { audio.loop = true; return audio.play(); }")
    page.wait_for_function("document.querySelectorAll('audio')[0].paused")
    assert page.eval_on_selector_all("audio", "all => all.map(audio => audio.paused)") == [True, False, True, True]
    length = page.eval_on_selector("audio >> nth=1", "audio => audio.duration")
    assert length == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("width", [360, 1300])
def test_it_fits_the_window_in_light_and_dark(opened: Callable[..., Any], width: int) -> None:
    page = opened(width=width)
    brightness = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(map(int, re.findall(r"\d+", colour)[:3]))
    assert brightness["light"] > 700 > 100 > brightness["dark"]
