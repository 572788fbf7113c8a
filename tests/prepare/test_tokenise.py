"""Speech tokens, speaker vectors and frames of a manifest's clips, by a tiny random model."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stepwave.data.manifests import read_clip, read_manifest, write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.data.store import TensorStore
from stepwave.dialogue.loading import load
from stepwave.facts.errors import CheckpointIncompleteError, ConfigError
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.tokenise import Tokenise
from stepwave.signal.files import write_audio


def manifest(folder: Path, lengths: list[float]) -> Path:
    """Noise clips in files of their own; the second record shares the first one's clip, if there is a second."""
    folder.mkdir()
    records = []
    for number, seconds in enumerate(lengths):
        noise = np.random.default_rng(number).standard_normal(round(seconds * 16_000)).astype(np.float32)
        write_audio(folder / f"{number}.wav", noise * 0.1, 16_000)
        clip = Clip(f"c{number}", str(folder / f"{number}.wav"), seconds=seconds)
        records.append(Record(f"r{number}", "speech", (Turn("human", "noise", clip, spoken=True),)))
    records.append(Record("again", "asr", records[0].turns))
    (folder / "manifest.jsonl").write_text("".join(write_line(record, folder) for record in records))
    return folder


def run(step: Tokenise, to: Path) -> TensorStore:
    list(run_step(step, to, Processes(0)))
    return TensorStore(to / "parts")


def test_codes_are_those_that_the_model_makes_of_a_voice(tiny_nano: Path, tmp_path: Path) -> None:
    source = manifest(tmp_path / "in", [1.3, 2.0, 0.7])
    store = run(Tokenise(source, str(tiny_nano), ("codes", "speaker", "frames")), tmp_path / "out")
    assert sorted(store) == sorted(f"c{n}.{what}" for n in range(3) for what in ("codes", "frames", "speaker"))
    maker = load(str(tiny_nano)).engine.voices._maker
    for record in read_manifest(tmp_path / "out"):
        clip = record.clips[0]
        samples, _ = read_clip(clip)
        codes = maker.codes(samples)
        assert store[f"{clip.id}.codes"].tolist() == codes.tolist()
        assert store[f"{clip.id}.frames"].shape == (len(codes), 16)
        torch.testing.assert_close(store[f"{clip.id}.speaker"].float(), maker.speaker(samples), atol=2e-3, rtol=0)
        assert clip.attributes.get("speech_tokens", len(codes)) == len(codes)


def test_together_or_one_by_one_is_the_same(tiny_nano: Path, tmp_path: Path) -> None:
    source = manifest(tmp_path / "in", [1.3, 2.0, 0.7, 3.1])
    alone = run(Tokenise(source, str(tiny_nano), ("codes", "frames")), tmp_path / "alone")
    together = run(Tokenise(source, str(tiny_nano), ("codes", "frames"), batch=3), tmp_path / "together")
    for name in alone:
        torch.testing.assert_close(together[name].float(), alone[name].float(), atol=2e-3, rtol=0)


def test_what_is_longer_than_the_encoder_takes_goes_through_in_pieces(tiny_nano: Path, tmp_path: Path) -> None:
    source = manifest(tmp_path / "in", [30.0])
    store = run(Tokenise(source, str(tiny_nano), ("codes",)), tmp_path / "out")
    assert len(store["c0.codes"]) == 750


def test_damaged_sound_drops_its_records_alone(tiny_nano: Path, tmp_path: Path) -> None:
    source = manifest(tmp_path / "in", [1.0, 1.0, 1.0])
    (source / "1.wav").write_bytes(b"RIFF, but no sound")
    run(Tokenise(source, str(tiny_nano)), tmp_path / "out")
    assert [record.id for record in read_manifest(tmp_path / "out")] == ["r0", "r2", "again"]
    assert read_totals(tmp_path / "out")["dropped"] == {"damaged sound": 1}


