"""The released tokenizer from either set of files, against the reference library's Qwen2 tokenizer."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, pre_tokenizers
from transformers import Qwen2Tokenizer

from stepwave.checkpoints.released_tokenizer import read_released_tokenizer
from stepwave.facts.errors import CheckpointIncompleteError, CheckpointNotFoundError, TokenizerError

MERGES = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "hello"), ("1", "2"), ("Ċ", "Ċ"), ("'", "s")]
TEXTS = [
    "hello hello HELLO's he'LL",
    "in 1984, 12.5 years; 漢字と\u0915\u094d",
    " two  spaces\tand\r\n\n\nlines \n end ",
    "caf\u0065\u0301 \u00e9 \U0001f600!?...",
    "<|BOT|>human\nhello<audio_start><audio_patch><|EOT|>",
]
ADDED = ["<|endoftext|>", "<|BOT|>", "<|EOT|>", "<audio_start>", "<audio_patch>"]


def vocabulary() -> dict[str, int]:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return {token: i for i, token in enumerate([*letters, *("".join(pair) for pair in MERGES)])}


def older_files(folder: Path) -> None:
    (folder / "vocab.json").write_text(json.dumps(vocabulary()))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in MERGES)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def added_tokens(folder: Path, start: int) -> None:
    records = {
        str(start + i): {"content": token, "special": True, "normalized": False} for i, token in enumerate(ADDED)
    }
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": records}))


def test_the_older_files_give_the_reference_ids(tmp_path: Path) -> None:
    older_files(tmp_path)
    added_tokens(tmp_path, len(vocabulary()))
    ours = read_released_tokenizer(tmp_path)
    theirs = Qwen2Tokenizer(vocab=vocabulary(), merges=MERGES)
    theirs.add_tokens(ADDED, special_tokens=True)
    for text in TEXTS:
        assert ours.encode(text).ids == theirs.encode(text), text


def test_both_lists_of_added_tokens_are_understood(tmp_path: Path) -> None:
    older_files(tmp_path)
    added_tokens(tmp_path, len(vocabulary()))
    from_settings = read_released_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    ids = {token: len(vocabulary()) + i for i, token in enumerate(ADDED)}
    (tmp_path / "added_tokens.json").write_text(json.dumps(ids))
    from_list = read_released_tokenizer(tmp_path)
    for text in TEXTS:
        assert from_list.encode(text).ids == from_settings.encode(text).ids


def test_tokenizer_json_comes_first(tmp_path: Path) -> None:
    older_files(tmp_path)
    tokenizer = read_released_tokenizer(tmp_path)
    tokenizer.add_tokens(["<one more>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert isinstance(read_released_tokenizer(tmp_path), Tokenizer)
    assert read_released_tokenizer(tmp_path).token_to_id("<one more>") == len(vocabulary())


def test_ids_with_a_gap_are_refused(tmp_path: Path) -> None:
    older_files(tmp_path)
    added_tokens(tmp_path, len(vocabulary()) + 5)
    with pytest.raises(TokenizerError, match="ids before it are missing"):
        read_released_tokenizer(tmp_path)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"neither tokenizer\.json nor vocab\.json and merges\.txt"):
        read_released_tokenizer(tmp_path)
    older_files(tmp_path)
    (tmp_path / "merges.txt").write_text("h e\nlonely\n")
    with pytest.raises(CheckpointIncompleteError, match="no pairs"):
        read_released_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "trunc')
    with pytest.raises(CheckpointIncompleteError, match=r"tokenizer\.json can't be read"):
        read_released_tokenizer(tmp_path)
