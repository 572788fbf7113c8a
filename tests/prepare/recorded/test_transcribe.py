"""`transcribe`: texts where there are none, second opinions where there are."""

from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_material import Bench, Counting, CountingTranscribe, Result, babble, recording

from stepwave.data.manifests import read_manifest
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.recorded.attributes import HEARD
from stepwave.prepare.recorded.transcribe import Transcribe


@pytest.fixture
def material(bench: Bench, tmp_path: Path) -> Path:
    (tmp_path / "damaged.flac").write_bytes(b"RIFF")
    loud = {"attributes": {"errors": 0.5, "gender": "male"}}
    return bench.manifest(
        [
            recording(tmp_path / "untold.flac", 1.2 * babble(0.5)),
            recording(tmp_path / "told.flac", 1.2 * babble(0.6), "Six of them.", **loud),
            recording(tmp_path / "damaged.flac"),
            recording(tmp_path / "chinese.flac", 1.2 * babble(0.4), language="zh"),
            recording(tmp_path / "quiet.flac", 0.1 * babble(0.5)),
            recording(tmp_path / "part.flac", 1.2 * babble(2.0), start=0.5, seconds=0.7, language=""),
        ]
    )


def test_texts_are_written_and_texts_that_are_there_get_a_second_opinion(bench: Bench, material: Path) -> None:
    done = bench.run(CountingTranscribe(material, "counting"))
    by_name = {record.id: record.turns[0] for record in done.records}
    assert list(by_name) == ["untold", "told", "chinese", "part"]
    assert by_name["untold"].text == "tenth tenth tenth tenth tenth"
    assert by_name["untold"].clip.attributes == {"transcriber": "counting 1"}  # type: ignore[union-attr]
    assert by_name["told"].text == "Six of them."
    assert by_name["told"].clip.attributes == {  # type: ignore[union-attr]
        "gender": "male", "heard": "tenth tenth tenth tenth tenth tenth", "listener": "counting 1",
    }  # fmt: skip
    assert by_name["chinese"].text == "十十十十"
    assert (by_name["part"].text, by_name["part"].language) == (" ".join(["tenth"] * 7), "en")
    assert done.dropped == {"damaged sound": 1, "nothing heard": 1}


def test_a_part_is_heard_language_by_language(bench: Bench, material: Path) -> None:
    listener = Counting()
    step = CountingTranscribe(material, "counting")
    object.__setattr__(step, "listener", lambda: listener)
    assert len(list(step.open()(list(read_manifest(material))))) == 6
    assert listener.batches == [(4, "en"), (1, "zh")]


def test_nobody_checks_himself(bench: Bench, material: Path) -> None:
    once = bench.run(CountingTranscribe(material, "counting"))
    twice = bench.run(CountingTranscribe(once.folder, "counting"))
    assert twice.records == once.records
    assert [HEARD in record.clips[0].attributes for record in twice.records] == [False, True, False, False]


def test_a_sound_that_breaks_the_listener_takes_no_other_with_it(bench: Bench, tmp_path: Path) -> None:
    records = [
        recording(tmp_path / f"{name}.flac", 1.2 * babble(seconds)) for name, seconds in (("a", 0.5), ("b", 0.3))
    ]
    done = bench.run(CountingTranscribe(bench.manifest(records), "counting"))
    assert [record.id for record in done.records] == ["a"]
    assert done.dropped == {"unexpected RuntimeError": 1}


def test_workers_write_the_same_and_nothing_gives_nothing(
    bench: Bench, material: Path, same_in_a_worker: Callable[[Step, Result], None]
) -> None:
    step = CountingTranscribe(material, "counting")
    same_in_a_worker(step, bench.run(step))
    assert bench.run(CountingTranscribe(bench.manifest([]), "counting")).records == []


def test_a_listener_that_nobody_knows_is_refused(bench: Bench, material: Path) -> None:
    with pytest.raises(ConfigError, match="no transcriber 'ear'"):
        bench.run(Transcribe(material, "ear"))
