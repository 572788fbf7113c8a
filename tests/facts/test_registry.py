"""A registry refuses a name used twice and lists the known names for an unknown one."""

import pytest

from stepwave.facts.errors import ConfigError, RegistryError
from stepwave.facts.registry import Registry


def test_values_come_back_in_the_order_of_registration() -> None:
    registry: Registry[int] = Registry("recipe")
    assert registry.register("b", 2) == 2
    registry.register("a", 1)
    assert dict(registry) == {"b": 2, "a": 1}
    assert list(registry) == ["b", "a"]
    assert "a" in registry
    assert "c" not in registry
    assert len(registry) == 2


def test_an_unknown_name_lists_the_known_ones() -> None:
    registry: Registry[int] = Registry("recipe")
    with pytest.raises(RegistryError, match="no recipe called 'x'; known: none yet"):
        registry["x"]
    registry.register("nano_flow", 1)
    registry.register("nano_vocoder", 2)
    with pytest.raises(ConfigError, match="known: nano_flow, nano_vocoder"):
        registry["x"]


def test_a_name_is_used_once_and_not_empty() -> None:
    registry: Registry[int] = Registry("tool")
    registry.register("clock", 1)
    with pytest.raises(RegistryError, match="tool 'clock' is registered already"):
        registry.register("clock", 1)
    with pytest.raises(RegistryError, match="not empty"):
        registry.register("", 1)
