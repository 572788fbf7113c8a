"""From sentences to a page by the commands of docs/data.md, with a model of random weights as the voice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwave.data.manifests import read_manifest
from stepwave.data.store import TensorStore

SENTENCES = [f"This is sentence number {name}." for name in ("one", "two", "three", "four", "five", "six")]


@pytest.mark.slow
def test_sentences_become_spoken_tokenised_records_and_a_page(
    tiny_nano: Path, tmp_path: Path, program: Callable[..., Any]
) -> None:
    (tmp_path / "sentences.txt").write_text("\n".join(SENTENCES))
    scripts, spoken, tokens = tmp_path / "scripts", tmp_path / "spoken", tmp_path / "tokens"
    voices = f"stepwave/{tiny_nano}:alice,stepwave/{tiny_nano}:bob"
    steps = [
        ("texts", tmp_path / "sentences.txt", "--to", scripts, "--share", "asr=1"),
        ("speak", scripts, "--to", spoken, "--voices", voices, "--ear", ""),
        ("tokenise", spoken, "--to", tokens, "--model", tiny_nano),
    ]
    for name, *arguments in steps:
        done = program("prepare", name, *arguments, "--workers", "0")
        assert done.code == 0, done.err
        assert f"{name}: 6 records" in done.out
    records = list(read_manifest(tokens))
    assert sorted(record.turns[1].text for record in records) == sorted(SENTENCES)
    assert {record.clips[0].voice for record in records} == set(voices.split(","))
    store = TensorStore(tokens / "parts")
    for record in records:
        clip = record.clips[0]
        assert len(store[f"{clip.id}.codes"]) == clip.attributes["speech_tokens"]
    shown = program("prepare", "show", spoken, tokens, "--to", tmp_path / "page.html")
    assert shown.code == 0, shown.err
    page = (tmp_path / "page.html").read_text()
    assert "sentence number four" in page
    assert "data:audio" in page
    again = program("prepare", "speak", scripts, "--to", spoken, "--voices", "flite/slt", "--ear", "", "--workers", "0")
    assert again.code == 1
    assert "other settings (libraries)" in again.complaint
    assert json.loads((spoken / "report.json").read_text())["voices"] == 2
