"""`interleave`: monologues of neighbours, sound and text by turns; recordings that go on."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_material import Bench, Result, recording

from stepwave.data.records import Record, Turn
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.recorded.interleave import Interleave


def utterance(recorded: str, index: int, start: float, text: str = "words", **given: object) -> Record:
    """An utterance of four seconds."""
    details = {"recording": recorded, "index": index, "start": start}
    name = f"{recorded}-{index}"
    known = {"start": start, "seconds": 4.0, "voice": "somebody", **given}
    return recording(
        Path("/sounds") / f"{recorded}.flac", None, text and f"{text} {index}", name=name, details=details, **known
    )


def chain(recorded: str, count: int) -> list[Record]:
    return [utterance(recorded, index, 5.0 * index) for index in range(count)]


def test_utterances_are_sound_and_text_by_turns(bench: Bench) -> None:
    records = [record for number in range(20) for record in chain(f"r{number:02d}", 12)]
    done = bench.run(Interleave(bench.manifest(records), continuations=0.0, longest=40.0, most=6))
    by_id = {record.id: record for record in records}
    used: list[str] = []
    patterns = Counter[tuple[bool, ...]]()
    for record in done.records:
        assert record.kind == "interleaved"
        parts = [by_id[name] for name in record.details["parts"]]
        used += record.details["parts"]
        assert len({part.details["recording"] for part in parts}) == 1
        assert [part.details["index"] for part in parts] == list(
            range(parts[0].details["index"], parts[0].details["index"] + len(parts))
        )
        assert 2 <= len(parts) <= 6
        assert 4.0 * len(parts) + len(parts) - 1 <= 40.0
        for turn, part in zip(record.turns, parts, strict=True):
            assert (turn.role, turn.text) == ("assistant", part.turns[0].text)
            assert turn.clip == (part.clips[0] if turn.spoken else None)
            assert turn.pause == (1.0 if turn.spoken and part is not parts[0] else 0.0)
        modes = tuple(turn.spoken for turn in record.turns)
        assert len(set(modes)) == 2
        assert all(len(set(modes[first : first + 3])) == 2 for first in range(len(modes) - 2))
        patterns[modes] += 1
    assert len(patterns) > 8
    assert {len(pattern) for pattern in patterns} == {2, 3, 4, 5, 6}
    assert len(used) == len(set(used))
    assert set(used) | set(done.why) == set(by_id)
    assert set(done.dropped) <= {"no neighbour"}


def test_recordings_go_on_in_sound_or_in_writing(bench: Bench) -> None:
    records = [record for number in range(40) for record in chain(f"r{number:02d}", 2)]
    source = bench.manifest(records)
    done = bench.run(Interleave(source, continuations=1.0, written=0.5))
    assert len(done.records) == 40
    spoken = 0
    for record in done.records:
        human, assistant = record.turns
        assert (record.kind, human.role, assistant.role) == ("continuation", "human", "assistant")
        assert human.clip is not None
        assert (human.text, assistant.text) == ("words 0", "words 1")
        assert (assistant.clip is not None) == assistant.spoken
        spoken += assistant.spoken
        assert (record.source, record.licence, record.split) == ("generated", "CC0-1.0", "train")
    assert 8 < spoken < 32
    kinds = Counter(record.kind for record in bench.run(Interleave(source, seed=1, continuations=0.5)).records)
    assert 8 < kinds["continuation"] < 32
    assert kinds.total() == 40


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (utterance("r", 2, 5.0), "no neighbour"),
        (utterance("r", 1, 9.0), "no neighbour"),
        (utterance("r", 1, 5.0, voice="somebody else"), "no neighbour"),
        (utterance("r", 1, 5.0, language="de"), "no neighbour"),
        (utterance("r", 1, 5.0, split="check"), "no neighbour"),
        (utterance("q", 1, 5.0), "no neighbour"),
        (utterance("r", 1, 5.0, ""), "missing transcript"),
        (recording(Path("/sounds/b.flac"), None, "words", seconds=4.0), "no recording and index given"),
        (Record("b", "text", (Turn("human", "words"),)), "unusable record"),
    ],
)
def test_only_neighbours_are_joined(bench: Bench, second: Record, reason: str) -> None:
    done = bench.run(Interleave(bench.manifest([utterance("r", 0, 0.0), second]), continuations=0.0))
    assert done.records == []
    assert done.why == {"r-0": "no neighbour", second.id: reason}


def test_neighbours_of_a_corpus_are_known_by_their_position_and_come_in_any_order(bench: Bench) -> None:
    known = [
        recording(
            Path(f"/sounds/{name}.flac"), None, name, seconds=2.0, details={"recording": "r", "position": position}
        )
        for name, position in (("b", 8), ("a", 7))
    ]
    (record,) = bench.run(Interleave(bench.manifest(known))).records
    assert record.details["parts"] == ["a", "b"]


def test_what_is_longer_than_a_monologue_is_said_to_be(bench: Bench) -> None:
    records = [utterance("r", 0, 0.0, seconds=70.0), utterance("r", 1, 70.0)]
    assert bench.run(Interleave(bench.manifest(records), longest=60.0)).why == {
        "r-0": "longer than a monologue may be", "r-1": "no neighbour",
    }  # fmt: skip


def test_the_seed_decides_and_workers_write_the_same(
    bench: Bench, same_in_a_worker: Callable[[Step, Result], None]
) -> None:
    source = bench.manifest([record for number in range(6) for record in chain(f"r{number}", 9)])
    step = Interleave(source)
    here = bench.run(step)
    same_in_a_worker(step, here)
    assert bench.run(Interleave(source, seed=1)).bytes != here.bytes
    assert bench.run(Interleave(bench.manifest([]))).records == []


def test_settings_that_make_no_sense_are_refused(bench: Bench) -> None:
    source = bench.manifest([])
    with pytest.raises(ConfigError, match="most at least 2"):
        Interleave(source, most=1)
    with pytest.raises(ConfigError, match="shares"):
        Interleave(source, continuations=1.5)
