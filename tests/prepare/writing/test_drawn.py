"""Conversations from the grammars: the same for the same seed, splits kept apart, pauses and speakers in place."""

import json
import statistics
from pathlib import Path

import pytest

from stepwave.data.manifests import read_manifest
from stepwave.facts.errors import ConfigError
from stepwave.prepare.dialogues import everyday_conversations, everyday_dialogues
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.writing.drawn import CLINC_LICENCE, DrawnScripts
from stepwave.prepare.writing.styles import Instructions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("scripts") / "out"
    list(run_step(DrawnScripts(400, seed=3), target, Processes(0)))
    return target


def test_scripts_are_drawn_alike_from_the_same_seed_and_otherwise_from_another() -> None:
    rows = list(DrawnScripts(30, seed=3).rows())
    assert list(DrawnScripts(40, seed=3).rows())[:30] == rows
    assert list(DrawnScripts(30, seed=4).rows()) != rows


def test_a_script_is_a_conversation_that_waits_for_its_sound(folder: Path) -> None:
    records = list(read_manifest(folder))
    assert len({record.id for record in records}) == len(records) == 400
    assert read_totals(folder)["dropped"] == {}
    for record in records:
        assert record.kind == "conversation"
        assert [turn.role for turn in record.turns] == ["human", "assistant"] * (len(record.turns) // 2)
        assert all(turn.spoken and turn.clip is None and turn.language == "en" for turn in record.turns)
        assert all(turn.speaker == turn.role for turn in record.turns)
    counts = {len(record.turns) // 2 for record in records}
    assert counts == {1, 2, 3, 4, 5}


def test_pauses_are_those_of_talk(folder: Path) -> None:
    records = list(read_manifest(folder))
    assert all(record.turns[0].pause == 0 for record in records)
    before = {"human": [], "assistant": []}
    for record in records:
        for turn in record.turns[1:]:
            before[turn.role].append(turn.pause)
    for role, (low, high) in {"human": (0.6, 0.8), "assistant": (0.3, 0.4)}.items():
        assert low < statistics.median(before[role]) < high
        assert min(before[role]) >= 0.1
        assert max(before[role]) <= 4.0
    assert len(set(before["human"])) > 50


def test_questions_held_out_from_training_are_only_in_test() -> None:
    held = {each.question for each in everyday_dialogues(3, None) if each.split == "test"}
    talks = everyday_conversations(3)
    kinds = {talk.intent for talk in talks}
    records = list(DrawnScripts(500, seed=3, instructions=Instructions(share=0)).rows())
    test = [record for record in records if record.split == "test"]
    assert 8 < len(test) < 50
    for record in records:
        asked = [turn.text for turn in record.turns[::2]]
        if record.split == "train":
            assert not held.intersection(asked)
        elif not kinds.intersection(record.details["intents"]):
            assert held.issuperset(asked)
        else:
            exchanges = list(zip(asked, [turn.text for turn in record.turns[1::2]], strict=True))
            assert any(talk.split == "test" and set(talk.turns) <= set(exchanges) for talk in talks)


def test_queries_of_clinc_are_named_in_the_licence(tmp_path: Path) -> None:
    animals, deeds = ("birds", "frogs", "whales", "crickets"), ("sing", "jump", "sleep", "hide", "dream", "wander")
    whens = ("at night", "in spring", "in the rain", "before a storm", "when they are old")
    queries = [[f"why do {animal} {deed} {when}", "oos"] for animal in animals for deed in deeds for when in whens]
    document = {"train": [], "oos_train": queries}
    file = tmp_path / "clinc.json"
    file.write_text(json.dumps(document))
    records = list(DrawnScripts(300, seed=0, clinc=file, instructions=Instructions(share=0)).rows())
    own = {each.question for each in everyday_dialogues(0, None)}
    marked = [record for record in records if CLINC_LICENCE in record.licence]
    talks = {question for talk in everyday_conversations(0) for question, _ in talk.turns}
    others = {turn.text for record in marked for turn in record.turns[::2]} - own - talks
    assert others
    assert others <= {f"{query[0].upper()}{query[1:]}?" for query, _ in queries}
    assert {turn.text for record in records if record not in marked for turn in record.turns[::2]} <= own | talks


def test_the_bytes_of_clinc_are_part_of_the_identity(tmp_path: Path) -> None:
    file = tmp_path / "clinc.json"
    file.write_text("{}")
    before = DrawnScripts(3, clinc=file).identity()
    file.write_text("{ }")
    assert DrawnScripts(3, clinc=file).identity() != before


def test_settings_that_draw_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 conversations"):
        DrawnScripts(0)
    with pytest.raises(ConfigError, match="grammars are English"):
        DrawnScripts(3, instructions=Instructions("zh"))
