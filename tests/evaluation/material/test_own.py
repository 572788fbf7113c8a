import json
from pathlib import Path

import pytest

from stepwave.data.manifests import MANIFEST, write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.material.own import own_items
from stepwave.facts.errors import ConfigError, DataError


def test_a_table_is_read_with_its_other_columns_as_tags(tmp_path: Path) -> None:
    digest = "ab" * 32
    (tmp_path / "list.tsv").write_text(
        f"path\ttext\tlanguage\tsha256\taccent\na.wav\tGuten Tag\tde\t{digest}\tWien\nb.wav\t\tde\t\t\n"
    )
    assert own_items(tmp_path) == [
        Item(
            "a.wav", "Guten Tag", Sound(str(tmp_path / "a.wav"), digest), language="de",
            tags={"accent": "Wien", "part": "train"},
        )
    ]  # fmt: skip


def test_lines_are_read(tmp_path: Path) -> None:
    lines = [
        {"path": "a.wav", "text": "hello"},
        {"path": "b.wav", "text": "你好", "id": "b", "language": "zh", "sha256": "cd" * 32, "tags": {"room": "hall"}},
    ]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert own_items(tmp_path) == [
        Item("a.wav", "hello", Sound(str(tmp_path / "a.wav"))),
        Item("b", "你好", Sound(str(tmp_path / "b.wav"), "cd" * 32), language="zh", tags={"room": "hall"}),
    ]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"path": "a"}', '{"path": "a", "text": "b", "txet": "c"}', '{"path": "a", "text": 3}']
)
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.jsonl").write_text('{"path": "a.wav", "text": "hello"}\n' + line + "\n")
    with pytest.raises(DataError, match=r"list\.jsonl, line 2: "):
        own_items(tmp_path)


def test_a_manifest_of_ours_is_read(tmp_path: Path) -> None:
    spoken = Turn("human", "hello", Clip("a", str(tmp_path / "a.flac"), seconds=2.0), spoken=True, language="en")
    stretch = Turn("human", "there", Clip("b", str(tmp_path / "a.flac"), start=2.0, seconds=1.5), spoken=True)
    records = [
        Record("r1", "speech", (spoken,), source="mine"),
        Record("r2", "asr", (stretch, Turn("assistant", "there"))),
        Record("r3", "text", (Turn("human", "no sound"), Turn("assistant", "none"))),
    ]
    (tmp_path / MANIFEST).write_text("".join(write_line(record, tmp_path) for record in records))
    path = str(tmp_path / "a.flac")
    assert own_items(tmp_path) == [
        Item("r1", "hello", Sound(path), tags={"source": "mine"}),
        Item("r2", "there", Sound(path, start=2.0, seconds=1.5)),
    ]


def test_a_recording_in_a_shard_is_known_by_its_place(tmp_path: Path) -> None:
    clip = Clip("a", str(tmp_path / "part.tar"), offset=512, size=100)
    (tmp_path / MANIFEST).write_text(
        write_line(Record("r", "speech", (Turn("human", "x", clip, spoken=True),)), tmp_path)
    )
    (item,) = own_items(tmp_path)
    assert item.sound == Sound(str(tmp_path / "part.tar"), offset=512, size=100)


def test_a_folder_without_a_list_or_with_several_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name a folder with --data"):
        own_items(tmp_path)
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r"several lists \(a\.jsonl, b\.jsonl\)"):
        own_items(tmp_path)


def test_a_separator_inside_a_text_ends_no_line_and_other_encodings_are_told(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    line = json.dumps({"path": "a.wav", "text": "one\u2028two"}, ensure_ascii=False)
    path.write_text(f"{line}\r\n\n{line}\n", encoding="utf-8")
    assert [item.text for item in own_items(tmp_path)] == ["one\u2028two"] * 2
    path.write_bytes(line.encode("utf-16"))
    with pytest.raises(DataError, match=r"list\.jsonl is no text in UTF-8 .*save it as UTF-8"):
        own_items(tmp_path)
