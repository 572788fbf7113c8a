import sys

import pytest

from stepwave.evaluation import packages
from stepwave.evaluation.metrics import word_errors
from stepwave.facts.errors import MissingExtraError


def test_all_packages_are_here() -> None:
    packages.check_packages()


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("no_such_package",))
    with pytest.raises(MissingExtraError, match=r"no_such_package.*stepwave\[eval\]"):
        packages.check_packages()
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(MissingExtraError, match="jiwer"):
        word_errors("a", "b")
