"""Conversations by an endpoint: what comes back well is kept; what does not is asked for again, counted, bounded."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stepwave.data.manifests import read_manifest
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.writing import answers, speakable, writer
from stepwave.prepare.writing.asking import Asking, NothingUsable, Tries, json_object
from stepwave.prepare.writing.styles import Instructions
from stepwave.prepare.writing.writer import WriterError
from stepwave.prepare.writing.written import WrittenScripts, everyday_topics

QUICK = Tries(3, wait_seconds=0.0)
KEY = "sk-never-to-be-stored-1234567890"


def run(step: Any, folder: Path) -> dict[str, Any]:
    list(run_step(step, folder, Processes(0)))
    return read_totals(folder)


@dataclass
class Told:
    """A writer that gives back or raises what it was told to."""

    answers: list[str | WriterError]
    seeds: list[int] = field(default_factory=list)

    def write(self, system: str, prompt: str, seed: int) -> str:
        self.seeds.append(seed)
        answer = self.answers.pop(0)
        if isinstance(answer, WriterError):
            raise answer
        return answer


@dataclass(frozen=True)
class Imagined:
    """Settings of a writer that needs no endpoint."""

    name: str = "imagined"

    def open(self) -> "Imagined":
        return self

    def write(self, system: str, prompt: str, seed: int) -> str:
        count = int(prompt.split("Write exactly ")[1].split()[0])
        rest = Random(f"{prompt} {seed}")
        words = ["tea", "rain", "music", "bread", "trains", "stars"]
        texts = [" ".join(["We", "talk", "about", *rest.choices(words, k=3)]) + "." for _ in range(count)]
        roles = ("human", "assistant")
        return json.dumps({"turns": [{"role": roles[n % 2], "text": text} for n, text in enumerate(texts)]})


def test_scripts_come_back_with_topic_model_and_style(tmp_path: Path, endpoint: Any) -> None:
    endpoint.behaviours[:] = ["fenced"]
    step = WrittenScripts(6, endpoint.settings(), 1, instructions=Instructions(share=1.0), tries=QUICK, licence="MIT")
    totals = run(step, tmp_path / "out")
    records = list(read_manifest(tmp_path / "out"))
    assert len(records) + totals["dropped"].get("the same conversation again", 0) == 6
    for record in records:
        assert (record.kind, record.source, record.licence) == ("conversation", "tiny", "MIT")
        assert record.details["topic"] in everyday_topics()
        assert all(turn.spoken and turn.clip is None and turn.speaker == turn.role for turn in record.turns)
        assert any(turn.style for turn in record.turns)
    asked = {request["messages"][1]["content"] for request in endpoint.requests}
    assert len(asked) == 6


def test_the_same_writer_and_seed_give_the_same_scripts(tmp_path: Path) -> None:
    step = WrittenScripts(20, Imagined(), 1)
    for name in ("one", "two"):
        run(step, tmp_path / name)
    assert (tmp_path / "one" / "manifest.jsonl").read_bytes() == (tmp_path / "two" / "manifest.jsonl").read_bytes()


def test_topics_come_in_turn_and_a_held_out_topic_is_test_alone(tmp_path: Path) -> None:
    assert len(everyday_topics()) >= 60
    listed = tmp_path / "topics.txt"
    listed.write_text("\n".join(f"topic number {n}" for n in range(40)) + "\n\ntopic number 1\n")
    rows = list(WrittenScripts(120, Imagined(), 2, topics=listed).rows())
    assert len({row.id for row in rows}) == 120
    assert sorted(row.details["topic"] for row in rows[:40]) == sorted({row.details["topic"] for row in rows})
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row.details["topic"], set()).add(row.split)
    assert all(len(split) == 1 for split in splits.values())
    assert {"train"} in splits.values()
    assert {"test"} in splits.values()
    listed.write_text("\n")
    with pytest.raises(DataError, match="lists no topics"):
        list(WrittenScripts(1, Imagined(), topics=listed).rows())


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("silent", writer.TIMED_OUT),
        ("cut off", writer.UNREACHABLE),
        ("500", writer.FAILED),
        ("huge", writer.TOO_LARGE),
        ("prose", writer.UNREADABLE),
        ("list", writer.UNREADABLE),
        ("half a letter", writer.UNREADABLE),
        ("other keys", writer.UNREADABLE),
        ("null", writer.UNREADABLE),
        ("short", answers.WRONG_COUNT),
        ("swapped", answers.WRONG_ROLES),
        ("markdown", speakable.SYMBOLS),
        ("long", speakable.TOO_LONG),
    ],
)
def test_failures_are_tried_three_times_then_dropped_with_their_reason(
    tmp_path: Path, endpoint: Any, behaviour: str, reason: str
) -> None:
    endpoint.behaviours[:] = [behaviour]
    settings = endpoint.settings(timeout_seconds=0.2 if behaviour == "silent" else 5.0)
    totals = run(WrittenScripts(2, settings, tries=QUICK), tmp_path / "out")
    assert totals["records"] == 0
    assert totals["dropped"] == {reason: 2}
    assert totals["retried"] == {reason: 4}
    assert len(endpoint.requests) == 6


def test_one_good_answer_after_bad_ones_is_enough(tmp_path: Path, endpoint: Any) -> None:
    endpoint.behaviours[:] = ["500", "prose", "good"]
    totals = run(WrittenScripts(1, endpoint.settings(), tries=QUICK), tmp_path / "out")
    assert (totals["records"], totals["dropped"]) == (1, {})
    assert totals["retried"] == {writer.FAILED: 1, writer.UNREADABLE: 1}
    assert len({request["seed"] for request in endpoint.requests}) == 3


def test_an_endpoint_that_is_gone_ends_the_run_which_goes_on_later(tmp_path: Path, endpoint: Any) -> None:
    step = WrittenScripts(20, endpoint.settings(), tries=Tries(1, 0.0, silent_rows=3))
    endpoint.behaviours[:] = ["good"] * 8 + ["500"]
    with pytest.raises(ConfigError, match=r"no answer for 3 rows in a row.*HTTP 500.*run again to go on"):
        run(step, tmp_path / "out")
    assert len(endpoint.requests) == 11
    endpoint.behaviours[:] = ["good"]
    totals = run(step, tmp_path / "out")
    assert sum(totals["dropped"].values()) + totals["records"] == 20
    assert len(endpoint.requests) == 11 + 12


def test_a_key_is_in_no_file_of_the_output(tmp_path: Path, endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    endpoint.behaviours[:] = ["500", "500", "500", "good"]
    totals = run(WrittenScripts(3, endpoint.settings(key_env="MY_KEY"), tries=QUICK), tmp_path / "out")
    assert totals["dropped"][writer.FAILED] == 1
    assert endpoint.headers[0]["authorization"].endswith(KEY)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"step.json", "manifest.jsonl", "dropped.jsonl", "report.json"} <= {path.name for path in files}
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    assert "MY_KEY" in (tmp_path / "out" / "step.json").read_text()


def asked(told: Told, tries: Tries, waits: list[float], seed: int = 0) -> Any:
    read: Callable[[Any], Any] = dict
    return Asking(told, tries, waits.append).ask("", "", read, Random(seed))


def test_waits_grow_are_drawn_from_the_seed_and_are_bounded() -> None:
    busy = WriterError(writer.BUSY, reached=False)
    waits: list[float] = []
    tries = Tries(8, wait_seconds=2.0)
    value, reasons = asked(Told([busy] * 7 + ['{"a": 1}']), tries, waits)
    assert value == {"a": 1}
    assert reasons == (writer.BUSY,) * 7
    for number, wait in enumerate(waits):
        assert min(60, 1.0 * 2**number) <= wait <= min(60, 3.0 * 2**number)
    again: list[float] = []
    asked(Told([busy] * 7 + ["{}"]), tries, again)
    assert again == waits


def test_nonsense_is_asked_for_again_at_once_and_a_refusal_never() -> None:
    waits: list[float] = []
    asked(Told(["nonsense", "{}"]), Tries(), waits)
    assert waits == []
    told = Told([WriterError(writer.REFUSED, again=False, reached=False), "{}"])
    with pytest.raises(NothingUsable) as caught:
        asked(told, Tries(), waits)
    assert len(told.seeds) == 1
    assert caught.value.last.reason == writer.REFUSED


@pytest.mark.parametrize("answer", ["", "{", "[]", "Sure! {}", "{} {}", "1", "[" * 100_000, '{"a": "\\ud83d"}'])
def test_only_a_json_object_is_an_answer(answer: str) -> None:
    with pytest.raises(WriterError) as caught:
        json_object(answer)
    assert caught.value.reason == writer.UNREADABLE
    caught.value.detail.encode()
    assert len(caught.value.detail) < 500


def test_tries_that_cannot_be_are_refused() -> None:
    for wrong in ({"most": 0}, {"wait_seconds": -1.0}, {"silent_rows": 0}):
        with pytest.raises(ConfigError, match="wanted at least one try"):
            Tries(**wrong)
    with pytest.raises(ConfigError, match="0 conversations"):
        WrittenScripts(0, Imagined())
