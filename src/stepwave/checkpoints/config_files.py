"""Configuration dataclasses to JSON objects and back, and files of JSON.

A key that is not a field is refused, and so is a value of another type; a field that is absent takes its default.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from stepwave.facts.errors import CheckpointIncompleteError, CheckpointNotFoundError, ConfigError
from stepwave.signal.atomic import replace_file

T = TypeVar("T")


def to_json(config: Any) -> dict[str, Any]:
    """The fields of a configuration dataclass as a JSON object; tuples become lists."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain


def from_json(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """Build the dataclass `kind` from a JSON object.

    Args:
        kind: a dataclass of numbers, strings, booleans, tuples and further such dataclasses.
        values: the object.
        where: what to call it in errors, such as `config.json, encoder`.

    Raises:
        ConfigError: an unknown key, a missing one without default, a value of a wrong type or out of range.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: wanted an object with the fields of {kind.__name__}, got {values!r}")
    hints = get_type_hints(kind)
    known = {field.name: field for field in dataclasses.fields(kind) if field.init}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"{where}: unknown keys {', '.join(unknown)}; known are {', '.join(known)}")
    missing = [
        name
        for name, field in known.items()
        if name not in values and field.default is field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: {', '.join(missing)} missing; {kind.__name__} needs it")
    try:
        return kind(**{name: _value(hints[name], value, f"{where}, {name}") for name, value in values.items()})
    except ConfigError as error:
        raise error if str(error).startswith(where) else ConfigError(f"{where}: {error}") from None


def _value(hint: Any, value: Any, where: str) -> Any:
    """Check a JSON value against a type hint and turn it into that type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        hint = next(argument for argument in arguments if argument is not type(None))
        return _value(hint, value, where)
    if origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple:
        if isinstance(value, list):
            return tuple(_value(arguments[0], item, where) for item in value)
    elif dataclasses.is_dataclass(hint):
        return from_json(hint, value, where)  # type: ignore[arg-type]
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif isinstance(value, hint) and (hint is bool) == isinstance(value, bool):
        return value
    raise ConfigError(f"{where}: wanted {getattr(hint, '__name__', hint)}, got {value!r}")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises:
        CheckpointNotFoundError: there is no such file.
        CheckpointIncompleteError: it is no JSON object, for instance half-written.
    """
    if not path.is_file():
        raise CheckpointNotFoundError(f"no file {path}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointIncompleteError(f"{path} is not valid JSON ({error}); fetch or write it again") from None
    if not isinstance(values, dict):
        raise CheckpointIncompleteError(f"{path} holds {type(values).__name__}, wanted a JSON object")
    return values


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object to a file, whole or not at all; OutputError where that fails."""
    replace_file(path, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())
