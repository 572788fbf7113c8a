"""A voice of a library, searched on the page and spoken in by the real server, whose model is scripted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.serving import voices
from stepwave.tools.voices.library import VoiceLibrary
from stepwave.tools.voices.offered import OfferedVoices
from stepwave.tools.voices.opening import open_libraries
from stepwave.tools.voices.places import demo_folder

from ..conftest import Running, running
from ..scripted import ScriptedTalker, said
from .stand_in import PATIENCE

TOKEN = "page-token"


@pytest.fixture(scope="module")
def library() -> VoiceLibrary:
    """The project's."""
    return next(one for one in open_libraries() if one.folder == demo_folder())


# Asked for before the browser: while that runs, the server can't be started in this thread.
@pytest.fixture(scope="module")
def answering(tiny_talker: Stepwave, library: VoiceLibrary) -> Iterator[Running]:
    """A server that lists few of its library's voices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voices, "MOST_LISTED", 5)
        talker = ScriptedTalker(tiny_talker, said("Ahoy.", 0.3))
        with running(talker, libraries=OfferedVoices(lambda: [library]), token=TOKEN) as server:
            yield server


def test_a_librarys_voice_is_searched_and_answers(answering: Running, library: VoiceLibrary, browser: Any) -> None:
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto(f"http://{answering.address}/#token={TOKEN}")
    page.wait_for_selector("#state[data-state=open]")
    page.click("#voice")
    page.get_by_role("option").nth(6).wait_for()
    assert page.get_by_role("option").count() == 7  # two are the model's
    page.get_by_role("combobox").fill("buccaneer pirate")
    page.get_by_role("option", name="jack").click()
    page.fill("#words", "Who goes there?")
    page.press("#words", "Enter")
    page.get_by_text("Ahoy.", exact=True).wait_for()
    context.close()
    talker, entry = answering.service.talker, library.store.get("jack")
    assert isinstance(talker, ScriptedTalker)
    assert entry is not None
    assert (talker.sessions[-1].asked[-1]["voice"].samples == library.clip(entry).samples).all()
