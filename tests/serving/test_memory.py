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


PRODUCTS = """
import ctypes
import torch
from stepwave.serving import memory

held = memory._of_mkl("mkl_serv_mem_stat")
if held is None:
    print("none")
else:
    held.restype, count = ctypes.c_int64, ctypes.c_int()
    weight = torch.ones(576, 1536)
    for rows in range(64, 640, 64):
        torch.ones(rows, 576) @ weight
    before = held(ctypes.byref(count))
    memory.give_back_now()
    again = torch.ones(64, 576) @ weight
    memory.give_back_now()
    print(before, held(ctypes.byref(count)), float(again.max()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PyTorch brings MKL on Linux")
def test_buffers_of_products_go_back_when_asked() -> None:
    done = subprocess.run([sys.executable, "-c", PRODUCTS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    if done.stdout.strip() == "none":
        pytest.skip("PyTorch was built without MKL")
    before, after, product = map(float, done.stdout.split())
    assert before > 1 << 20
    assert after == 0
    assert product == 576


GARBAGE = """
import gc
import sys
import weakref
from stepwave.serving.memory import give_back_now, keep_what_is_there

class Part:
    pass

lasting = [[number] for number in range(200_000)]
if "serve" in sys.argv:
    keep_what_is_there()
    print(len(gc.get_objects()))
one, other = Part(), Part()
one.other, other.one = other, one
over = weakref.ref(one)
del one, other
give_back_now()
print(over() is None)
"""


def test_garbage_is_looked_for_among_what_came_since_serving_began() -> None:
    done = subprocess.run([sys.executable, "-c", GARBAGE, "serve"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    looked_at, found = done.stdout.split()
    assert int(looked_at) < 10_000
    assert found == "True"


def test_garbage_is_left_to_python_where_looking_for_it_takes_long() -> None:
    done = subprocess.run([sys.executable, "-c", GARBAGE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "False"
