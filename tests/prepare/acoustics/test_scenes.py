"""The step `scenes`: mixes that sound as their recipes say, records that share them, balance, determinism, losses."""

import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stepwave.data.manifests import MANIFEST, read_clip, read_manifest
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError, DataError, MissingExtraError
from stepwave.prepare.acoustics.scenes import Scenes
from stepwave.prepare.acoustics.sounds import sound_kind
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step

from .materials import RATE, TONES, a_weight, level_at, sound_record, tone, write_manifest


def made(step: Scenes, folder: Path, workers: int = 0) -> list[Record]:
    list(run_step(step, folder, Processes(workers)))
    return list(read_manifest(folder))


def test_every_sound_is_where_and_as_loud_as_its_recipe_says(sounds: Path, tmp_path: Path) -> None:
    records = made(Scenes(sounds, 25, questions=0), tmp_path / "out")
    assert len(records) == 25
    for record in records:
        samples, rate = read_clip(record.clips[0], None)
        assert rate == RATE
        assert record.seconds == pytest.approx(len(samples) / rate, abs=1e-3)
        assert 4.0 <= record.seconds <= 20.0
        recipe = record.details["recipe"]
        for label, hertz in TONES.items():
            own = [each for each in recipe if each["label"] == label]
            for each in own:
                wanted = record.details["reference_db"] + each["gain_db"] - a_weight(hertz)
                start, end = each["start"] + 0.15, each["start"] + each["seconds"] - 0.15
                assert level_at(samples, hertz, start, end) == pytest.approx(wanted, abs=1.0)
            for at in np.arange(0.0, record.seconds - 0.2, 0.2):
                near = any(e["start"] - 0.3 < at < e["start"] + e["seconds"] + 0.1 for e in own)
                assert near or level_at(samples, hertz, at, at + 0.2) < -45


def test_a_caption_and_its_questions_share_one_sound(sounds: Path, speech: Path, tmp_path: Path) -> None:
    records = made(Scenes(sounds, 12, speech, questions=3), tmp_path / "out")
    scenes: dict[str, list[Record]] = {}
    for record in records:
        scenes.setdefault(record.id.rsplit("-", 1)[0], []).append(record)
    assert len(scenes) == 12
    spoken = 0
    for told, *asked in scenes.values():
        assert told.kind == "caption"
        assert [record.kind for record in asked] == ["qa"] * 3
        assert len({record.details["type"] for record in asked}) == 3
        for record in asked:
            assert record.clips == told.clips
            assert record.turns[0] == told.turns[0]
            assert [turn.role for turn in record.turns] == ["human", "human", "assistant"]
            assert record.details["recipe"] == told.details["recipe"]
            assert record.details["reasoning"]
        speakers = [each for each in told.details["recipe"] if each["label"] == "speech"]
        spoken += len(speakers)
        assert told.turns[0].text == (speakers[0]["text"] if speakers else "")
        assert bool(speakers) == bool(told.clips[0].voice)
        assert told.licence == ("CC BY 4.0; CC0" if speakers else "CC0")
        assert told.source == ("tones+voices" if speakers else "tones")
    assert 1 <= spoken <= 11
    assert len(list((tmp_path / "out" / "parts").glob("*.tar"))) == 1


def test_yes_and_no_are_planned_in_equal_numbers(sounds: Path, speech: Path) -> None:
    rows = list(Scenes(sounds, 400, speech).rows())
    for type_ in ("present", "before"):
        assert sum(row.details["yes"][type_] for row in rows) == 200
    answers = [row.details["yes"]["present"] for row in rows]
    assert sum(before == after for before, after in itertools.pairwise(answers)) > 60  # they do not simply alternate
    assert len({row.id for row in rows}) == 400
    counts = Counter(len([label for label in row.details["labels"] if label != "speech"]) for row in rows)
    assert set(counts) == {1, 2, 3, 4}
    assert all(set(row.details["absent"]).isdisjoint(row.details["labels"]) for row in rows)


def test_what_is_asked_about_absent_sounds_is_answered_with_no(sounds: Path, tmp_path: Path) -> None:
    records = made(Scenes(sounds, 40, questions=16, choice_share=0.0), tmp_path / "out")
    asked = [record for record in records if record.details.get("type") == "present"]
    assert len(asked) == 40
    assert sum(record.details["answer"] for record in asked) == 20
    for record in asked:
        heard = {each["label"] for each in record.details["recipe"]}
        named = {label for label in TONES if sound_kind(label).name in record.turns[1].text.lower()}
        assert len(named) == 1
        assert (named <= heard) is record.details["answer"]
        assert record.turns[2].text.startswith("Yes" if record.details["answer"] else "No")


