"""Lengths of clips and records without reading sound: exact where stored, an upper bound elsewhere."""

from pathlib import Path

import pytest
import torch

from stepwave.data.clip_lengths import heard_placeholders, said_codes, stored_placeholders
from stepwave.data.records import Clip, Record, Turn
from stepwave.data.rendering import Renderer
from stepwave.data.store import StoreWriter, TensorStore
from stepwave.facts.errors import DataError
from stepwave.signal.resample import Samples
from stepwave.text.prompts import TASK_PROMPTS_NANO
from stepwave.text.tokenizer import Tokenizer


class Stored:
    """A source of which only what was computed of its clips is there."""

    name = "stored"

    def __init__(self, folder: Path) -> None:
        self.store = TensorStore(folder)

    def __len__(self) -> int:
        return 0

    def record(self, index: int) -> Record:
        raise DataError(f"no record {index}")

    def samples(self, clip: Clip) -> Samples:
        raise AssertionError(f"{clip.id} is read")

    def tensor(self, name: str) -> torch.Tensor | None:
        raise AssertionError(f"{name} is read")

    def length(self, name: str) -> int | None:
        return self.store.length(name) if name in self.store else None


@pytest.fixture
def source(tmp_path: Path) -> Stored:
    with StoreWriter(tmp_path) as writer:
        writer.add("short.frames", torch.zeros(25, 2))
        writer.add("long.frames", torch.zeros(625 + 25, 2))
        writer.add("said.codes", torch.zeros(7, dtype=torch.int16))
    return Stored(tmp_path)


@pytest.fixture
def renderer(tiny_tokenizer: Tokenizer) -> Renderer:
    return Renderer(tiny_tokenizer, TASK_PROMPTS_NANO)


def asr(clip: Clip) -> Record:
    return Record("one", "asr", (Turn("human", "", clip, spoken=True), Turn("assistant", "It is calm.")))


def tts(clip: Clip) -> Record:
    return Record("one", "tts", (Turn("human", "Calm."), Turn("assistant", "Calm.", clip, spoken=True)))


def test_frames_of_a_long_clip_are_those_of_its_pieces() -> None:
    assert stored_placeholders(0) == []
    assert stored_placeholders(1) == [1]
    assert stored_placeholders(625) == [313]
    assert stored_placeholders(626) == [313, 1]
    assert stored_placeholders(1300) == [313, 313, 25]


def test_what_is_stored_counts_whatever_the_record_says(source: Stored) -> None:
    assert heard_placeholders(Clip("short", seconds=30.0), source) == [13]
    assert heard_placeholders(Clip("long"), source) == [313, 13]
    assert said_codes(Clip("said", seconds=30.0), source) == 7


def test_without_it_the_seconds_give_a_bound(source: Stored) -> None:
    # A second takes 13 placeholders and 25 codes; two positions are spare.
    assert heard_placeholders(Clip("new", seconds=1.0), source) == [15]
    assert said_codes(Clip("new", seconds=1.0), source) == 29
    assert heard_placeholders(Clip("new", seconds=26.0), source) == [313, 17]
    assert heard_placeholders(Clip("new"), source) is None
    assert said_codes(Clip("new"), source) is None


def test_a_record_is_measured_without_its_sound(renderer: Renderer, source: Stored) -> None:
    heard = asr(Clip("long"))
    assert renderer.measure(heard, source) == len(renderer.render(heard, {"long": [313, 13]}, {}).ids)
    said = tts(Clip("said"))
    assert renderer.measure(said, source) == len(renderer.render(said, {}, {"said": [5] * 7}).ids)


def test_a_clip_that_nobody_has_measured_is_named(renderer: Renderer, source: Stored) -> None:
    for what in (asr(Clip("unknown")), tts(Clip("unknown"))):
        with pytest.raises(DataError, match=rf"record 'one' \({what.kind}\): nobody has measured clip unknown"):
            renderer.measure(what, source)


def test_a_record_that_does_not_fit_is_not_measured(renderer: Renderer, source: Stored) -> None:
    with pytest.raises(DataError, match="raw material"):
        renderer.measure(Record("one", "speech", asr(Clip("short")).turns[:1]), source)
