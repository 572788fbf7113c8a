"""Data sets in the format of the Hugging Face hub, from a folder: the same code reads the hub, where there is one."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.data.languages import language_code
from stepwave.data.manifests import read_clip, read_manifest
from stepwave.facts.errors import ConfigError, DataError, MissingExtraError
from stepwave.prepare.ingest.hub import IngestHub
from stepwave.prepare.ingest.listening import Rules
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step

datasets = pytest.importorskip("datasets")
arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def sound(hertz: float, ending: str = "FLAC") -> bytes:
    written = io.BytesIO()
    soundfile.write(written, 0.3 * np.sin(2 * np.pi * hertz * np.arange(8_000) / 16_000), 16_000, format=ending)
    return written.getvalue()


def store(folder: Path, split: str, rows: list[dict[str, Any]], **features: Any) -> None:
    """A data set as the hub holds it: Parquet files with sound in them and the types of the columns."""
    kinds = {name: features.get(name, datasets.Value("string")) for name in rows[0] if name != "audio"}
    kinds["audio"] = datasets.Audio()
    about = {"info": {"features": datasets.Features(kinds).to_dict()}}
    table = arrow.Table.from_pylist(rows).replace_schema_metadata({"huggingface": json.dumps(about)})
    (folder / "data").mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, folder / "data" / f"{split}-00000-of-00001.parquet")


def speech(count: int = 100) -> list[dict[str, Any]]:
    rows = [
        {"audio": {"bytes": sound(200 + number), "path": f"{number}.flac"}, "sentence": f"Words {number}",
         "client_id": f"s{number % 3}", "gender": number % 2, "locale": "en_us"}
        for number in range(count)
    ]  # fmt: skip
    rows[7]["audio"]["bytes"] = rows[7]["audio"]["bytes"][:700]
    rows[8]["audio"] = {"bytes": None, "path": "https://elsewhere/8.flac"}
    rows[9]["sentence"] = None
    return rows


def take(step: IngestHub, out: Path, workers: int = 0) -> tuple[list[Any], dict[str, Any]]:
    list(run_step(step, out, Processes(workers)))
    return list(read_manifest(out)), read_totals(out)


@pytest.mark.parametrize("streaming", [False, True])
def test_speech_is_stored_and_what_is_damaged_counted(tmp_path: Path, streaming: bool) -> None:
    store(tmp_path / "set", "train", speech(), gender=datasets.ClassLabel(names=["male", "female"]))
    step = IngestHub(
        "common-voice", str(tmp_path / "set"), streaming=streaming, limit=100, cache=str(tmp_path / "cache")
    )
    records, totals = take(step, tmp_path / "out")
    assert totals["dropped"] == {"damaged sound": 1, "no such sound": 1, "no transcript": 1}
    assert totals["records"] == 97
    record = records[20]
    assert (record.id, record.turns[0].text) == ("common-voice-train-00000023", "Words 23")
    assert (record.kind, record.turns[0].language, record.details["row"]) == ("speech", "en", 23)
    assert (record.clips[0].voice, record.clips[0].attributes) == ("common-voice/s2", {"gender": "female"})
    samples, rate = read_clip(record.clips[0], None)
    assert (len(samples), rate, record.clips[0].seconds) == (8_000, 16_000, 0.5)
    assert np.argmax(np.abs(np.fft.rfft(samples))) * 2 == pytest.approx(223, abs=2)


def test_streaming_and_fetching_and_workers_come_to_the_same(tmp_path: Path) -> None:
    store(tmp_path / "set", "train", speech(), gender=datasets.ClassLabel(names=["male", "female"]))
    outs = []
    for number, (streaming, workers) in enumerate([(False, 0), (True, 0), (False, 1)]):
        step = IngestHub(
            "hub", str(tmp_path / "set"), streaming=streaming, limit=80, cache=str(tmp_path / "cache"),
            rules=Rules(sample_rate=8_000),
        )  # fmt: skip
        out = tmp_path / f"out-{number}"
        take(step, out, workers)
        outs.append((out / "manifest.jsonl").read_bytes() + (out / "parts/part-00001.tar").read_bytes())
    assert outs[0] == outs[1] == outs[2]


def test_sounds_and_translations_are_told_by_their_columns(tmp_path: Path) -> None:
    heard = [{"audio": {"bytes": sound(300, "WAV"), "path": "x"}, "label": 1, "caption": "A dog."}]
    store(tmp_path / "sounds", "test", heard, label=datasets.ClassLabel(names=["cat", "dog"]))
    (record,), _ = take(IngestHub("hub", str(tmp_path / "sounds"), "test", cache=str(tmp_path / "c")), tmp_path / "a")
    assert (record.kind, record.split) == ("sound", "test")
    assert (record.details["labels"], record.details["captions"]) == (["dog"], ["A dog."])
    said = [{"audio": {"bytes": sound(300), "path": "x"}, "sentence": "Hund", "translation": "Dog"}]
    store(tmp_path / "pairs/de_en", "train", said)
    step = IngestHub("hub", str(tmp_path / "pairs/de_en"), cache=str(tmp_path / "c"), language="de")
    (pair,), _ = take(step, tmp_path / "b")
    assert (pair.kind, [turn.text for turn in pair.turns]) == ("s2tt", ["Hund", "Dog"])
    assert pair.turns[0].language == "de"


@pytest.mark.parametrize(
    ("corpus", "config", "expected"),
    [
        ("gigaspeech", "xs", ("en", "")),
        ("fleurs", "cmn_hans_cn", ("zh", "")),
        ("covost-2", "en_zh-CN", ("en", "zh")),
        ("hub", "all", ("", "")),
    ],
)
def test_a_configuration_may_name_languages(corpus: str, config: str, expected: tuple[str, str]) -> None:
    source, target = IngestHub(corpus, "x", config=config)._languages()
    assert (language_code(source), target if corpus == "covost-2" else "") == expected


def test_gigaspeech_is_written_out_here_too(tmp_path: Path) -> None:
    rows = [
        {"audio": {"bytes": sound(300), "path": "x"}, "text": text, "segment_id": text}
        for text in ("YES <COMMA> IT IS <PERIOD>", "<NOISE>")
    ]
    store(tmp_path / "set", "train", rows)
    (record,), totals = take(
        IngestHub("gigaspeech", str(tmp_path / "set"), cache=str(tmp_path / "cache")), tmp_path / "out"
    )
    assert (record.turns[0].text, record.turns[0].language) == ("YES, IT IS.", "en")
    assert totals["dropped"] == {"no transcript": 1}


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"stepwave\[prepare\]"):
        list(IngestHub("hub", "owner/name").rows())


def test_a_column_can_be_named_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    rows = [{"audio": {"bytes": sound(300), "path": "x"}, "words": "Hello"}]
    store(tmp_path / "set", "train", rows)
    place, cache = str(tmp_path / "set"), str(tmp_path / "cache")
    (record,), _ = take(IngestHub("hub", place, columns=(("text", "words"),), cache=cache), tmp_path / "out")
    assert record.turns[0].text == "Hello"
    with pytest.raises(DataError, match=r"--column text=word: wanted a field .* and a column of .*audio, words"):
        list(IngestHub("hub", place, columns=(("text", "word"),), cache=cache).rows())
    with pytest.raises(DataError, match='cannot be opened: Unknown split "dev"'):
        list(IngestHub("hub", place, "dev", cache=cache).rows())


def test_a_set_without_sound_is_refused(tmp_path: Path) -> None:
    table = arrow.Table.from_pylist([{"text": "only words"}])
    (tmp_path / "set").mkdir()
    parquet.write_table(table, tmp_path / "set" / "train.parquet")
    with pytest.raises(DataError, match="no column of sound among text"):
        list(IngestHub("hub", str(tmp_path / "set"), cache=str(tmp_path / "cache")).rows())


def test_a_stream_of_unknown_length_needs_a_limit_and_may_end_before_it(tmp_path: Path) -> None:
    store(tmp_path / "set", "train", [{"audio": {"bytes": sound(300), "path": "x"}, "text": "Hello"}] * 3)
    place, cache = str(tmp_path / "set"), str(tmp_path / "cache")
    with pytest.raises(ConfigError, match="does not say how many rows it has; add --limit"):
        list(IngestHub("hub", place, streaming=True, cache=cache).rows())
    _, totals = take(IngestHub("hub", place, streaming=True, limit=5, cache=cache), tmp_path / "out")
    assert (totals["records"], totals["dropped"]) == (3, {"beyond the last row": 2})


def test_a_lost_connection_stops_the_run_and_drops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(tmp_path / "set", "train", [{"audio": {"bytes": sound(300), "path": "x"}, "text": "Hello"}] * 3)
    step = IngestHub("hub", str(tmp_path / "set"), streaming=True, limit=3, cache=str(tmp_path / "cache"))

    def lost(self: Any, number: int) -> dict[str, Any]:
        raise ConnectionError("server disconnected")

    with monkeypatch.context() as patched:
        patched.setattr("stepwave.prepare.ingest.hub._Stream.get", lost)
        with pytest.raises(ConfigError, match=r"server disconnected.*; run again to go on"):
            take(step, tmp_path / "out")
    assert take(step, tmp_path / "out")[1]["records"] == 3
