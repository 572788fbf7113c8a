"""The steps of nano's preparation: what they make, in which folders, from what."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwave.facts.errors import ConfigError
from stepwave.prepare.nano import STEPS, NanoPreparation
from stepwave.prepare.revoice import Revoice
from stepwave.prepare.tokenise import Tokenise


@pytest.fixture
def preparation(tmp_path: Path, tiny_nano: Path) -> NanoPreparation:
    """Of folders that hold no more than is needed to plan."""
    (tmp_path / "data" / "text").mkdir(parents=True)
    (tmp_path / "runs" / "starting" / "whisper-base").mkdir(parents=True)
    return NanoPreparation(tmp_path / "data", tmp_path / "runs", str(tiny_nano))


def steps(preparation: NanoPreparation, name: str) -> dict[str, Any]:
    return {stage.name: stage.step() for stage in preparation.stages(name)}


def test_stages_are_named_by_their_folders(preparation: NanoPreparation) -> None:
    names = {step: [stage.name for stage in preparation.stages(step)] for step in STEPS}
    assert names["starting"] == []
    assert {"corpus/sounds", "corpus/sentences-scripts", "corpus/scenes"} <= set(names["corpus"])
    assert names["checks"] == ["checks/ljspeech-32", "checks/ljspeech-32-tokens", "checks/ljspeech-32-pitch"]
    assert {"tokens/sentences", "tokens/scenes", "tokens/tools"} <= set(names["tokens"])
    assert {"voices/librispeech-251-tasks", "voices/voices-human"} < set(names["voices"])
    assert all(name.replace("voices/", "corpus/", 1) in names["corpus"] for name in names["voices"])
    for step in ("tokens", "pitch", "augmented", "codes"):
        final = {name.removeprefix(f"{step}/") for name in names[step]}
        assert final < {name.removeprefix("corpus/") for name in names["corpus"]}
        assert ("scenes" in final) == (step == "tokens")
        assert not any(name.endswith(("-scripts", "-all")) or name == "sounds" for name in final)


def test_each_step_computes_its_own_of_the_corpus(preparation: NanoPreparation) -> None:
    corpus = preparation.folder / "corpus"
    model = preparation.model
    assert steps(preparation, "tokens")["tokens/tools"] == Tokenise(
        corpus / "tools", model, ("codes", "speaker", "frames"), batch=4
    )
    assert steps(preparation, "pitch")["pitch/readings"] == Tokenise(corpus / "readings", model, ("pitch",), batch=4)
    assert steps(preparation, "codes")["codes/readings"] == Tokenise(corpus / "readings", model, ("codes",), batch=4)
    assert steps(preparation, "voices")["voices/readings"] == Revoice(corpus / "readings", model)
    augmented = steps(preparation, "augmented")
    assert augmented["augmented/sentences"].augment == 1
    assert augmented["augmented/librispeech-251-tasks"].augment == 6
    assert augmented["augmented/sentences"].noises == corpus / "sounds"


def test_before_the_first_training_there_are_no_codes(
    preparation: NanoPreparation, tiny_nano: Path, tmp_path: Path
) -> None:
    untrained = tmp_path / "untrained"
    shutil.copytree(tiny_nano, untrained)
    config = json.loads((untrained / "config.json").read_text())
    del config["parts"]["speech_tokenizer"]
    (untrained / "config.json").write_text(json.dumps(config))
    early = NanoPreparation(preparation.data, preparation.folder, str(untrained))
    assert steps(early, "tokens")["tokens/tools"].what == ("speaker", "frames")
    assert steps(early, "checks")["checks/ljspeech-32-tokens"].what == ("speaker", "frames")


def test_unknown_steps_and_missing_lists_are_told(
    preparation: NanoPreparation, tmp_path: Path, program: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigError, match="no step called dreams"):
        list(preparation.stages("dreams"))
    folders = ("--data", preparation.data, "--runs", preparation.folder)
    assert "the steps are starting" in program("prepare", "nano", "--step", "dreams", *folders).complaint
    complaint = program("prepare", "nano", "--step", "checks", *folders).complaint
    assert "transcripts.whisper-base.tsv; give the data folder with --data" in complaint
