"""`stepwave bench voices`: what it tells people and programs."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stepwave.tools.voices import inventory

Program = Callable[..., Any]


def test_a_library_is_measured(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch", reason="the graph is the package usearch's")
    monkeypatch.setattr(inventory, "LEAST_FOR_SNAPSHOT", 200)
    outcome = program("bench", "voices", "--entries", "1200", "--queries", "3", "--json")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    kinds = [f"{kind}{extra}" for extra in ("", ", filtered") for kind in ("text", "sound", "both")]
    assert list(told["queries"]) == kinds
    assert told["queries"]["sound"]["recall_at_10"] > 0.8
    assert told["queries"]["sound, filtered"]["recall_at_10"] > 0.8
    assert all(one["p95_ms"] >= one["p50_ms"] > 0 for one in told["queries"].values())
    assert (told["entries"], told["store"]) == (1200, "embedded")
    assert told["bytes"] > 1200 * 512
    assert told["added_per_second"] > 0


def test_people_see_tables(program: Program) -> None:
    outcome = program("bench", "voices", "--entries", "60", "--queries", "2")
    assert outcome.code == 0, outcome.err
    for words in ("60 voices", "recall@10", "sound, filtered", "on disk"):
        assert words in outcome.out
    assert "wanted 10 and 1 or more" in program("bench", "voices", "--entries", "2").complaint