def test_any_number_of_workers_makes_the_same_scenes(sounds: Path, speech: Path, tmp_path: Path) -> None:
    step = Scenes(sounds, 40, speech, rooms="noise", seed=5)
    made(step, tmp_path / "here")
    made(step, tmp_path / "there", 2)
    for name in (MANIFEST, "parts/part-00000.tar", "parts/part-00001.tar"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
    other = list(Scenes(sounds, 40, speech, rooms="noise", seed=6).rows())
    assert {row.id for row in other}.isdisjoint(row.id for row in step.rows())


def test_held_out_sounds_stay_apart(stored: Callable[..., Path], tmp_path: Path) -> None:
    records = [
        sound_record(f"{label}-{split}", label, stored(f"{label}-{split}", tone(hertz, 2.0)), split)
        for label, hertz in TONES.items()
        for split in ("train", "test")
    ]
    rows = list(Scenes(write_manifest(tmp_path / "sounds", records), 60).rows())
    assert {row.split for row in rows} == {"train", "test"}
    for row in rows:
        assert all(clip.id.endswith(row.split) for clip in row.clips)


def test_silent_damaged_and_missing_sounds_are_dropped_with_a_reason(
    stored: Callable[..., Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"fLaC and then nothing")
    records = [
        sound_record("good", "dog", stored("good", tone(500, 2.0))),
        sound_record("silent", "rain", stored("silent", np.zeros(RATE, np.float32))),
        sound_record("broken", "siren", broken),
        sound_record("gone", "rooster", tmp_path / "nowhere.wav"),
    ]
    out = tmp_path / "out"
    made(Scenes(write_manifest(tmp_path / "sounds", records), 40), out)
    dropped = read_totals(out)["dropped"]
    assert set(dropped) == {"silent sound", "damaged sound", "no such sound"}
    kept = {json.loads(line)["id"].rsplit("-", 1)[0] for line in (out / MANIFEST).read_text().splitlines()}
    assert len(kept) == 40 - sum(dropped.values())
    assert len(kept) > 0


def test_sounds_of_several_labels_are_left_out(stored: Callable[..., Path], tmp_path: Path) -> None:
    file = stored("both", tone(500, 2.0))
    both = sound_record("both", "dog", file)
    both = Record(both.id, "sound", both.turns, details={"labels": ["dog", "rain"]})
    with pytest.raises(DataError, match="exactly one label"):
        list(Scenes(write_manifest(tmp_path / "one", [both]), 3).rows())
    manifest = write_manifest(tmp_path / "two", [both, sound_record("cat", "cat", file)])
    assert {label for row in Scenes(manifest, 20).rows() for label in row.details["labels"]} == {"cat"}


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"questions": 99}, {"speaker_share": 1.5}, {"sample_rate": 44_100}], ids=str
)
def test_impossible_settings_are_refused(wrong: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scenes: "):
        Scenes(**{"sounds": tmp_path, "count": 1, **wrong})  # type: ignore[arg-type]


def test_rooms_need_their_package(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyroomacoustics", None)
    with pytest.raises(MissingExtraError, match=r"stepwave\[prepare\]"):
        made(Scenes(sounds, 4, rooms="shoebox", room_share=1.0), tmp_path / "out")


def test_scenes_of_real_sounds(shared_data: Path, tmp_path: Path) -> None:
    records = [
        sound_record(f"{folder.name}-{file.stem}", folder.name, file)
        for folder in sorted((shared_data / "esc10").iterdir()) if folder.is_dir()
        for file in sorted(folder.iterdir())[:2]
    ]  # fmt: skip
    out = tmp_path / "out"
    found = made(Scenes(write_manifest(tmp_path / "sounds", records), 16, sample_rate=24_000), out)
    assert len([record for record in found if record.kind == "caption"]) >= 14
    for record in found:
        samples, rate = read_clip(record.clips[0], None)
        assert rate == 24_000
        assert 0.01 < np.abs(samples).max() <= 0.91
        assert all(each["seconds"] > 0.05 for each in record.details["recipe"])
