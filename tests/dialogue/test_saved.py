"""Conversations kept in a file and taken up again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from stepwave.dialogue.saved import load_session, save_session
from stepwave.dialogue.session import Session
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart, Message, TextPart, TokensPart
from stepwave.facts.errors import ConfigError, OutputError
from stepwave.facts.events import AudioDelta, Event, SpeechDelta, TextDelta
from stepwave.signal.files import Audio
from stepwave.signal.resample import Samples
from stepwave.text.schemas import ToolSchema

WEATHER = ToolSchema("weather", "Tells the weather.", {"type": "object", "properties": {}})


def told(events: list[Event]) -> list[Any]:
    """What was said, without times."""
    return [event for event in events if isinstance(event, TextDelta | SpeechDelta)]


@pytest.fixture
def session(talker: Stepwave, question: Samples) -> Session:
    """Two questions asked, the second in another voice; a tool is offered."""
    session = talker.session("Be brief.", seed=3, tools=[WEATHER])
    list(session.stream(question, max_seconds=0.4))
    noise = np.random.default_rng(5).standard_normal(48_000).astype(np.float32)
    session.switch_voice(Audio(0.1 * noise, 24_000))
    list(session.stream(question[:8_000], max_seconds=0.4))
    return session


@pytest.fixture
def kept(session: Session, tmp_path: Path) -> Path:
    path = tmp_path / "talk.safetensors"
    save_session(session, path)
    return path


def test_a_conversation_goes_on_as_if_it_had_not_been_interrupted(
    talker: Stepwave, session: Session, kept: Path, question: Samples
) -> None:
    resumed = load_session(talker.engine, kept)
    assert resumed.ids == session.ids
    assert resumed.transcript() == session.transcript()
    unbroken = list(session.stream(question, max_seconds=0.6))
    again = list(resumed.stream(question, max_seconds=0.6))
    assert told(again) == told(unbroken)
    assert resumed.ids == session.ids
    for one, other in zip(
        [event for event in again if isinstance(event, AudioDelta)],
        [event for event in unbroken if isinstance(event, AudioDelta)],
        strict=True,
    ):
        np.testing.assert_allclose(one.samples, other.samples, atol=1e-4)


def test_the_history_can_still_be_changed(talker: Stepwave, session: Session, kept: Path) -> None:
    resumed = load_session(talker.engine, kept)
    assert resumed.truncate(0.1) == session.truncate(0.1)
    assert resumed.ids == session.ids
    assert resumed.forget_oldest(0) == session.forget_oldest(0) == 2
    assert resumed.ids == session.ids


def test_what_was_not_answered_yet_is_kept(talker: Stepwave, tmp_path: Path, question: Samples) -> None:
    session = talker.session(seed=1)
    waiting = [
        Message("system", "Be kind."),
        Message("human", (TextPart("What is this?"), AudioPart(question))),
        Message("assistant", (TokensPart((1, 2, 3)),)),
        Message("human", (AudioPart(question),)),
    ]
    for message in waiting:
        session.add(message)
    path = tmp_path / "waiting.safetensors"
    save_session(session, path)
    with safe_open(path, framework="pt") as file:
        assert sorted(file.keys()) == ["ids", "sound.0"]  # one recording, said twice
    resumed = load_session(talker.engine, path)
    assert told(list(resumed.stream(max_seconds=0.3))) == told(list(session.stream(max_seconds=0.3)))
    assert resumed.ids == session.ids


def test_another_seed_may_be_given(talker: Stepwave, kept: Path) -> None:
    assert load_session(talker.engine, kept).seed == 3
    assert load_session(talker.engine, kept, seed=8).seed == 8


def test_a_conversation_is_not_kept_in_the_middle_of_an_answer(
    session: Session, question: Samples, tmp_path: Path
) -> None:
    events = session.stream(question, max_seconds=0.4)
    next(events)
    with pytest.raises(ConfigError, match="still answering"):
        save_session(session, tmp_path / "talk.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(session: Session, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder does not exist"):
        save_session(session, tmp_path / "nowhere" / "talk.safetensors")


def test_a_session_that_has_begun_takes_nothing_up(session: Session) -> None:
    with pytest.raises(ConfigError, match="has begun"):
        session.take_up(session.ids, session.mark())


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, Tensor]], object]) -> None:
    with safe_open(path, framework="pt") as file:
        record = json.loads(file.metadata()["stepwave.conversation"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(record, tensors)
    save_file(tensors, path, {"stepwave.conversation": json.dumps(record)})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda told, _: told.update(version=2), "version 2"),
        (lambda told, _: told.update(tokens="other"), "other tokens"),
        (lambda told, _: told.pop("turns"), "no whole conversation"),
        (lambda told, _: told.update(exchanges=7), "no whole conversation"),
        (lambda told, _: told.update(exchanges=[]), "sound"),
        (lambda told, _: told.update(head=-1), "do not fit its ids"),
        (lambda told, _: told.update(answer_start=1 << 40), "do not fit its ids"),
        (lambda told, _: told["waiting"].append(["nobody", "Hello."]), "nobody"),
        (lambda _, tensors: tensors.pop("sound.0"), "no whole conversation"),
        (lambda _, tensors: tensors.update({"sound.0": torch.zeros(0)}), "sound 0"),
        (lambda _, tensors: tensors.update({"sound.0": torch.full((16_000,), torch.nan)}), "no numbers"),
        (lambda _, tensors: tensors.update({"sound.0": torch.zeros(16_000 * 26)}), "at most 25 s"),
        (lambda _, tensors: tensors.update(ids=tensors["ids"] - 10**6), "ids go from"),
        (lambda _, tensors: tensors.update(ids=tensors["ids"].repeat(2_000)), "room"),
        (lambda _, tensors: tensors.update(ids=tensors["ids"].float()), "wanted int64"),
        (lambda _, tensors: tensors.update({"voice.prompt_mel": torch.zeros(3, 80)}), "voice"),
    ],
)
def test_a_damaged_conversation_is_refused(
    change: Callable[[dict[str, Any], dict[str, Tensor]], object], complaint: str, talker: Stepwave, kept: Path
) -> None:
    rewritten(kept, change)
    with pytest.raises(ConfigError, match=complaint):
        load_session(talker.engine, kept)


@pytest.mark.parametrize("content", [b"", b"hello there, this is no conversation", b"\x80\x04\x95 pickle"])
def test_other_files_are_refused(content: bytes, talker: Stepwave, tmp_path: Path) -> None:
    path = tmp_path / "talk.safetensors"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="no saved conversation"):
        load_session(talker.engine, path)
    with pytest.raises(ConfigError, match="there is no conversation"):
        load_session(talker.engine, tmp_path / "nothing")


def test_half_a_file_is_refused(talker: Stepwave, kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(ConfigError, match="no saved conversation"):
        load_session(talker.engine, kept)
