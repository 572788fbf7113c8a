"""The tree of exceptions: one base, documented in full."""

import inspect

import pytest

from stepwave.facts import errors


def tree() -> list[type[Exception]]:
    return [item for _, item in inspect.getmembers(errors, inspect.isclass) if item.__module__ == errors.__name__]


@pytest.mark.parametrize("error", tree())
def test_every_error_has_the_base_a_docstring_and_a_place_in_the_drawing(error: type[Exception]) -> None:
    assert issubclass(error, errors.StepwaveError)
    assert error.__doc__
    parents = [parent.__name__ for parent in error.__mro__ if parent in tree()]
    drawing = (errors.__doc__ or "").splitlines()
    row = next(line for line in drawing if line.replace("|", " ").replace("+--", " ").split()[:1] == [error.__name__])
    assert row.count("|") + row.count("+--") == len(parents) - 1


def test_a_missing_extra_names_the_command() -> None:
    error = errors.MissingExtraError("serve", "uvicorn")
    assert "'uvicorn'" in str(error)
    assert "pip install 'stepwave[serve]'" in str(error)
    assert error.extra == "serve"


@pytest.mark.parametrize(
    ("said", "reason"),
    [("no such file", "no such file"), ("\n first \nsecond", "first"), ("", "OSError"), (" \n\n", "OSError")],
)
def test_a_foreign_error_is_told_on_one_line(said: str, reason: str) -> None:
    assert errors.short_reason(OSError(said)) == reason
