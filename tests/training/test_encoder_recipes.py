"""The encoder's recipes: making a run reads nothing, building one tells what is missing, checks are kept apart."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from stepwave.data.held_out import HeldOut
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import CheckpointNotFoundError
from stepwave.training.run import find_recipes

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@pytest.fixture(scope="module")
def recipes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("encoder_recipes", RECIPES / "encoder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "start"), [("paper_encoder", "whisper-large-v3"), ("nano_encoder", "whisper-base")])
def test_a_run_reads_nothing_until_it_is_built(tmp_path: Path, name: str, start: str) -> None:
    run = find_recipes(RECIPES)[name](tmp_path, "cpu")
    with pytest.raises(CheckpointNotFoundError, match=start):
        run.build()
    assert run.config.name == name
    assert set(run.config.optimisers) == {"encoder", "heads"}
    rates = run.config.optimisers
    assert rates["encoder"].learning_rate < rates["heads"].learning_rate
    assert list(tmp_path.iterdir()) == []


def record(name: str, kind: str = "sound", **details: object) -> Record:
    clip = Clip(name, f"/{name}.wav", seconds=1.0, voice="people/1" if kind == "speech" else "")
    turn = Turn("human", "Good day." if kind == "speech" else "", clip, spoken=True)
    return Record(name, kind, (turn,), details=json.loads(json.dumps(details)))  # type: ignore[arg-type]


def test_what_checks_hear_is_kept_apart_also_in_scenes(recipes: ModuleType) -> None:
    sounds = [record("a", fold=1), record("b", fold=recipes.CHECKED_FOLD)]
    checked = frozenset(recipes._checked_sounds(sounds))
    assert checked == {"b"}
    nobody = HeldOut()
    scene = [record("s", "caption", recipe=[{"label": "rain", "clip": part}]) for part in "ab"]
    assert [recipes._is_held_out(one, nobody, checked) for one in [*sounds, *scene]] == [False, True, False, True]
    said = record("c", "speech")
    assert not recipes._is_held_out(said, nobody, checked)
    assert recipes._is_held_out(said, HeldOut(voices=frozenset({"people/1"})), checked)