def test_pitch_needs_no_model_and_is_aligned_with_the_mel(tmp_path: Path) -> None:
    pytest.importorskip("pysptk", reason="pitch tracking needs the extra `train`")
    time = np.arange(16_000) / 16_000
    source = manifest(tmp_path / "in", [1.0])
    write_audio(source / "0.wav", (0.3 * np.sin(2 * np.pi * 180 * time)).astype(np.float32), 16_000)
    store = run(Tokenise(source, str(tmp_path / "no model"), ("pitch",)), tmp_path / "out")
    assert list(store) == ["c0.f0"]
    torch.testing.assert_close(store["c0.f0"][5:-5], torch.full((40,), 180.0), atol=2.0, rtol=0)
    assert store["c0.f0"].shape == (50,)


def test_what_is_heard_is_read_elsewhere_too_and_follows_from_the_seed(tiny_nano: Path, tmp_path: Path) -> None:
    source = manifest(tmp_path / "in", [1.3, 2.0])
    said = Record("said", "tts", (Turn("human", "noise"), Turn("assistant", "noise", Clip("s", str(source / "1.wav")))))
    with (source / "manifest.jsonl").open("a") as lines:
        lines.write(write_line(said, source))
    sounds = manifest(tmp_path / "sounds", [0.5])
    step = Tokenise(source, str(tiny_nano), (), augment=2, noises=sounds)
    store = run(step, tmp_path / "out")
    assert sorted(store) == [f"c{clip}~{reading}.frames" for clip in (0, 1) for reading in (1, 2)]
    assert [record.id for record in read_manifest(tmp_path / "out")] == ["r0", "r1", "again", "said"]
    again = run(replace(step, batch=3), tmp_path / "again")
    other = run(replace(step, seed=1), tmp_path / "other")
    for name in store:
        torch.testing.assert_close(again[name].float(), store[name].float(), atol=2e-3, rtol=0)
        assert other[name].shape != store[name].shape or not torch.equal(other[name], store[name])
    both = run(replace(step, what=("frames",), augment=1), tmp_path / "both")
    assert sorted(both) == ["c0.frames", "c0~1.frames", "c1.frames", "c1~1.frames", "s.frames"]


def test_only_the_parts_that_are_needed_are_opened(tiny_nano: Path, tmp_path: Path) -> None:
    model = tmp_path / "untrained"
    model.mkdir()
    config = json.loads((tiny_nano / "config.json").read_text())
    config["parts"] = {name: config["parts"][name] for name in ("encoder", "speaker")}
    (model / "config.json").write_text(json.dumps(config))
    for name in ("encoder", "speaker"):
        shutil.copyfile(tiny_nano / f"{name}.safetensors", model / f"{name}.safetensors")
    source = manifest(tmp_path / "in", [1.0])
    store = run(Tokenise(source, str(model), ("speaker", "frames")), tmp_path / "out")
    assert sorted(store) == ["c0.frames", "c0.speaker"]
    with pytest.raises(CheckpointIncompleteError, match="speech_tokenizer"):
        run(Tokenise(source, str(model), ("codes",)), tmp_path / "codes")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"what": ("codes", "colour")}, "wanted some of codes, speaker, frames"),
        ({"batch": 0}, "batches of 1 or more"),
        ({"what": ()}, "nothing and 0 readings"),
        ({"noises": Path("sounds")}, "ask for augment 1 or more"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Tokenise(tmp_path, **settings)


def test_the_command(tiny_nano: Path, tmp_path: Path, program: Callable[..., Any]) -> None:
    source = manifest(tmp_path / "in", [1.0])
    done = program("prepare", "tokenise", source, "--to", tmp_path / "out", "--model", tiny_nano, "--workers", 0)
    assert done.code == 0, done.err
    assert "tokenise: 2 records" in done.out
    wrong = program("prepare", "tokenise", source, "--to", tmp_path / "x", "--device", "abacus", "--workers", 0)
    assert wrong.code == 1
    assert "abacus" in wrong.err
