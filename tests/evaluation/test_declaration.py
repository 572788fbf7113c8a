from dataclasses import replace

import pytest

from stepwave.evaluation.declaration import Check, Suite
from stepwave.facts.errors import ConfigError


def test_checks_are_chosen_by_name_or_family(saying: Check) -> None:
    family = [replace(saying, name=name) for name in ("a-one", "a-two", "ab", "b")]
    suite = Suite("s", "", tuple(family))
    assert suite.chosen(None) == tuple(family)
    assert [check.name for check in suite.chosen("a")] == ["a-one", "a-two"]
    assert [check.name for check in suite.chosen("ab")] == ["ab"]
    with pytest.raises(ConfigError, match="no check 'c'; known: a-one, a-two, ab, b"):
        suite.chosen("c")


def test_a_bad_declaration_is_refused(saying: Check) -> None:
    with pytest.raises(ConfigError, match="no task 'sing'"):
        replace(saying, task="sing")
    with pytest.raises(ConfigError, match="name of its own"):
        replace(saying, measures=saying.measures * 2)
    with pytest.raises(ConfigError, match="at least one measure"):
        replace(saying, measures=())
    with pytest.raises(ConfigError, match="name of its own"):
        Suite("s", "", (saying, saying))
