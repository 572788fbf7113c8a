"""Parquet files: sounds as bytes, as Hugging Face's struct or as paths, rows by number, columns that are missing."""

import io
import pickle
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.opening import open_source
from stepwave.data.sources.parquet import ParquetSource
from stepwave.facts.errors import AudioFormatError, AudioNotFoundError, DataError

from .conftest import Encode

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def parquet_of(columns: dict[str, Any], rows_in_group: int = 2) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written, row_group_size=rows_in_group)
    return written.getvalue()


def hugging_face(encode: Encode, count: int, first: int = 0) -> bytes:
    sounds = [{"bytes": encode((first + n) / 32), "path": f"{n}.wav"} for n in range(count)]
    return parquet_of({"audio": pa.array(sounds, STRUCT), "text": [f"row {first + n}" for n in range(count)]})


@pytest.mark.parametrize("remote", [False, True])
def test_rows_of_all_files_are_read_in_any_order(tmp_path: Path, encoded: Encode, remote: bool) -> None:
    folder = "memory://rows" if remote else str(tmp_path)
    files = fsspec.filesystem("memory" if remote else "file")
    files.pipe(f"{folder}/train-0.parquet", hugging_face(encoded, 5))
    files.pipe(f"{folder}/train-1.parquet", hugging_face(encoded, 3, 5))
    for address in (folder, f"{folder}/train-*.parquet", f"{folder}/train-{{0..1}}.parquet"):
        source = open_source(SourceConfig(address))
        assert len(source) == 8
        for number in (0, 7, 4, 3, 5, 6, 1, 2):
            record = source.record(number)
            assert record.turns[1].text == f"row {number}"
            assert record.id == f"train-{number // 5}-{number % 5:08d}"
            (clip,) = record.clips
            assert clip.seconds == 0.5
            np.testing.assert_allclose(source.samples(clip), np.full(8000, number / 32), atol=1e-3)
            # Not the row read last: a clip says where it is by itself.
            source.record((number + 3) % 8)
            np.testing.assert_allclose(source.samples(clip), np.full(8000, number / 32), atol=1e-3)


def test_other_names_of_columns_and_plain_bytes(tmp_path: Path, encoded: Encode) -> None:
    columns = {"flac": [encoded(form="FLAC")], "sentence": ["Ja."], "locale": ["de_DE"], "who": [12], "key": ["k1"]}
    (tmp_path / "a.parquet").write_bytes(parquet_of(columns))
    names = {"audio": "flac", "text": "sentence", "language": "locale", "speaker": "who", "id": "key"}
    record = ParquetSource(SourceConfig(str(tmp_path / "a.parquet"), kind="tts", columns=names)).record(0)
    assert (record.id, record.kind, record.clips[0].voice, record.turns[1].language) == ("k1", "tts", "12", "de")
    assert record.turns[1].clip is not None


@pytest.mark.parametrize("struct", [False, True])
def test_a_path_is_found_beside_the_file(tmp_path: Path, encoded: Encode, struct: bool) -> None:
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "a.wav").write_bytes(encoded(0.125, 0.75))
    paths = ["sounds/a.wav", "sounds/b.wav"]
    audio = pa.array([{"bytes": None, "path": path} for path in paths], STRUCT) if struct else paths
    (tmp_path / "a.parquet").write_bytes(parquet_of({"audio": audio, "text": ["a", "b"]}))
    source = ParquetSource(SourceConfig(str(tmp_path / "a.parquet")))
    clip = source.record(0).clips[0]
    assert clip.seconds == 0.75
    np.testing.assert_allclose(source.samples(clip), np.full(12_000, 0.125), atol=1e-3)
    with pytest.raises(DataError, match=r"a\.parquet, row 1: there is no sound at .*b\.wav"):
        source.record(1)


def test_texts_alone_need_no_sound(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet_of({"text": ["one", None]}))
    source = ParquetSource(SourceConfig(str(tmp_path / "a.parquet"), kind="text"))
    assert (source.record(0).kind, source.record(0).turns[0].text) == ("text", "one")
    with pytest.raises(DataError, match="row 1: the entry has no words"):
        source.record(1)


@pytest.mark.parametrize(
    ("columns", "config", "complaint"),
    [
        ({"sound": [b""], "text": [""]}, {}, r"lacks the column 'audio'; it has: sound, text;"),
        ({"audio": [b""], "words": [""]}, {}, r"lacks the column 'text'; it has: audio, words;"),
        ({"audio": [b""], "text": [""]}, {"columns": {"speaker": "who"}}, r"lacks the column 'who'"),
        ({"audio": [b""], "text": [""]}, {"columns": {"text": "words"}}, r"lacks the column 'words'"),
    ],
)
def test_a_missing_column_is_named(
    tmp_path: Path, columns: dict[str, Any], config: dict[str, Any], complaint: str
) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet_of(columns))
    with pytest.raises(DataError, match=rf"a\.parquet {complaint}"):
        open_source(SourceConfig(str(tmp_path / "a.parquet"), **config))


def test_speech_may_lack_words(tmp_path: Path, encoded: Encode) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet_of({"audio": [encoded()]}))
    assert open_source(SourceConfig(str(tmp_path / "a.parquet"), kind="speech")).record(0).turns[0].text == ""


def test_damaged_sounds_are_told_with_file_and_row(tmp_path: Path, encoded: Encode) -> None:
    (tmp_path / "whole.parquet").write_bytes(parquet_of({"audio": [encoded()], "text": ["a"]}))
    whole = encoded(seconds=4.0, form="OGG")
    sounds = [b"nonsense", None, encoded(), whole[: len(whole) // 3]]
    (tmp_path / "a.parquet").write_bytes(parquet_of({"audio": sounds, "text": ["a"] * 4}))
    source = ParquetSource(SourceConfig(str(tmp_path / "a.parquet")))
    for row, complaint in ((0, "damaged or no sound"), (1, "no sound in the column 'audio'")):
        with pytest.raises(DataError, match=rf"a\.parquet, row {row}: .*{complaint}"):
            source.record(row)
    clip = source.record(2).clips[0]
    (tmp_path / "a.parquet").write_bytes(parquet_of({"audio": [b"", b"", b"nonsense", b""], "text": ["a"] * 4}))
    with pytest.raises(AudioFormatError, match=r"a\.parquet, row 2: "):
        pickle.loads(pickle.dumps(source)).samples(clip)
    with pytest.raises(AudioNotFoundError):
        source.samples(ParquetSource(SourceConfig(str(tmp_path / "whole.parquet"))).record(0).clips[0])


def test_what_is_no_parquet_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nonsense" * 100)
    with pytest.raises(DataError, match=r"a\.parquet is damaged or no Parquet file"):
        open_source(SourceConfig(str(tmp_path)))
    with pytest.raises(DataError, match=r"b\.parquet cannot be read"):
        open_source(SourceConfig(str(tmp_path / "b.parquet")))
