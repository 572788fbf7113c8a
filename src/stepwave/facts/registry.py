"""A dictionary of named things that refuses a name used twice and, for an unknown name, lists the known ones."""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from stepwave.facts.errors import RegistryError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Names to values, in the order of registration. `kind` is the word used in messages ("recipe", "tool")."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str, value: T) -> T:
        """Add `value` under `name` and return it.

        Raises RegistryError if the name is empty or taken.
        """
        if not name:
            raise RegistryError(f"a {self.kind} needs a name that is not empty")
        if name in self._entries:
            raise RegistryError(f"the {self.kind} '{name}' is registered already; give one of the two another name")
        self._entries[name] = value
        return value

    def __getitem__(self, name: str) -> T:
        """Return the value called `name`; raise RegistryError with the known names otherwise."""
        if name not in self._entries:
            known = ", ".join(self._entries) or "none yet"
            raise RegistryError(f"there is no {self.kind} called '{name}'; known: {known}")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
