"""What the C library gives back, seen from outside: a process of its own, since the setting is a process's."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
import numpy as np
from stepwave.serving.memory import LARGE_BLOCK, give_back_what_is_freed, resident_bytes

if "give" in sys.argv:
    give_back_what_is_freed()
np.ones(3 * LARGE_BLOCK, np.uint8)  # by itself the C library learns from this one to keep those of its size
blocks, pins = [], []
for _ in range(20):
    blocks.append(np.ones(2 * LARGE_BLOCK, np.uint8))
    pins.append(bytearray(40_000))  # a small one behind each, which stays
full = resident_bytes()
del blocks
print((full - resident_bytes()) / (40 * LARGE_BLOCK))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a setting of glibc")
def test_large_blocks_go_back_whatever_lies_between_them() -> None:
    shares = []
    for option in ("keep", "give"):
        done = subprocess.run([sys.executable, "-c", SCRIPT, option], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        shares.append(float(done.stdout))
    assert shares[0] < 0.5
    assert shares[1] > 0.9


TRIMMED = """
import numpy as np
from stepwave.serving.memory import give_back_now, resident_bytes

blocks, pins = [], []
for _ in range(4_000):
    blocks.append(np.ones(50_000, np.uint8))
    pins.append(bytearray(2_000))
del blocks
kept = resident_bytes()
give_back_now()
print((kept - resident_bytes()) / 2e8)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's alone")
def test_what_small_blocks_leave_free_goes_back_when_asked() -> None:
    done = subprocess.run([sys.executable, "-c", TRIMMED], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.8
