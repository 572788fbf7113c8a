"""Configurations to JSON and back, and what is refused on the way."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from stepwave.checkpoints.config_files import from_json, read_json, to_json, write_json
from stepwave.facts.errors import CheckpointIncompleteError, CheckpointNotFoundError, ConfigError
from stepwave.models.decoder import DecoderConfig
from stepwave.models.flow import FlowConfig
from stepwave.models.vocoder import VocoderConfig


@dataclass(frozen=True)
class Inner:
    size: int = 3


@dataclass(frozen=True)
class Outer:
    name: str
    rate: float = 0.5
    on: bool = False
    kind: Literal["a", "b"] = "a"
    kernels: tuple[int, ...] = (1, 2)
    ahead: int | None = None
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ConfigError(f"rate is {self.rate}")


@pytest.mark.parametrize(
    "config",
    [Outer("x", 0.25, True, "b", (4,), 7, Inner(9)), DecoderConfig.smollm2(), FlowConfig.nano(), VocoderConfig()],
)
def test_there_and_back(config: Any) -> None:
    assert from_json(type(config), json.loads(json.dumps(to_json(config))), "here") == config


def test_absent_fields_take_their_defaults() -> None:
    assert from_json(Outer, {"name": "x"}, "here") == Outer("x")
    with pytest.raises(ConfigError, match="here: name missing"):
        from_json(Outer, {}, "here")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"nam": "x"}, "unknown keys nam; known are name, rate"),
        ({"name": 3}, "here, name: wanted str, got 3"),
        ({"name": "x", "rate": "fast"}, "here, rate: wanted float"),
        ({"name": "x", "rate": True}, "here, rate: wanted float"),
        ({"name": "x", "on": 1}, "here, on: wanted bool"),
        ({"name": "x", "kind": "c"}, "here, kind: wanted"),
        ({"name": "x", "kernels": [1, "2"]}, "here, kernels: wanted int"),
        ({"name": "x", "kernels": 5}, "here, kernels: wanted"),
        ({"name": "x", "ahead": 1.5}, "here, ahead: wanted int"),
        ({"name": "x", "ahead": True}, "here, ahead: wanted int"),
        ({"name": "x", "inner": {"sise": 1}}, "here, inner: unknown keys sise"),
        ({"name": "x", "inner": 4}, "here, inner: wanted an object"),
        ({"name": "x", "rate": -1}, "here: rate is -1"),
    ],
)
def test_bad_values_are_named(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_json(Outer, values, "here")
    assert told in str(caught.value)


def test_whole_numbers_serve_as_floats() -> None:
    assert from_json(Outer, {"name": "x", "rate": 2}, "here").rate == 2.0


def test_files(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": 1})
    assert read_json(tmp_path / "a.json") == {"é": 1}
    (tmp_path / "b.json").write_text('{"half":')
    with pytest.raises(CheckpointIncompleteError, match=r"b\.json is not valid JSON"):
        read_json(tmp_path / "b.json")
    (tmp_path / "c.json").write_text("[]")
    with pytest.raises(CheckpointIncompleteError, match="holds list"):
        read_json(tmp_path / "c.json")
    with pytest.raises(CheckpointNotFoundError):
        read_json(tmp_path / "d.json")
