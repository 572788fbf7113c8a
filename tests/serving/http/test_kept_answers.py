from __future__ import annotations

import time

import pytest

from stepwave.serving.http.kept_answers import KEPT_SECONDS, MOST_KEPT, KeptAnswers


def test_an_answer_is_found_by_its_name() -> None:
    kept = KeptAnswers()
    until = kept.keep("one", [1, 2])
    assert until == pytest.approx(time.time() + KEPT_SECONDS, abs=60)
    assert kept.find("one") == (1, 2)
    assert kept.find("two") is None


def test_it_is_forgotten_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = KeptAnswers()
    until = kept.keep("one", [1])
    monkeypatch.setattr("time.time", lambda: float(until + 1))
    assert kept.find("one") is None


def test_the_oldest_makes_room() -> None:
    kept = KeptAnswers()
    for number in range(MOST_KEPT + 1):
        kept.keep(str(number), [number])
    assert kept.find("0") is None
    assert kept.find("1") == (1,)
    assert kept.find(str(MOST_KEPT)) == (MOST_KEPT,)
