"""Makes `recorded_material` importable here and in worker processes, and gives a bench to run steps on."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepwave.prepare.pipeline.steps import Step

if TYPE_CHECKING:
    from recorded_material import Bench, Result

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def bench(tmp_path: Path) -> "Bench":
    from recorded_material import Bench

    return Bench(tmp_path)


@pytest.fixture
def same_in_a_worker(bench: "Bench") -> "Callable[[Step, Result], None]":
    """Asserts that a worker process writes what was written in this one."""

    def check(step: Step, here: "Result") -> None:
        assert bench.run(step, processes=1).bytes == here.bytes

    return check
