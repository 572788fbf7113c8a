import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from stepwave.checkpoints.layouts import Layout
from stepwave.dialogue.profile import FILE_NAME, NANO, RELEASED, read_profile, save_profile
from stepwave.facts.errors import CheckpointIncompleteError, ConfigError
from stepwave.text.prompts import NANO_PROMPTS


def layout(folder: Path, kind: str = "stepwave") -> Layout:
    return Layout(cast(Any, kind), folder, ())


def test_each_format_implies_its_prompts(tmp_path: Path) -> None:
    assert read_profile(layout(tmp_path)) == NANO
    assert read_profile(layout(tmp_path, "released")) == RELEASED
    assert NANO.prompts.transcribe == NANO_PROMPTS["transcribe"]


def test_a_folder_may_say_otherwise(tmp_path: Path) -> None:
    other = replace(NANO, default_voice="bob", longest_reading=80, speech=replace(NANO.speech, top_k=5))
    save_profile(tmp_path, other)
    assert read_profile(layout(tmp_path)) == other
    assert FILE_NAME in json.loads((tmp_path / "digests.json").read_text())


@pytest.mark.parametrize(
    ("change", "says"), [({"volume": 3}, "volume"), ({"longest_reading": 0}, "above 0"), ({"prompts": {}}, "missing")]
)
def test_what_is_not_understood_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    save_profile(tmp_path, NANO)
    stored = json.loads((tmp_path / FILE_NAME).read_text())
    (tmp_path / FILE_NAME).write_text(json.dumps(stored | change))
    with pytest.raises(ConfigError, match=says):
        read_profile(layout(tmp_path))


def test_a_half_written_profile_is_refused(tmp_path: Path) -> None:
    save_profile(tmp_path, NANO)
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(CheckpointIncompleteError, match="not valid JSON"):
        read_profile(layout(tmp_path))
