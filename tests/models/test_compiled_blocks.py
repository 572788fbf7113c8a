"""The loops where they can't be kept; what they compute is tested by those who use them (`test_fast_decoder`)."""

import subprocess
import sys

SCRIPT = """
from numba.core.caching import CacheImpl

CacheImpl._locator_classes = []

import numpy as np

from stepwave.models.compiled_blocks import product

out = np.zeros((2, 3), np.float32)
weight = np.arange(12, dtype=np.int8).reshape(3, 4)
product(weight, np.array([1, 2, 3], np.float32), np.ones((2, 4), np.float32), out)
print(out.tolist())
"""


def test_without_a_place_to_keep_them_they_are_compiled_anew() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[[6.0, 44.0, 114.0], [6.0, 44.0, 114.0]]", done.stderr
