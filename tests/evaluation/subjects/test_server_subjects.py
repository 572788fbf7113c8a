"""This project's own server as a subject: the same answers by its interfaces as by the model itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.dialogue.loading import load
from stepwave.dialogue.session import Session
from stepwave.dialogue.stepwave import Stepwave
from stepwave.evaluation.answers import Produced
from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.items import Call, Item, Sound, Turn
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.subject import Subject
from stepwave.evaluation.subjects.opening import open_subject
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.evaluation.subjects.own import OwnModel
from stepwave.evaluation.suites.asr import SUITE
from stepwave.evaluation.tasks import TASKS, Asked
from stepwave.facts.errors import ConfigError, ServiceError
from stepwave.signal.files import read_audio, write_audio
from stepwave.signal.resample import Samples
from stepwave.text.standard_tools import WEATHER

from ...serving.conftest import TOKEN, Running, running

QUESTION = Path(__file__).resolve().parents[3] / "examples" / "question.wav"
KEY = "SUBJECT_TEST_KEY"


@pytest.fixture(scope="module")
def server(tiny_nano: Path) -> Iterator[Running]:
    with running(load(str(tiny_nano))) as one:
        yield one


@pytest.fixture(scope="module")
def own(tiny_nano: Path) -> OwnModel:
    return OwnModel(str(tiny_nano), threads=1)


@pytest.fixture
def served(server: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Subject]:
    monkeypatch.setenv(KEY, TOKEN)
    address = f"http://{server.address}/v1#nano"
    return lambda kind: open_subject(f"{kind}:{address}", SubjectOptions(parallel=2, key_env=KEY))


@pytest.fixture
def question(tmp_path: Path) -> Sound:
    path = tmp_path / "question.wav"
    write_audio(path, read_audio(QUESTION).samples, 16_000)
    return Sound(str(path))


def run(task: str, subject: Subject, item: Item, seed: int = 3) -> Produced:
    subject.prepare(TASKS[task].wanted)
    return TASKS[task].run(subject, Asked(item, "check", seed))


@pytest.mark.parametrize("kind", ["openai", "realtime"])
def test_transcripts_and_scores_are_those_of_the_direct_run(
    kind: str, own: OwnModel, served: Callable[[str], Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "realtime":
        # Sound goes there and back at 24 kHz. Babble tells the least difference, so it is measured here, roughly.
        monkeypatch.setattr(Stepwave, "transcribe", lambda self, samples: measured(samples))
        monkeypatch.setattr(Stepwave, "stream_transcribe", lambda self, samples: iter([measured(samples)]))
    data = tmp_path / "data"
    data.mkdir()
    samples, rows = read_audio(QUESTION).samples, ["path\ttext"]
    for number in range(3):
        write_audio(data / f"{number}.wav", samples[number * 4_000 :] * (1 - number / 4), 16_000)
        rows.append(f"{number}.wav\tname three rivers")
    (data / "list.tsv").write_text("\n".join(rows) + "\n")
    plan = Plan(SUITE, Places(data, data), only="own", parallel=2)
    reports = [
        evaluate(plan, subject, Parts(_Deaf()), tmp_path / str(number), lambda *_: None)
        for number, subject in enumerate((own, served(kind)))
    ]
    direct, by_server = ([(s.item, s.score, s.error) for s in report.scores] for report in reports)
    assert len(direct) == 3
    assert direct == sorted(by_server)
    assert reports[0].figures == reports[1].figures
    assert TOKEN not in "".join(path.read_text() for path in (tmp_path / "1").rglob("*.json*"))


def measured(samples: Samples) -> str:
    return f"{round(len(samples) / 800)} long and {round(20 * np.log10(np.std(samples)))} loud"


class _Deaf:
    name = "nobody"

    def hear(self, samples: object, language: str = "en") -> str:
        raise AssertionError("there is nothing to listen to")


def test_a_spoken_answer_has_the_seed_that_chat_carries(
    own: OwnModel, served: Callable[[str], Subject], question: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[object] = []
    open_session = Stepwave.session

    def noted(self: Stepwave, system: str | None = None, seed: int | None = None, tools: Any = ()) -> Session:
        seeds.append(seed)
        return open_session(self, system, seed, tools)

    monkeypatch.setattr(Stepwave, "session", noted)
    item = Item("a", "Name three rivers.", question, instruction="And a lake.")
    direct, by_server = run("reply", own, item), run("reply", served("openai"), item)
    assert seeds == [3, 3]
    assert direct.sound is not None
    assert by_server.sound is not None
    assert by_server.text == direct.text
    assert by_server.cut == direct.cut
    np.testing.assert_allclose(by_server.sound, np.clip(direct.sound, -1, 1), atol=2 / 32_768)
    assert sum(piece.seconds for piece in by_server.arrivals) == pytest.approx(len(by_server.sound) / 24_000)
    assert by_server.arrivals[0].after <= by_server.seconds


def test_earlier_turns_calls_and_tools_are_told(own: OwnModel, served: Callable[[str], Subject]) -> None:
    turns = (
        Turn("user", "Weather in Oslo?"),
        Turn("assistant", "One moment.", calls=(Call("weather", {"location": "Oslo"}),)),
        Turn("tool", "rain"),
        Turn("assistant", "It rains."),
    )
    item = Item("a", "And tomorrow?", turns=turns, tools=(WEATHER,), system="Be brief.")
    direct = run("answer", own, item)
    assert direct.text
    assert run("answer", served("openai"), item).text == direct.text
    short = Item("b", "And tomorrow?", system="Be brief.")
    assert run("answer", served("realtime"), short).text == run("answer", own, short).text


def test_realtime_answers_aloud_and_tells_what_it_heard(served: Callable[[str], Subject], question: Sound) -> None:
    item = Item("a", "Name three rivers.", question)
    answer = run("reply_heard", served("realtime"), item)
    assert answer.sound is not None
    assert len(answer.arrivals) >= 1
    assert answer.heard == run("transcribe", served("realtime"), item).text
    assert run("reply_heard", served("openai"), item).heard == run("transcribe", served("openai"), item).text


def test_a_text_is_read_aloud(served: Callable[[str], Subject]) -> None:
    reading = run("say", served("openai"), Item("a", "Hi."))
    assert reading.sound is not None
    assert len(reading.sound) >= 24_000 // 10


@pytest.mark.parametrize(("kind", "task"), [("openai", "vocode"), ("realtime", "say"), ("realtime", "resynthesise")])
def test_what_an_interface_lacks_is_told_before_the_check(
    kind: str, task: str, served: Callable[[str], Subject]
) -> None:
    with pytest.raises(ConfigError, match="leave this check out"):
        served(kind).prepare(TASKS[task].wanted)


def test_what_the_model_refuses_fails_the_item_with_its_words(
    served: Callable[[str], Subject], question: Sound
) -> None:
    item = Item("a", "x", question, language="de", answer_language="en")
    with pytest.raises(ServiceError, match="this model can't translate"):
        run("translate", served("openai"), item)


@pytest.mark.parametrize("kind", ["openai", "realtime"])
def test_a_wrong_key_is_told(kind: str, served: Callable[[str], Subject], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "a wrong one")
    with pytest.raises(ConfigError, match="check address, model and key") as told:
        run("answer", served(kind), Item("a", "Hi."))
    assert "a wrong one" not in str(told.value)


def test_a_sound_that_is_too_long_is_refused_and_not_asked_twice(
    served: Callable[[str], Subject], tmp_path: Path, question: Sound
) -> None:
    path = tmp_path / "long.wav"
    write_audio(path, np.tile(read_audio(QUESTION).samples, 100)[: 16_000 * 125], 16_000)
    subject = served("openai")
    with pytest.raises(ServiceError, match="HTTP 400"):
        run("answer", subject, replace(Item("a", "x"), sound=Sound(str(path))))
    assert run("answer", subject, Item("b", "x", question)).text is not None
