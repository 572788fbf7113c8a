"""Records that do not fit their kind are refused by their name, with what is missing."""

from dataclasses import replace
from typing import Any

import pytest

from stepwave.data.records import Call, Clip, Kind, Record, Turn
from stepwave.data.rendering import Renderer
from stepwave.facts.errors import DataError
from stepwave.text.prompts import TASK_PROMPTS_NANO
from stepwave.text.tokenizer import Tokenizer

HEARD = Clip("heard", seconds=0.24)
SAID = Clip("said", seconds=0.2)
PIECES = {"heard": [3]}
CODES = {"said": [11, 12, 13, 14, 15]}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "It rains.", "parameters": {"type": "object", "properties": {}}},
}


def human(text: str = "", clip: Clip | None = None) -> Turn:
    return Turn("human", text, clip, clip is not None, "en")


def assistant(text: str = "", clip: Clip | None = None, language: str = "en", calls: tuple[Call, ...] = ()) -> Turn:
    return Turn("assistant", text, clip, clip is not None, language, calls=calls)


def record(kind: Kind, *turns: Turn, **details: Any) -> Record:
    return Record("one", kind, turns, details=details)


@pytest.fixture
def renderer(tiny_tokenizer: Tokenizer) -> Renderer:
    return Renderer(tiny_tokenizer, TASK_PROMPTS_NANO)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (record("speech", human("River.", HEARD)), "raw material; make `asr`"),
        (record("sound", human("", HEARD)), "raw material; make `caption`"),
        (record("asr", human("River."), assistant("River.")), "the human turn is text; wanted sound"),
        (record("tts", human("River."), assistant("River.")), "the assistant turn is text; wanted sound"),
        (record("asr", human("", HEARD)), "its turns are human; wanted one human turn, then"),
        (record("tts", human("River."), replace(assistant("River."), spoken=True)), "to be spoken but has no sound"),
        (record("tts", human("River."), assistant("River.", Clip("new"))), "clip new is said but has no speech codes"),
        (record("asr", human("", Clip("new")), assistant("River.")), "clip new is heard but has no sound"),
        (record("tts", human("River."), assistant("", SAID)), "has sound but no words"),
        (record("asr", human("", HEARD), assistant(" ")), r"turn 2 \(assistant\) has neither words nor sound"),
        (record("s2tt", human("", HEARD), assistant("River.", language="")), "the answer's language is ''"),
        (record("qa", human("", HEARD), assistant("River.")), "wanted two human turns, a sound and the question"),
        (record("conversation"), "wanted a human turn"),
        (record("conversation", human("River."), assistant("River."), human("River.")), "the assistant's at the end"),
        (record("conversation", human("River."), assistant("A"), assistant("B")), "two assistant turns follow"),
        (
            record("conversation", human("River."), Turn("system", "Now."), assistant("River.")),
            "a system turn comes in the middle",
        ),
        (
            record("conversation", Turn("system", "<tts_start>"), human("River."), assistant("River.")),
            "spells a special token",
        ),
        (record("conversation", human("River."), replace(human("", HEARD), role="input")), "only the human and"),
        (record("tools", human("River."), assistant("River.")), "offers no tools"),
        (record("tools", human("River."), assistant("River."), tools=[{"type": "function"}]), "tool 1 of the list"),
        (
            record("tools", human("River."), assistant(calls=(Call("search", {}),)), tools=[WEATHER]),
            "calls search, which it does not offer",
        ),
        (record("interleaved", assistant("River."), human("River.")), "wanted assistant turns only"),
        (record("text", human("", HEARD)), "wanted one turn of written text"),
        (record("continuation", Turn("system", "Go."), human("", HEARD), assistant("A")), "takes no instruction"),
        (record("preference", human("River."), assistant("A"), assistant("B")), "not ranked"),
        (record("conversation", human("half \ud800"), assistant("River.")), "half a surrogate pair"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_by_its_name(renderer: Renderer, what: Record, reason: str) -> None:
    with pytest.raises(DataError, match=rf"^record 'one' \({what.kind}\): .*{reason}") as refused:
        renderer.render(what, PIECES, CODES)
    assert "\n" not in str(refused.value)


def test_codes_that_are_none_are_refused(renderer: Renderer) -> None:
    what = record("tts", human("River."), assistant("River.", SAID))
    for codes in ([6561], [-1, 5]):
        with pytest.raises(DataError, match=r"record 'one' \(tts\): clip said has codes .* wanted 0..6560"):
            renderer.render(what, {}, {"said": codes})
