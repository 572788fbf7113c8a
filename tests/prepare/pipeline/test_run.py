"""Running steps: the same output however it is run, stopped or distributed; what goes wrong is counted."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from stepwave.data.manifests import read_clip, read_manifest
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError, MissingExtraError, OutputError, ServiceError
from stepwave.prepare.pipeline import parts
from stepwave.prepare.pipeline.processes import DIED, Processes
from stepwave.prepare.pipeline.ray_data import RayData
from stepwave.prepare.pipeline.run import Progress, read_totals, run_step

INSIDE = Processes(0)


@pytest.fixture
def small() -> Any:
    import small_steps

    return small_steps


def run(step: Any, folder: Path, executor: Any = INSIDE) -> list[Progress]:
    return list(run_step(step, folder, executor))


def test_a_step_writes_records_and_sounds_that_can_be_read_back(small: Any, tmp_path: Path) -> None:
    progress = run(small.Tones(10), tmp_path / "out")
    records = list(read_manifest(tmp_path / "out"))
    assert [record.id for record in records] == [f"r{number:04d}" for number in range(10)]
    for record in records:
        samples, rate = read_clip(record.clips[0], None)
        assert (len(samples), rate) == (1_600, 16_000)
        assert record.clips[0].seconds == 0.1
        assert abs(samples - small.Tones(10)._tone(record)).max() < 1e-4
    assert (progress[0].done, progress[-1].done, progress[-1].parts) == (0, 3, 3)
    totals = read_totals(tmp_path / "out")
    assert (totals["records"], totals["clips"], totals["hours"]) == (10, 10, pytest.approx(1 / 3600, abs=1e-4))


def test_records_of_one_row_share_a_sound_that_is_stored_once(small: Any, tmp_path: Path) -> None:
    run(small.SharedTones(6), tmp_path / "out")
    records = list(read_manifest(tmp_path / "out"))
    assert len(records) == 12
    for caption, question in zip(records[::2], records[1::2], strict=True):
        assert caption.clips == question.clips
        assert len(read_clip(question.clips[0], None)[0]) == 100 + int(caption.id[1])
    with tarfile.open(tmp_path / "out" / "parts" / "part-00000.tar") as tar:
        assert len(tar.getmembers()) == 4


def test_records_that_share_a_sound_that_cannot_be_stored_are_all_dropped(small: Any, tmp_path: Path) -> None:
    run(small.SharedTones(3, spoilt=1), tmp_path / "out")
    assert [record.id[:2] for record in read_manifest(tmp_path / "out")] == ["r0", "r0", "r2", "r2"]
    assert read_totals(tmp_path / "out")["dropped"] == {"sound with impossible samples": 2}


def test_a_folder_can_be_moved_with_its_sounds(small: Any, tmp_path: Path) -> None:
    run(small.Tones(3), tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert all(len(read_clip(record.clips[0])[0]) for record in read_manifest(tmp_path / "elsewhere"))


@pytest.mark.parametrize("executor", [Processes(1), Processes(4)], ids=["1 worker", "4 workers"])
def test_workers_write_the_same_records(small: Any, tmp_path: Path, executor: Processes) -> None:
    step = small.Tones(21, trouble=((3, "drop"), (7, "data"), (11, "twin")))
    run(step, tmp_path / "here")
    run(step, tmp_path / "there", executor)
    assert small.contents(tmp_path / "there") == small.contents(tmp_path / "here")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_writes_the_same_records(small: Any, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    step = small.Tones(21, trouble=((3, "drop"), (7, "data")))
    run(step, tmp_path / "here")
    run(step, tmp_path / "ray", RayData(2))
    assert small.contents(tmp_path / "ray") == small.contents(tmp_path / "here")


def test_ray_that_is_not_installed_is_named(small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"stepwave\[prepare\]"):
        run(small.Tones(3), tmp_path / "out", RayData(1))


def test_a_killed_run_goes_on_to_the_same_result(small: Any, tmp_path: Path) -> None:
    step = "Tones(40, pause=0.02, trouble=((5, 'drop'),))"
    program = (
        "from pathlib import Path; from small_steps import Tones\n"
        "from stepwave.prepare.pipeline.processes import Processes\n"
        "from stepwave.prepare.pipeline.run import run_step\n"
        f"if __name__ == '__main__': list(run_step({step}, Path('out'), Processes(2)))"
    )
    (tmp_path / "program.py").write_text(program)
    whole, halves = tmp_path / "whole", tmp_path / "out"
    run(small.Tones(40, pause=0.02, trouble=((5, "drop"),)), whole)
    kills = 0
    for _ in range(40):
        running = subprocess.Popen([sys.executable, "program.py"], cwd=tmp_path, start_new_session=True)
        reports = len(list(halves.glob("parts/*.report.json")))
        while running.poll() is None and len(list(halves.glob("parts/*.report.json"))) < reports + 2:
            time.sleep(0.005)
        if running.poll() is not None:
            break
        kills += 1
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert kills >= 2
    assert running.returncode == 0
    assert small.contents(halves) == small.contents(whole)
    assert not list(halves.rglob("*.part"))


def test_a_finished_step_is_not_done_again(small: Any, tmp_path: Path) -> None:
    run(small.Tones(10), tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()}
    progress = run(small.Tones(10), tmp_path / "out")
    assert progress[0].done == 3
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()} == before


def test_other_settings_need_another_folder(small: Any, tmp_path: Path) -> None:
    run(small.Tones(4), tmp_path / "out")
    with pytest.raises(ConfigError, match="other settings \\(count, seed\\); name another folder"):
        run(small.Tones(5, seed=1), tmp_path / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("Dear")
    with pytest.raises(ConfigError, match="not empty"):
        run(small.Tones(4), tmp_path / "other")


def test_settings_at_their_defaults_do_not_identify_a_step(small: Any) -> None:
    assert small.Tones().identity() == {"step": "tones", "version": 1, "settings": {}}
    assert small.Tones(4, seed=2).identity()["settings"] == {"count": 4, "seed": 2}


def test_what_is_dropped_is_counted_with_its_reason(small: Any, tmp_path: Path) -> None:
    trouble = ((1, "drop"), (2, "data"), (5, "bug"), (6, "nan"), (8, "twin"))
    run(small.Tones(12, trouble=trouble), tmp_path / "out")
    totals = read_totals(tmp_path / "out")
    assert totals["records"] == 7
    assert totals["dropped"] == {
        "not wanted": 1, "unusable record": 1, "unexpected ZeroDivisionError": 1,
        "sound with impossible samples": 1, "the same tone again": 1,
    }  # fmt: skip
    assert totals["retried"] == {"first try": 1}
    drops = [json.loads(line) for line in (tmp_path / "out" / "dropped.jsonl").read_text().splitlines()]
    assert {drop["id"] for drop in drops} == {"r0001", "r0002", "r0005", "r0006", "r0008"}
    assert "small_steps.py" in next(drop["detail"] for drop in drops if drop["id"] == "r0005")


def test_a_row_that_kills_its_process_takes_no_other_with_it(small: Any, tmp_path: Path) -> None:
    run(small.Tones(16, trouble=((6, "die"), (13, "die"))), tmp_path / "out", Processes(2))
    records: list[Record] = list(read_manifest(tmp_path / "out"))
    assert len(records) == 14
    assert read_totals(tmp_path / "out")["dropped"] == {DIED: 2}


@pytest.mark.parametrize("executor", [INSIDE, Processes(2)], ids=["inside", "2 workers"])
@pytest.mark.parametrize(("kind", "error"), [("full", OutputError), ("wrong", ConfigError)])
def test_what_concerns_all_rows_ends_the_run(
    small: Any, tmp_path: Path, executor: Processes, kind: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(small.Tones(12, trouble=((5, kind),)), tmp_path / "out", executor)
    assert not (tmp_path / "out" / "manifest.jsonl").exists()


def test_a_full_disk_leaves_no_half_records_and_the_run_goes_on_later(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = parts.replace_file
    written = 0

    def full(path: Path, data: bytes) -> None:
        nonlocal written
        written += len(data)
        if written > 40_000:
            raise OutputError(f"cannot write '{path}': the disk is full; free some space")
        whole(path, data)

    monkeypatch.setattr(parts, "replace_file", full)
    with pytest.raises(OutputError, match="free some space"):
        run(small.Tones(20), tmp_path / "out")
    monkeypatch.setattr(parts, "replace_file", whole)
    assert 0 < len(list((tmp_path / "out").glob("parts/*.report.json"))) < 5
    run(small.Tones(20), tmp_path / "out")
    run(small.Tones(20), tmp_path / "unbroken")
    assert small.contents(tmp_path / "out") == small.contents(tmp_path / "unbroken")


def test_a_part_whose_every_row_fails_by_a_slip_ends_the_run(small: Any, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="all 4 rows of a part failed, first: ZeroDivisionError: a slip"):
        run(small.Tones(8, trouble=tuple((number, "bug") for number in range(4))), tmp_path / "out")


def test_sounds_can_be_stored_as_opus(small: Any, tmp_path: Path) -> None:
    list(run_step(small.Tones(3), tmp_path / "out", INSIDE, "opus"))
    record = next(read_manifest(tmp_path / "out"))
    samples, _ = read_clip(record.clips[0], 16_000)
    assert abs(len(samples) - 1_600) <= 16
    run(small.Tones(3), tmp_path / "flac")
    assert record.clips[0].size < 0.7 * next(read_manifest(tmp_path / "flac")).clips[0].size
