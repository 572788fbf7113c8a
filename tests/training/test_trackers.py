"""Where curves go beside a run's own log."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.training.trackers import open_trackers


@pytest.fixture(params=["trackio", "wandb"])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[object]]:
    """A stand-in for a package that sends figures over the network, and what it was told."""
    told: list[object] = []
    module = ModuleType(request.param)
    module.init = lambda **settings: told.append(settings)  # type: ignore[attr-defined]
    module.log = lambda figures, step: told.append((step, figures))  # type: ignore[attr-defined]
    module.finish = lambda: told.append("finished")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, request.param, module)
    return request.param, told


def test_a_service_gets_the_run_its_figures_and_its_end(service: tuple[str, list[object]], tmp_path: Path) -> None:
    name, told = service
    (tracker,) = open_trackers((name,), tmp_path, "nano_sft")
    tracker.log(10, {"loss": 2.5})
    tracker.close()
    settings, *rest = told
    assert isinstance(settings, dict)
    # A run that goes on must not begin another line in the service's list.
    assert (settings["project"], settings["name"], settings["resume"]) == ("stepwave", "nano_sft", "allow")
    assert rest == [(10, {"loss": 2.5}), "finished"]


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tracker 'paper' came; wanted some of tensorboard, trackio, wandb"):
        open_trackers(("paper",), tmp_path, "run")


def test_one_that_is_not_installed_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"stepwave\[track\]"):
        open_trackers(("wandb",), tmp_path, "run")


def test_tensorboard_is_left_out_where_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert open_trackers(("tensorboard",), tmp_path, "run") == []
