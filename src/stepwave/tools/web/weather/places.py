"""Which place is meant: Open-Meteo's geocoding service lists candidates, the most populous one that fits is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stepwave.facts.errors import ToolError
from stepwave.tools.place_names import plain
from stepwave.tools.web.weather.service import Service

RIVAL: Final = 0.1
"""A place of the same name is mentioned if it has this share of the larger one's people; nobody who says Paris alone
means the one in Texas."""
_LONGEST: Final = 100
_ALIASES: Final = {
    "usa": "us",
    "u.s.": "us",
    "u.s.a.": "us",
    "america": "us",
    "uk": "gb",
    "u.k.": "gb",
    "britain": "gb",
}
"""Names of countries that are neither the full one nor the code."""


@dataclass(frozen=True)
class Place:
    """Somewhere that has weather."""

    told: str
    """Its name with region and country, and a remark where others share the name."""
    latitude: float
    longitude: float
    zone: str
    """IANA time zone."""


def find_place(location: str, service: Service) -> Place:
    """The place that `location` names ("Oslo", "Paris, Texas", "Portland Maine").

    Raises ToolError where there is none, or the service fails.
    """
    asked = " ".join(location.split())
    if not asked or len(asked) > _LONGEST:
        raise ToolError(f"got {len(asked)} characters for a place; wanted a city or a region")
    name, *within = (part.strip() for part in asked.split(","))
    found = _candidates(name, within, service)
    if not found and not within and " " in name:
        # What is heard has no commas.
        name, _, last = name.rpartition(" ")
        found = _candidates(name, [last], service)
    if not found:
        raise ToolError(f"no place called {asked!r} is known")
    return _place(found)


def _candidates(name: str, within: Sequence[str], service: Service) -> list[Mapping[str, Any]]:
    """Entries for a name, the most populous first; none that lies elsewhere than `within` region or country."""
    query = {"name": name, "count": "50", "language": "en", "format": "json"}
    answer = service.ask(service.geocoding, query)
    entries = answer.get("results", []) if isinstance(answer, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ToolError("the weather service gave an answer that cannot be read")
    entries = [entry for entry in entries if all(_lies_in(entry, part) for part in within)]
    # The service also finds names that are only similar. Those of villages and cities go before those of regions.
    same = [entry for entry in entries if plain(str(entry.get("name"))) == plain(name)] or entries
    settled = [entry for entry in same if str(entry.get("feature_code", "")).startswith("PPL")] or same
    return sorted(settled, key=_people, reverse=True)


def _lies_in(entry: Mapping[str, Any], part: str) -> bool:
    known = {plain(str(entry.get(key, ""))) for key in ("country", "country_code", "admin1", "admin2")}
    return _ALIASES.get(plain(part), plain(part)) in known


def _people(entry: Mapping[str, Any]) -> int:
    people = entry.get("population")
    return people if isinstance(people, int) else 0


def _place(found: Sequence[Mapping[str, Any]]) -> Place:
    best = found[0]
    latitude, longitude, zone = best.get("latitude"), best.get("longitude"), best.get("timezone")
    if not isinstance(zone, str) or not all(
        isinstance(value, (int, float)) and math.isfinite(value) for value in (latitude, longitude)
    ):
        raise ToolError("the weather service gave an answer that cannot be read")
    names = [str(best[key])[:60] for key in ("name", "admin1", "country") if best.get(key)]
    told = ", ".join(dict.fromkeys(names))
    rivals = [entry for entry in found[1:] if _people(entry) >= RIVAL * _people(best)]
    if rivals and plain(str(rivals[0].get("name"))) == plain(names[0]):
        told += f" (the largest of {len(rivals) + 1} places of that name)"
    return Place(told, float(str(latitude)), float(str(longitude)), zone)
