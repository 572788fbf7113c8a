"""Manifests of ours as questions: about sounds, and with tools; recordings in shards; nothing that was trained on."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.data.held_out import write_held_out
from stepwave.data.manifests import MANIFEST, write_line
from stepwave.data.records import Call, Clip, Record, Turn
from stepwave.evaluation.answers import MadeCall, Produced
from stepwave.evaluation.catalogue import find_suite
from stepwave.evaluation.declaration import Places
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.items import Sound
from stepwave.evaluation.material.own_records import questions_about_sound, tool_dialogues
from stepwave.evaluation.recordings import checked_digests, read_sound
from stepwave.evaluation.reporting import report
from stepwave.evaluation.reporting.sounds import Sounds
from stepwave.evaluation.scoring.judges import RuleJudges
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.subject import Subject
from stepwave.facts.errors import ConfigError, DataError
from stepwave.signal.files import write_audio

TOOL = {
    "type": "function",
    "function": {
        "name": "set_timer",
        "description": "Sets a timer.",
        "parameters": {"type": "object", "properties": {"minutes": {"type": "integer"}}, "required": ["minutes"]},
    },
}


@pytest.fixture
def shard(tmp_path: Path) -> tuple[Path, list[Clip]]:
    """A file with two recordings of a fifth and two fifths of a second, one behind the other."""
    clips, whole = [], b"before"
    for number in (1, 2):
        path = tmp_path / f"{number}.wav"
        write_audio(path, np.full(3_200 * number, 0.1 * number, np.float32), 16_000)
        data = path.read_bytes()
        path.unlink()
        clips.append(Clip(f"c{number}", str(tmp_path / "part.tar"), len(whole), len(data), voice=f"v/{number}"))
        whole += data
    (tmp_path / "part.tar").write_bytes(whole)
    return tmp_path / "part.tar", clips


def write(folder: Path, *records: Record) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST).write_text("".join(write_line(record, folder) for record in records), encoding="utf-8")
    return folder


def about(clip: Clip, aspect: str, answer: str, said: str, **fields: Any) -> Record:
    turns = (
        Turn("human", "Good morning.", clip, spoken=True, language="en"),
        Turn("human", f"What of the {aspect}?", language="en"),
        Turn("assistant", said, language="en"),
    )
    return Record(f"{clip.id}-{aspect}", "qa", turns, details={"type": aspect, "answer": answer}, **fields)


def timed(first: Clip, then: Clip, **fields: Any) -> Record:
    turns = (
        Turn("human", "Good morning.", first, spoken=True),
        Turn("assistant", "Hello!"),
        Turn("human", "Wake me in five minutes.", then, spoken=True),
        Turn("assistant", calls=(Call("set_timer", {"minutes": 5}),)),
        Turn("input", '{"status": "running"}'),
        Turn("assistant", "Sleep well."),
    )
    return Record("dialogue", "tools", turns, details={"tools": [TOOL]}, **fields)


def test_recordings_within_a_shard_are_read_checked_and_played(shard: tuple[Path, list[Clip]], tmp_path: Path) -> None:
    path, clips = shard
    folder = write(tmp_path / "own", *(about(clip, "speed", "fast", "It is fast.") for clip in clips))
    first, second = questions_about_sound(folder, tmp_path)
    assert first.sound is not None
    assert second.sound is not None
    assert len(read_sound(first.sound, 16_000)) == 3_200
    assert np.allclose(read_sound(second.sound, 16_000), 0.2, atol=1e-3)
    bytes_of = path.read_bytes()[clips[1].offset :]
    assert checked_digests(second) == (hashlib.sha256(bytes_of).hexdigest(),)
    wrong = replace(second, sound=replace(second.sound, digest="0" * 64))
    with pytest.raises(DataError, match="and 0000000000000000"):
        checked_digests(wrong)
    assert "data:audio/ogg" in Sounds(tmp_path, "auto").question(second.sound, "q")
    linking = Sounds(tmp_path, "link")
    assert "none of which can be linked" in linking.question(second.sound, "q")
    assert linking.missing == 1
    assert "No sound" in Sounds(tmp_path, "auto").question(Sound(str(path), offset=3, size=5), "q")


def test_what_training_saw_is_not_asked(shard: tuple[Path, list[Clip]], tmp_path: Path) -> None:
    one, two = shard[1]
    trained = about(one, "speed", "fast", "It is fast.")
    folder = write(tmp_path / "own", trained, about(two, "speed", "slow", "It is slow."))
    assert len(questions_about_sound(folder, tmp_path / "nothing")) == 2
    write_held_out(tmp_path / "checks", ["v/2"], [])
    (item,) = questions_about_sound(folder, tmp_path / "checks")
    assert (item.id, item.label, item.instruction) == ("c2-speed", "slow", "What of the speed?")
    write(folder, trained, about(two, "speed", "slow", "It is slow.", split="test"))
    (item,) = questions_about_sound(folder, tmp_path / "nothing")
    assert item.options == ("slow",)
    write_held_out(tmp_path / "checks", ["v/3"], [])
    write(folder, trained)
    with pytest.raises(ConfigError, match="1 records of the kind qa, none of them kept from training"):
        questions_about_sound(folder, tmp_path / "checks")


def test_the_suite_about_sounds_scores_our_own(
    shard: tuple[Path, list[Clip]], tmp_path: Path, scripted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    one, two = shard[1]
    folder = write(
        tmp_path / "own",
        about(one, "speed", "fast", "It is quick."),
        about(two, "speed", "slow", "It is slow."),
        about(two, "vocal_sound", "a cough", "Somebody coughs."),
    )
    subject = scripted({"c1-speed": "It is slow.", "c2-speed": "It is slow.", "c2-vocal_sound": "There is a cough."})
    told = run("paralinguistic", folder, subject, tmp_path)
    figures = {figure.group: figure.value for figure in told.figures}
    assert figures == {"speed": 50, "vocal": 100, "": 75}
    wrong = next(each.score for each in told.scores if each.item == "c1-speed")
    assert wrong is not None
    assert (wrong.reference, wrong.predicted) == ("fast", "slow")


def test_the_suite_of_tools_scores_our_own(
    shard: tuple[Path, list[Clip]], tmp_path: Path, scripted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)
    folder = write(tmp_path / "own", timed(*shard[1]))
    call = MadeCall("set_timer", '{"minutes": 5}')
    subject = scripted({name: Produced("One moment.", calls=(call,)) for name in ("dialogue-0", "dialogue-2")})
    told = run("toolcall", folder, subject, tmp_path)
    figures = {figure.name: figure.value for figure in told.figures if figure.group == ""}
    assert figures == {
        "trigger precision": 50,
        "trigger recall": 100,
        "type accuracy": 100,
        "parameter accuracy": 100,
    }
    asked = {question.item: question for question in subject.asked}
    assert [turn.side for turn in asked["dialogue-2"].turns] == ["user", "assistant", "user"]
    assert asked["dialogue-2"].turns[0].samples is not None
    assert [tool.name for tool in asked["dialogue-0"].tools] == ["set_timer"]


def run(suite: str, folder: Path, subject: Subject, tmp_path: Path) -> Any:
    parts = Parts(subject.ears, RuleJudges())  # type: ignore[attr-defined]
    plan = Plan(find_suite(suite), Places(folder, tmp_path / "nothing"), only="own")
    return evaluate(plan, subject, parts, tmp_path / "run", lambda *_: None)


def test_records_that_lack_what_is_asked_are_named(shard: tuple[Path, list[Clip]], tmp_path: Path) -> None:
    one, two = shard[1]
    aspect = about(one, "speed", "fast", "It is fast.")
    for broken, why in (
        (replace(aspect, details={"type": "speed"}), "'answer' is not told"),
        (replace(aspect, turns=aspect.turns[:1]), "wanted a sound, a question and an answer"),
    ):
        with pytest.raises(DataError, match=why):
            questions_about_sound(write(tmp_path / "own", broken), tmp_path)
    for details, why in (({}, "does not tell its tools"), ({"tools": []}, "offers no tool")):
        with pytest.raises(DataError, match=why):
            tool_dialogues(write(tmp_path / "own", replace(timed(one, two), details=details)), tmp_path)
