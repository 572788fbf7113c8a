"""Opening by form: what is at an address chooses the reader, and what can't be opened is told with what was wanted."""

from pathlib import Path

import pytest

from stepwave.data.manifests import write_line
from stepwave.data.records import Record, Turn
from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.manifest import ManifestSource
from stepwave.data.sources.opening import open_source
from stepwave.facts.errors import ConfigError, DataError


def test_a_manifest_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "cuts.jsonl").write_text(write_line(Record("r", "text", (Turn("human", "Hi."),)), tmp_path))
    source = open_source(SourceConfig(str(tmp_path / "cuts.jsonl")))
    assert isinstance(source, ManifestSource)
    assert source.record(0).id == "r"


def test_a_finished_step_is_a_manifest_whatever_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(write_line(Record("r", "text", (Turn("human", "Hi."),)), tmp_path))
    (tmp_path / "a.parquet").touch()
    assert isinstance(open_source(SourceConfig(str(tmp_path))), ManifestSource)


@pytest.mark.parametrize(
    ("address", "error", "complaint"),
    [
        ("nowhere", DataError, r"nothing at .*nowhere; wanted a folder with manifest\.jsonl"),
        ("memory://nowhere/x.jsonl", DataError, r"nothing at memory://nowhere/x\.jsonl"),
        ("a.csv", ConfigError, r"a\.csv has a form that is not known; wanted"),
        ("empty.jsonl", DataError, r"empty\.jsonl is empty"),
        ("text.jsonl", DataError, r"text\.jsonl, line 1: this is no JSON"),
        ("broken.jsonl.gz", DataError, r"broken\.jsonl\.gz cannot be read"),
        ("nothing", DataError, "holds no data that is known among a.txt"),
        ("both", DataError, "holds Parquet files and tar shards"),
        ("gopher://x/y.tar", ConfigError, "gopher://x/y.tar cannot be opened"),
        ("x*.tar", DataError, "nothing is there that"),
    ],
)
def test_what_cannot_be_opened_is_told(tmp_path: Path, address: str, error: type[Exception], complaint: str) -> None:
    for name, text in {"a.csv": "a,b", "empty.jsonl": "", "text.jsonl": "hello\n", "broken.jsonl.gz": "no"}.items():
        (tmp_path / name).write_text(text)
    for name in ("nothing/a.txt", "both/a.parquet", "both/b.tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(error, match=complaint):
        open_source(SourceConfig(address if "://" in address else str(tmp_path / address)))
