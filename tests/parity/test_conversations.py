"""Prompts against those the reference's own template wrote (golden/conversations.json): ids, pieces, structure."""

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.facts import rates
from stepwave.facts.conversation import AudioPart, Message, Part, TextPart, TokensPart
from stepwave.facts.tokens import MINI_KNOWN_IDS, NAMES, speech_name
from stepwave.text.template import Prompt, render, render_base
from stepwave.text.tokenizer import Tokenizer

GOLDEN = json.loads((Path(__file__).parent / "golden/conversations.json").read_text(encoding="utf-8"))
CASES = GOLDEN["conversations"]


def id_of(symbol: str, tokenizer: Tokenizer) -> int:
    """`text#K` stands for some ordinary text token: take the K-th after the bytes."""
    if symbol.startswith("text#"):
        return 256 + int(symbol.removeprefix("text#"))
    found = tokenizer.token_id(symbol)
    assert found is not None
    return found


def part_of(item: dict[str, Any], tokenizer: Tokenizer) -> Part:
    if item["type"] == "text":
        return TextPart(item["text"])
    if item["type"] == "token":
        return TokensPart(tuple(id_of(symbol, tokenizer) for symbol in item["token"]))
    seconds = re.fullmatch(r"silence ([\d.]+) s", item["audio"])
    assert seconds
    return AudioPart(np.zeros(round(float(seconds[1]) * rates.INPUT_SAMPLE_RATE), np.float32))


def rendered(name: str, tokenizer: Tokenizer) -> Prompt:
    messages = CASES[name]["messages"]
    if name.startswith("base_"):
        return render_base([m if isinstance(m, str) else part_of(m, tokenizer) for m in messages], tokenizer)
    turns = []
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            content = tuple(part_of(item, tokenizer) for item in content)
        turns.append(Message(message["role"], content, message.get("eot", True)))
    return render(turns, tokenizer)


@pytest.mark.parametrize("name", CASES)
def test_ids_are_those_of_the_reference_pieces(name: str, tiny_tokenizer: Tokenizer) -> None:
    expected: list[int] = []
    for piece in CASES[name]["pieces"]:
        if "tokenise" in piece:
            expected += tiny_tokenizer.encode(piece["tokenise"])
        else:
            expected += [id_of(symbol, tiny_tokenizer) for symbol in piece["ids"]]
    assert rendered(name, tiny_tokenizer).ids == expected


@pytest.mark.parametrize("name", CASES)
def test_the_joined_prompt_is_that_of_the_reference(name: str, tiny_tokenizer: Tokenizer) -> None:
    ids = rendered(name, tiny_tokenizer).ids
    wanted = re.sub(
        r"\[(text#\d+)\]",
        lambda match: tiny_tokenizer.decode([id_of(match[1], tiny_tokenizer)], show_special=True),
        CASES[name]["prompt"],
    )
    assert tiny_tokenizer.decode(ids, show_special=True) == wanted


@pytest.mark.parametrize("name", CASES)
def test_the_structure_is_that_of_the_reference(name: str, tiny_tokenizer: Tokenizer) -> None:
    """Runs of marks with their counts; what lies between two marks, joined, is the text of the reference."""
    special = tiny_tokenizer.special
    marks = {id_of(string, tiny_tokenizer): string for field, string in NAMES.items() if field != "speech_base"}

    def symbol(token: int) -> str:
        if special.is_speech(token) or token == special.speech_padding_id:
            return speech_name(special.code(token))
        return marks.get(token, "text")

    runs: list[tuple[str, int | str]] = []
    for sign, group in groupby(rendered(name, tiny_tokenizer).ids, symbol):
        ids = list(group)
        runs.append((sign, tiny_tokenizer.decode(ids) if sign == "text" else len(ids)))

    wanted: list[tuple[str, int | str]] = []
    for sign, group in groupby(CASES[name]["structure"], lambda entry: "text" if is_text(entry[0]) else entry[0]):
        entries = list(group)
        if sign == "text":
            wanted.append((sign, "".join(text_of(entry[0], tiny_tokenizer) for entry in entries)))
        else:
            wanted.append((sign, sum(count for _, count in entries)))
    assert runs == wanted


@pytest.mark.parametrize("name", CASES)
def test_pieces_of_sound_are_counted_as_in_the_reference(name: str, tiny_tokenizer: Tokenizer) -> None:
    prompt = rendered(name, tiny_tokenizer)
    counted = [
        {
            "mel_frames": rates.mel_frames(len(piece)),
            "length": rates.valid_mel_frames(len(piece)),
            "placeholders": count,
        }
        for piece, (_, count) in zip(prompt.audio, prompt.spans, strict=True)
    ]
    assert counted == CASES[name]["audio_pieces"]


def test_known_ids_are_those_of_the_reference() -> None:
    known = {string: token for string, token in MINI_KNOWN_IDS.items() if string in GOLDEN["known_ids"]}
    assert known == GOLDEN["known_ids"]
    assert MINI_KNOWN_IDS["<audio_0>"] == GOLDEN["audio_token_base"]


def is_text(symbol: str) -> bool:
    return symbol.startswith(("TEXT:", "text#"))


def text_of(symbol: str, tokenizer: Tokenizer) -> str:
    if symbol.startswith("TEXT:"):
        return symbol.removeprefix("TEXT:")
    return tokenizer.decode([id_of(symbol, tokenizer)])
