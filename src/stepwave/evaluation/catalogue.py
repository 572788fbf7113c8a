"""Finds suites by name: each is a module of `suites` that holds its declaration as `SUITE`.

Names come from the folder, so that knowing them imports nothing; a suite's module is imported when it is asked for.
"""

import importlib
import pkgutil

from stepwave.evaluation import suites
from stepwave.evaluation.declaration import Suite
from stepwave.facts.errors import RegistryError


def suite_names() -> tuple[str, ...]:
    """Every suite's name, in the order of the alphabet."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(suites.__path__)))


def find_suite(name: str) -> Suite:
    """The suite called `name`; `-` and `_` are the same. Raises RegistryError, with the known names, for any other."""
    module = name.replace("-", "_")
    if module not in suite_names():
        raise RegistryError(f"there is no suite called '{name}'; known: {', '.join(suite_names())}")
    found = importlib.import_module(f"{suites.__name__}.{module}").SUITE
    assert isinstance(found, Suite)
    assert found.name == module, f"the suite in {module}.py calls itself {found.name}"
    return found
