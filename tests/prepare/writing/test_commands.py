"""The commands: they run, and say which options contradict each other."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stepwave.commands.prepare.writing import rewrite, scripts, texts, translations
from stepwave.data.manifests import read_manifest
from stepwave.facts.errors import ConfigError

app = typer.Typer()
for command in (scripts, rewrite, translations, texts):
    app.command()(command)


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments), "--workers", "0"])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_each_command_writes_a_manifest(tmp_path: Path) -> None:
    pairs, lines, chats = tmp_path / "pairs.tsv", tmp_path / "lines.txt", tmp_path / "chats.jsonl"
    pairs.write_text("Good morning.\tGuten Morgen.\nGood night.\tGute Nacht.\n")
    lines.write_text("It is late. We go home.")
    chats.write_text(json.dumps({"messages": [{"role": "user", "content": "I am 5."}]}))
    out = tmp_path / "translations"
    said = call("translations", pairs, "--to", out, "--target", "de", "--share", "s2tt=1", "--direction", "forward")
    assert "translations: 2 records" in said
    assert [record.kind for record in read_manifest(tmp_path / "translations")] == ["s2tt", "s2tt"]
    assert "texts: 1 records" in call("texts", lines, "--to", tmp_path / "texts", "--share", "tts=1")
    assert "monologues: 1 records" in call("texts", lines, "--to", tmp_path / "mono", "--interleaved")
    assert "rewrite: 1 records" in call("rewrite", chats, "--to", tmp_path / "rewrite")
    assert next(read_manifest(tmp_path / "rewrite")).turns[0].text == "I'm five."
    assert "scripts: 4 records" in call("scripts", "--to", tmp_path / "scripts", "--count", 4, "--instructions", 1)


def test_an_endpoint_is_named_by_options(tmp_path: Path, endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    options = [
        "--llm",
        endpoint.url,
        "--llm-model",
        "tiny",
        "--llm-key-env",
        "MY_KEY",
        "--count",
        2,
        "--language",
        "de",
    ]
    assert "scripts:" in call("scripts", "--to", tmp_path / "out", *options, "--instructions", 0, "--no-llm-json")
    assert "German" in endpoint.requests[0]["messages"][0]["content"]
    assert "response_format" not in endpoint.requests[0]
    assert endpoint.headers[0]["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in (tmp_path / "out" / "step.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scripts", "--llm-model", "tiny"], "go with --llm URL"),
        (["scripts", "--llm", "http://host/v1"], "no model was named"),
        (["scripts", "--topics", "list.txt"], "go with --llm"),
        (["scripts", "--clinc", "c.json", "--llm", "http://host/v1", "--llm-model", "tiny"], "leave one of them out"),
        (["rewrite", "chats.jsonl", "--by", "llm"], "go together"),
        (["rewrite", "chats.jsonl", "--llm", "http://host/v1", "--llm-model", "tiny"], "go together"),
        (["texts", "lines.txt", "--share", "asr"], "wanted KIND=NUMBER, such as asr=0.5"),
        (["texts", "lines.txt", "--interleaved", "--share", "asr=1"], "makes monologues alone"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(*arguments, "--to", tmp_path / "out")
    assert not (tmp_path / "out").exists()
