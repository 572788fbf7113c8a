import tomllib
from pathlib import Path

import pytest

from stepwave.evaluation import packages
from stepwave.facts.errors import MissingExtraError

PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_the_extra_brings_every_package() -> None:
    extra = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]["eval"]
    assert {requirement.split(">")[0].replace("-", "_") for requirement in extra} == set(packages.PACKAGES)


def test_nothing_is_said_while_all_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("jiwer", "matplotlib"))
    packages.check_packages()


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("no_such_package",))
    with pytest.raises(MissingExtraError, match=r"no_such_package.*stepwave\[eval\]"):
        packages.check_packages()
