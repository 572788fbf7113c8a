"""Spoken clips of manifests: each once, with its words, its split and whether it is fit to imitate."""

from pathlib import Path

import pytest
import torch

from stepwave.data.clips import SpokenClip, read_spoken_clips, readings, tokenised_folders, voice_vectors
from stepwave.data.held_out import HeldOut, read_held_out, write_held_out
from stepwave.data.manifests import write_line
from stepwave.data.multi_store import MultiStore
from stepwave.data.records import Clip, Kind, Record, Turn
from stepwave.data.store import StoreWriter
from stepwave.facts.errors import DataError


def spoken(name: str, text: str, voice: str = "piper/joe", **attributes: object) -> Turn:
    return Turn("human", text, Clip(name, f"{name}.flac", voice=voice, attributes=attributes), True, "en")


def record(name: str, kind: Kind, *turns: Turn, split: str = "train") -> Record:
    return Record(name, kind, turns, split=split)


def manifest(folder: Path, *records: Record) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.jsonl").write_text("".join(write_line(each, folder) for each in records))
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    talk = [spoken("ask", "Who is it?"), Turn("assistant", "Me."), spoken("hum", " ")]
    manifest(
        tmp_path / "one",
        record("a", "asr", spoken("shared", "A river."), Turn("assistant", "A river.")),
        record("b", "conversation", *talk, spoken("quiet", "Fine.", noise="rain")),
        record("c", "caption", spoken("mix", "A river."), Turn("assistant", "Somebody speaks.")),
    )
    manifest(
        tmp_path / "two",
        record("d", "tts", Turn("human", "A river."), spoken("shared", "A river."), split="test"),
        record("e", "asr", spoken("held", "Stay away!", "librispeech-251/103")),
        record("f", "asr", spoken("text", "stay AWAY", "flite/slt@1.1")),
    )
    (tmp_path / "unfinished").mkdir()
    return tokenised_folders(tmp_path)


def test_each_clip_with_words_comes_once_and_mixes_do_not(folders: list[Path]) -> None:
    clips = read_spoken_clips(folders)
    assert [one.id for one in clips] == ["shared", "ask", "quiet", "held", "text"]
    assert clips[1] == SpokenClip(clips[1].clip, "Who is it?", "en")
    assert Path(clips[1].clip.file).is_absolute()


def test_a_clip_held_out_anywhere_is_held_out(folders: list[Path]) -> None:
    splits = {one.id: one.split for one in read_spoken_clips(folders)}
    assert splits == {"shared": "test", "ask": "train", "quiet": "train", "held": "train", "text": "train"}
    held_out = HeldOut(frozenset({"librispeech-251/103"}), frozenset({"Stay away."}))
    splits = {one.id: one.split for one in read_spoken_clips(folders, held_out)}
    assert splits == {"shared": "test", "ask": "train", "quiet": "train", "held": "check", "text": "check"}


def test_what_buzzes_or_was_treated_is_not_fit_to_imitate(folders: list[Path]) -> None:
    fit = {one.id for one in read_spoken_clips(folders) if one.fit_to_imitate}
    assert fit == {"shared", "ask", "held"}


def test_the_list_of_what_is_held_out_is_read_back_or_missed(tmp_path: Path) -> None:
    write_held_out(tmp_path / "checks", ["b", "a", "b"], ["One.", "Zwei \u00e4pfel."])
    assert read_held_out(tmp_path / "checks") == HeldOut(frozenset("ab"), frozenset({"One.", "Zwei \u00e4pfel."}))
    (tmp_path / "checks" / "held_out.json").write_text("[]")
    for folder in ("checks", "nowhere"):
        with pytest.raises(DataError, match="--step checks"):
            read_held_out(tmp_path / folder)


def test_stores_are_read_as_one_and_the_first_wins(tmp_path: Path) -> None:
    for number, names in enumerate((("a", "b"), ("b", "c"))):
        with StoreWriter(tmp_path / str(number)) as store:
            for name in names:
                store.add(f"{name}.frames", torch.full((3 + number, 2), float(number)))
            store.add(f"b~{1 + number}.frames", torch.zeros(2, 2))
    together = MultiStore([tmp_path / "0", tmp_path / "1", tmp_path / "none"])
    assert set(together) == {f"{name}.frames" for name in ("a", "b", "c", "b~1", "b~2")}
    assert len(together) == 5
    assert "b.frames" in together
    assert "d.frames" not in together
    assert together["b.frames"].tolist() == [[0, 0]] * 3
    assert together.length("c.frames") == 4
    assert readings("b", together) == ["b", "b~1", "b~2"]
    assert readings("d", together) == []


def test_a_voice_is_the_mean_of_its_clips(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as store:
        store.add("one.speaker", torch.tensor([1.0, 0.0]))
        store.add("two.speaker", torch.tensor([0.0, 1.0]))
    clips = [SpokenClip(Clip(name, voice=voice), name) for name, voice in (("one", "x"), ("two", "x"), ("three", "y"))]
    vectors = voice_vectors(clips, MultiStore([tmp_path]))
    assert set(vectors) == {"x"}
    torch.testing.assert_close(vectors["x"], torch.tensor([0.5, 0.5]).sqrt(), atol=1e-3, rtol=0)
