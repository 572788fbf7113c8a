from pathlib import Path

import pytest

from stepwave.evaluation.subjects import opening
from stepwave.evaluation.subjects.opening import KINDS, open_subject
from stepwave.evaluation.subjects.own import OwnModel
from stepwave.facts.errors import CheckpointNotFoundError, ConfigError


def test_a_name_without_a_kind_is_a_model_of_this_project(tiny_nano: Path) -> None:
    assert isinstance(open_subject(str(tiny_nano)), OwnModel)


def test_a_folder_with_a_colon_in_its_name_is_a_folder(tiny_nano: Path, tmp_path: Path) -> None:
    named = tmp_path / "run:3"
    named.symlink_to(tiny_nano)
    assert open_subject(str(named)).name == str(named)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_module_and_wants_a_target(kind: str) -> None:
    assert (Path(opening.__file__).parent / f"{KINDS[kind].module}.py").is_file()
    with pytest.raises(ConfigError, match=f"wanted {kind}:"):
        open_subject(f"{kind}:")


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no kind of model called 'gpt'; wanted nano, a folder, a hub id, answers:"):
        open_subject("gpt:5")


def test_a_whisper_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"has no model\.bin"):
        open_subject(f"whisper:{tmp_path}")
