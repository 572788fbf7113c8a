"""Ranked answers as pairs: what the rules measure, what a judge may say, which pairs are written."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.preferences import rules
from stepwave.prepare.preferences.judge import SYSTEM, Judge
from stepwave.prepare.preferences.pairs import Preferences
from stepwave.prepare.preferences.ranking import Answer, Question, read_question
from stepwave.prepare.preferences.rules import RuleRanker, Rules, Weights
from stepwave.prepare.writing.asking import Tries

from .conftest import Listens, run

RANDOM = Random(0)


def answer(text: str, ended: bool = True, clip: Clip | None = None) -> Answer:
    return Answer(Turn("assistant", text, clip, clip is not None, "en"), ended)


def asked(*answers: Answer, references: tuple[str, ...] = ()) -> Question:
    return Question(Turn("human", "What time is it?", language="en"), answers, references)


def stored(name: str, *answers: Answer, references: tuple[str, ...] = (), words: str = "What time is it?") -> Record:
    """A record as the step `samples` writes it."""
    turns = (Turn("human", words, language="en"), *(each.turn for each in answers))
    samples = [{"turn": place, "seed": place, "ended": each.ended} for place, each in enumerate(answers, 1)]
    details = {"samples": samples, "references": list(references), "model": "tiny"}
    return Record(name, "preference", turns, "made", "CC0", "test", details)


@pytest.fixture
def sound(tmp_path: Path) -> Callable[[str, float], Clip]:
    def made(name: str, seconds: float) -> Clip:
        soundfile.write(tmp_path / f"{name}.flac", np.full(round(16_000 * seconds), 0.1), 16_000)
        return Clip(name, str(tmp_path / f"{name}.flac"), seconds=seconds)

    return made


def test_rules_measure_words_against_the_reference() -> None:
    question = asked(
        answer("It is six o'clock!"),
        answer("It is seven"),
        answer("Bananas."),
        references=("It is six o'clock.", "Six"),
    )
    scores, retried = RuleRanker(Rules(), None).scores(question, RANDOM)
    parts = [score.parts for score in scores]
    assert [part["exact"] for part in parts] == [1.0, 0.0, 0.0]
    assert parts[0]["overlap"] == 1.0
    assert parts[1]["overlap"] == pytest.approx(2 * 2 / (3 + 4))
    assert parts[2]["overlap"] == 0.0
    assert scores[0].total == 1.0
    weights = Weights()
    wanted = weights.overlap * 4 / 7 + weights.ended + weights.length
    assert scores[1].total == pytest.approx(wanted / (weights.overlap + weights.exact + weights.ended + weights.length))
    assert retried == ()


def test_measures_that_cannot_be_taken_are_in_no_mean() -> None:
    (good, cut), _ = RuleRanker(Rules(), None).scores(asked(answer("Six."), answer("Six.", ended=False)), RANDOM)
    assert set(good.parts) == {"ended", "length"}
    assert good.total == 1.0
    assert cut.total == pytest.approx(0.5 / 1.5)


def test_rules_listen_to_the_sounds(sound: Callable[..., Clip]) -> None:
    clear, blurred, silent = sound("clear", 1.0), sound("blurred", 1.2), None
    question = asked(
        answer("It is six now", clip=clear), answer("It is six now", clip=blurred), answer("It is six now", clip=silent)
    )
    ear = Listens({10: "It is six now.", 12: "It is sick"})
    scores, _ = RuleRanker(Rules("told"), ear).scores(question, RANDOM)
    assert [score.parts["agreement"] for score in scores] == [1.0, 0.5, 0.0]
    assert scores[1].noticed == {"heard": "It is sick", "errors": 2, "words": 4}
    assert scores[0].total > scores[1].total > scores[2].total


@pytest.mark.parametrize(
    ("text", "seconds", "length"),
    [
        ("one two", 1.0, 1.0),
        ("", 1.0, 0.0),
        ("a " * 120, 40.0, 0.5),
        ("one two", 4.0, 0.5 / 1.2),
        ("twenty five thousand", 1.0, 1.0),
        ("a " * 10, 1.0, 0.5),
    ],
)
def test_length_and_pace_are_plausible_or_not(text: str, seconds: float, length: float) -> None:
    clip = Clip("c", "c.flac", seconds=seconds)
    (score,), _ = RuleRanker(Rules(), None).scores(asked(answer(text.strip(), clip=clip)), RANDOM)
    assert score.parts["length"] == pytest.approx(length)


@pytest.mark.parametrize(
    "weights", [{"ended": -1}, dict.fromkeys(("overlap", "exact", "agreement", "ended", "length"), 0)]
)
def test_weights_that_weigh_nothing_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Weights(**weights)


def test_the_best_is_paired_with_each_that_is_clearly_worse(write: Callable[..., Path], tmp_path: Path) -> None:
    answers = (answer("It is seven"), answer("It is six"), answer("It is six."), answer("Cats", ended=False))
    folder = write([stored("q", *answers, references=("It is six.",))])
    totals = run(Preferences(folder, Rules(), margin=0.1), tmp_path / "out")
    pairs = list(read_manifest(tmp_path / "out"))
    assert totals["records"] == 2
    assert [[turn.text for turn in pair.turns] for pair in pairs] == [
        ["What time is it?", "It is six", "It is seven"],
        ["What time is it?", "It is six", "Cats"],
    ]
    for pair in pairs:
        details = pair.details
        assert (pair.kind, pair.split, details["chosen"], details["rejected"]) == ("preference", "test", 1, 2)
        scores = details["scores"]
        assert details["margin"] == pytest.approx(scores["chosen"]["total"] - scores["rejected"]["total"], abs=2e-4)
        assert details["margin"] > 0.1
        assert set(scores["chosen"]["parts"]) == {"overlap", "exact", "ended", "length"}
        assert (details["ranker"], details["model"]) == ("rules", "tiny")
    assert [pair.details["samples"] for pair in pairs] == [{"chosen": 1, "rejected": 0}, {"chosen": 1, "rejected": 3}]


def test_ties_and_failures_are_dropped_with_their_reasons(write: Callable[..., Path], tmp_path: Path) -> None:
    records = [
        stored("tie", answer("It is six"), answer("It is six!")),
        stored("failed", answer("I I I", ended=False), answer("")),
        Record("other", "text", (Turn("human", "no answers"),)),
    ]
    totals = run(Preferences(write(records), Rules()), tmp_path / "out")
    assert totals["records"] == 0
    assert totals["dropped"] == {
        "all answers failed": 1,
        "no answer is clearly worse than the best": 1,
        "unusable record": 1,
    }


def test_a_failed_answer_is_never_chosen(write: Callable[..., Path], tmp_path: Path) -> None:
    cut, poor = answer("It is six.", ended=False), answer("No idea")
    weights = Weights(ended=0.0)
    folder = write([stored("q", cut, poor, references=("It is six.",))])
    totals = run(Preferences(folder, Rules(weights=weights)), tmp_path / "out")
    assert totals["dropped"] == {"no answer is clearly worse than the best": 1}


def test_what_was_heard_goes_with_the_clips(
    write: Callable[..., Path], sound: Callable[..., Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "open_transcriber", lambda spec: Listens({10: "It is six.", 12: "Sick."}))
    answers = (answer("It is six.", clip=sound("a", 1.0)), answer("It is six.", clip=sound("b", 1.2)))
    run(Preferences(write([stored("q", *answers)]), Rules("told")), tmp_path / "out")
    (pair,) = read_manifest(tmp_path / "out")
    heard = [clip.attributes for clip in pair.clips]
    assert heard == [{"heard": "It is six.", "errors": 0, "words": 3}, {"heard": "Sick.", "errors": 3, "words": 3}]


@dataclass(frozen=True)
class Marks:
    """A writer that marks each text as it was told to."""

    marks: dict[str, int]
    told: list[str] = field(default_factory=list, compare=False)
    """Answers to give before it does."""
    prompts: list[Any] = field(default_factory=list, compare=False)
    name: str = "tiny"

    def open(self) -> "Marks":
        return self

    def write(self, system: str, prompt: str, seed: int) -> str:
        assert system == SYSTEM
        shown = json.loads(prompt)
        self.prompts.append(shown)
        if self.told:
            return self.told.pop(0)
        return json.dumps({"marks": [self.marks[text] for text in shown["answers"]]})


QUICK = Tries(3, 0.0)


def test_a_judge_reads_every_answer_in_more_than_one_order() -> None:
    writer = Marks({"six": 9, "seven": 2, "eight": 1})
    question = asked(*map(answer, ("six", "seven", "eight", "six")), references=("It is six.",))
    scores, retried = Judge(writer, 3, QUICK).open().scores(question, Random(1))
    assert [score.total for score in scores] == pytest.approx([0.9, 0.2, 0.1, 0.9])
    assert scores[0].parts == {"round_1": 0.9, "round_2": 0.9, "round_3": 0.9}
    orders = [shown["answers"] for shown in writer.prompts]
    assert orders[0] == orders[1][::-1]
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == ["eight", "seven", "six"] for order in orders)
    assert writer.prompts[0]["reference"] == "It is six."
    assert retried == ()


@pytest.mark.parametrize(
    "nonsense",
    [
        "They are all good.",
        '{"marks": [9]}',
        '{"marks": [9, 11]}',
        '{"marks": [9, 2.5]}',
        '{"marks": [true, 2]}',
        '{"marks": [9, 2], "why": "first is best"}',
        '{"marks": {"six": 9, "seven": 2}}',
    ],
)
def test_a_judge_that_talks_is_asked_again(nonsense: str) -> None:
    writer = Marks({"six": 9, "seven": 2}, [nonsense])
    scores, retried = Judge(writer, 1, QUICK).open().scores(asked(answer("six"), answer("seven")), Random(0))
    assert [score.total for score in scores] == [0.9, 0.2]
    assert retried == ("unreadable answer",)


def test_a_judge_that_never_answers_in_marks_drops_the_question(write: Callable[..., Path], tmp_path: Path) -> None:
    writer = Marks({"six": 9, "seven": 2}, ["no"] * 3)
    records = [stored(name, answer("six"), answer("seven")) for name in ("a", "b")]
    totals = run(Preferences(write(records), Judge(writer, 1, QUICK)), tmp_path / "out")
    assert (totals["dropped"], totals["retried"]) == ({"unreadable answer": 1}, {"unreadable answer": 2})
    (pair,) = read_manifest(tmp_path / "out")
    assert [turn.text for turn in pair.turns[1:]] == ["six", "seven"]
    assert pair.details["ranker"] == "llm tiny"


def test_a_judge_cannot_read_a_question_without_words(write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write([stored("q", answer("six"), answer("seven"), words="")])
    totals = run(Preferences(folder, Judge(Marks({}), 1, QUICK)), tmp_path / "out")
    assert totals["dropped"] == {"unusable record": 1}


def test_the_same_answers_are_ranked_the_same_by_any_order_of_work(write: Callable[..., Path], tmp_path: Path) -> None:
    records = [stored(f"q{number}", answer("six"), answer("seven"), answer("eight")) for number in range(4)]
    writer = Marks({"six": 9, "seven": 2, "eight": 1})
    folder = write(records)
    run(Preferences(folder, Judge(writer, 2, QUICK)), tmp_path / "one")
    first = [shown["answers"] for shown in writer.prompts]
    writer.prompts.clear()
    run(Preferences(folder, Judge(writer, 2, QUICK)), tmp_path / "two")
    assert [shown["answers"] for shown in writer.prompts] == first
    assert len({tuple(order) for order in first[::2]}) > 1


@pytest.mark.parametrize("details", [{}, {"samples": [{"turn": 9, "ended": True}]}, {"samples": 3}, {"samples": []}])
def test_records_of_another_step_are_refused(details: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        read_question(Record("r", "preference", (Turn("human", "hi"),), details=details))


def test_a_margin_out_of_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="margin"):
        Preferences(tmp_path, Rules(), margin=1.0)
