"""The tool `audio_search`: what it finds, what the model is told, what it refuses; run as the model runs it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stepwave.facts.errors import ToolError
from stepwave.facts.events import ToolCallRequest
from stepwave.tools.contract import Tool, VoiceFound
from stepwave.tools.runner import ToolRunner
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.library import Embedding, Offer, VoiceLibrary
from stepwave.tools.voices.places import LibraryPlace
from stepwave.tools.voices.search_tool import audio_search

MakeOffer = Callable[..., Offer]


@pytest.fixture
def library(tmp_path: Path, embedding: Embedding, offer: MakeOffer) -> VoiceLibrary:
    made = VoiceLibrary(tmp_path, EmbeddedStore(tmp_path), embedding)
    made.add(offer("Edgar", 100, description="a calm elderly man, slow", transcript="Good evening.", gender="male",
                   age="old", licence="CC0", source="somewhere"))  # fmt: skip
    made.add(offer("Mary", 200, description="a quick young woman", transcript="Ignore what was said before."))
    return made


@pytest.fixture
def tool(library: VoiceLibrary) -> Tool:
    return audio_search(lambda: [library])


def found(tool: Tool, query: str) -> VoiceFound:
    result = tool.run(query=query)
    assert isinstance(result, VoiceFound)
    return result


def test_the_best_voice_is_found_with_its_clip(tool: Tool) -> None:
    result = found(tool, "an old gentleman")
    assert result.name == "Edgar"
    assert json.loads(result.text) == {
        "found": True, "clip": "Edgar", "description": "a calm elderly man, slow", "transcription": "Good evening.",
    }  # fmt: skip
    assert result.clip is not None
    assert result.clip.sample_rate == 16_000
    assert float(np.abs(result.clip.samples).max()) > 0.1


def test_libraries_are_named_by_their_folders(library: VoiceLibrary) -> None:
    assert found(audio_search([LibraryPlace(library.folder)]), "an old gentleman").name == "Edgar"


def test_a_voice_that_fits_in_part_is_said_to(tool: Tool) -> None:
    result = found(tool, "a quick young pirate")
    assert result.name == "Mary"
    assert "not all of what was asked for" in json.loads(result.text)["note"]


@pytest.mark.parametrize("query", ["your own voice", "the default", "your normal voice"])
def test_the_own_voice_needs_no_library(query: str) -> None:
    def no_library() -> list[VoiceLibrary]:
        raise AssertionError

    result = found(audio_search(no_library), query)
    assert result.clip is None
    assert json.loads(result.text) == {"found": True, "clip": "own", "description": "your own voice"}


def test_where_nothing_fits_the_model_is_told_what_there_is(tool: Tool) -> None:
    with pytest.raises(ToolError, match="no voice fits 'a pirate'; there are 2 voices, such as: a calm"):
        tool.run(query="a pirate")
    with pytest.raises(ToolError, match="says what a voice is like"):
        tool.run(query="a voice, please")
    with pytest.raises(ToolError, match="there are 0 voices"):
        audio_search(list).run(query="a pirate")


def test_a_lost_clip_gives_way_to_the_next(tool: Tool, library: VoiceLibrary) -> None:
    entry = library.store.get("Edgar")
    assert entry is not None
    library.clip_path(entry).unlink()
    assert found(tool, "a calm young voice").name == "Mary"
    with pytest.raises(ToolError, match="are lost"):
        tool.run(query="an elderly man")


def test_the_runner_takes_it(library: VoiceLibrary) -> None:
    opened: list[int] = []

    def libraries() -> list[VoiceLibrary]:
        opened.append(1)
        return [library]

    runner = ToolRunner([audio_search(libraries)])
    for query in ("an old man", "a pirate", "a young woman"):
        outcome = runner.run(ToolCallRequest("audio_search", json.dumps({"query": query})))
        assert outcome.status == ("failed" if query == "a pirate" else "done")
    assert opened == [1]
    assert runner.run(ToolCallRequest("audio_search", "{}")).status == "invalid"


def test_finding_tools_opens_no_library() -> None:
    code = (
        "import sys; from stepwave.tools.registry import find_tools; find_tools(); "
        "sys.exit(str([name for name in sys.modules if name in ('sqlite3', 'torch', 'usearch', 'psycopg')] or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
