import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.dialogue.loading import load
from stepwave.dialogue.stepwave import Stepwave
from stepwave.evaluation.answers import Arrival, MadeCall, Produced
from stepwave.evaluation.items import Call, Item, Sound, Turn
from stepwave.evaluation.subjects.own import OwnModel, gathered, revision
from stepwave.evaluation.tasks import TASKS, Asked
from stepwave.facts.errors import CheckpointError, CheckpointNotFoundError, ConfigError
from stepwave.facts.events import AudioDelta, Finished, TextDelta, ToolCallRequest
from stepwave.signal.files import write_audio
from stepwave.text.standard_tools import WEATHER


@pytest.fixture(scope="module")
def subject(tiny_nano: Path) -> OwnModel:
    return OwnModel(str(tiny_nano), threads=1)


@pytest.fixture
def noise(tmp_path: Path) -> Sound:
    path = tmp_path / "noise.wav"
    samples = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    write_audio(path, samples.astype(np.float32), 16_000)
    return Sound(str(path))


def run(task: str, subject: OwnModel, item: Item, seed: int = 0) -> Produced:
    subject.prepare(TASKS[task].wanted)
    return TASKS[task].run(subject, Asked(item, "check", seed))


@pytest.mark.parametrize("task", ["vocode", "resynthesise"])
def test_parts_give_back_as_much_sound_as_they_get(subject: OwnModel, noise: Sound, task: str) -> None:
    produced = run(task, subject, Item("a", "x", noise))
    assert produced.sound is not None
    assert produced.original is not None
    assert len(produced.sound) == len(produced.original) == 24_000
    assert np.isfinite(produced.sound).all()


def test_speaking_is_repeatable(subject: OwnModel) -> None:
    sounds = [run("say", subject, Item("a", "Hi."), seed).sound for seed in (1, 1)]
    assert sounds[0] is not None
    assert sounds[1] is not None
    np.testing.assert_array_equal(sounds[0], sounds[1])


def test_every_question_gets_its_seed(subject: OwnModel, noise: Sound, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def said(self: Stepwave, text: object, voice: object, seed: int) -> Any:
        seeds.append(seed)
        raise CheckpointError("enough")

    def begun(self: Stepwave, system: object, seed: int, tools: object) -> Any:
        seeds.append(seed)
        raise CheckpointError("enough")

    monkeypatch.setattr(Stepwave, "say", said)
    monkeypatch.setattr(Stepwave, "session", begun)
    for task in ("say", "reply_heard", "timed_reply"):
        with pytest.raises(CheckpointError, match="enough"):
            run(task, subject, Item("a", "Hi.", noise), 17)
    assert seeds == [17, 17, 17]


def test_a_spoken_answer_is_that_of_dialogue(subject: OwnModel, noise: Sound, tiny_nano: Path) -> None:
    produced = run("reply_heard", subject, Item("a", "x", noise), 3)
    reply = load(tiny_nano, "cpu", 1).reply(noise.path, seed=3)
    assert (produced.text, produced.heard) == (reply.text, reply.heard)
    assert produced.sound is not None
    np.testing.assert_array_equal(produced.sound, reply.samples)
    assert sum(arrival.seconds for arrival in produced.arrivals) == pytest.approx(reply.seconds)
    assert produced.prompt == "system: Answer aloud.\nuser: <sound 1.00 s>"


def test_a_conversation_with_tools_is_put_as_it_was_trained(subject: OwnModel, noise: Sound) -> None:
    turns = (
        Turn("user", "Rain?", noise),
        Turn("assistant", "I look.", calls=(Call("weather", {"location": "Oslo"}),)),
        Turn("tool", "Sun."),
        Turn("assistant", "No."),
    )
    produced = run("answer", subject, Item("a", "And in Rome?", turns=turns, tools=(WEATHER,)))
    assert produced.sound is None
    system, tools, *told = produced.prompt.split("\n")
    assert system == "system: Answer, with tools where they help."
    assert '"name": "weather"' in tools
    assert told == [
        "user: <sound 1.00 s>",
        'assistant: I look. <call weather {"location": "Oslo"}>',
        "tool: Sun.",
        "assistant: No.",
        "user: And in Rome?",
    ]


@pytest.mark.parametrize(
    ("task", "prompt"),
    [("translate", "Translate what you hear into Chinese."), ("translate_aloud", "Say what you hear in Chinese.")],
)
def test_translations_are_asked_for_in_the_models_own_words(
    subject: OwnModel, noise: Sound, task: str, prompt: str
) -> None:
    produced = run(task, subject, Item("a", "x", noise, answer_language="zh"))
    assert produced.prompt.startswith(f"system: {prompt}\n")
    assert (produced.sound is not None) == (task == "translate_aloud")


def test_another_system_prompt_is_used(subject: OwnModel, noise: Sound) -> None:
    assert run("transcribe", subject, Item("a", "x", noise)).prompt.startswith("system: Write down what you hear.")
    own = run("transcribe", subject, Item("a", "x", noise, system="Write it."))
    assert own.prompt == "system: Write it.\nuser: <sound 1.00 s>"


def test_events_are_gathered_with_their_times() -> None:
    ticks = iter([11.5, 12.0, 12.25, 12.5])
    piece = np.ones(2_400, np.float32)
    events = [
        TextDelta(" It is"),
        AudioDelta(piece[:0], 24_000),
        AudioDelta(piece, 24_000),
        AudioDelta(piece[:1_200], 24_000),
        TextDelta(" noon."),
        ToolCallRequest("date_time", "{}"),
        Finished("length", 3, 2, 1.0),
    ]
    produced = gathered(events, 10.0, lambda: next(ticks))
    assert (produced.text, produced.cut, produced.seconds) == ("It is noon.", True, 2.5)
    assert produced.arrivals == (Arrival(1.5, 0.1), Arrival(2.0, 0.05))
    assert produced.calls == (MadeCall("date_time", "{}", 2.25),)
    assert produced.sound is not None
    assert len(produced.sound) == 3_600


def test_sound_at_another_rate_is_refused() -> None:
    with pytest.raises(ConfigError, match="16000 Hz"):
        gathered([AudioDelta(np.ones(10, np.float32), 16_000)], 0.0)


def test_only_the_parts_of_a_question_are_needed(tiny_nano: Path, noise: Sound, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(tiny_nano, folder)
    (folder / "flow.safetensors").unlink()
    subject = OwnModel(str(folder), threads=1)
    assert run("vocode", subject, Item("a", "x", noise)).sound is not None
    subject.prepare("transcript")
    for wanted in ("reading", "speech", "resynthesised", "spoken_translation"):
        with pytest.raises(CheckpointError):
            subject.prepare(wanted)


def test_a_revision_changes_with_the_folder(tiny_nano: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_nano, folder)
    assert revision(folder) == revision(tiny_nano)
    (folder / "digests.json").unlink()
    own = revision(folder)
    with (folder / "vocoder.safetensors").open("ab") as file:
        file.write(b"more")
    assert revision(folder) != own


def test_a_model_that_is_not_there_is_told() -> None:
    with pytest.raises(CheckpointNotFoundError):
        OwnModel("no/such/model/here")
