import subprocess
import sys

import pytest

from stepwave.evaluation.catalogue import find_suite, suite_names
from stepwave.facts.errors import RegistryError


def test_every_module_of_the_room_declares_the_suite_of_its_name() -> None:
    names = suite_names()
    assert {"nano_quick", "voices"} <= set(names)
    assert [find_suite(name).name for name in names] == list(names)


def test_a_name_may_be_written_with_hyphens() -> None:
    assert find_suite("nano-quick") is find_suite("nano_quick")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RegistryError, match=r"no suite called 'singing'; known: asr, .*nano_quick"):
        find_suite("singing")


def test_knowing_the_names_imports_no_suite() -> None:
    program = (
        "import sys; from stepwave.evaluation.catalogue import suite_names; assert suite_names(); "
        "sys.exit(any(name.startswith('stepwave.evaluation.suites.') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
