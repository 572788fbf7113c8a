"""What vLLM's processes import of this package: little, and no Numba, with which vLLM 0.32 does not start."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["plugin", "config", "choosing", "measure"])
def test_vllms_processes_get_no_numba(module: str) -> None:
    command = f"import sys, stepwave.vllm.{module}; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
