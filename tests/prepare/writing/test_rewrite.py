"""Rewriting: by rules offline, by an endpoint, with the original kept and everything unsuited counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from stepwave.data.manifests import read_manifest, write_line
from stepwave.data.records import Call, Clip, Record, Turn
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.writing import answers, rewrite, speakable
from stepwave.prepare.writing.asking import Tries
from stepwave.prepare.writing.rewrite import Rewrite
from stepwave.prepare.writing.speakable import Lengths


def run(step: Rewrite, folder: Path) -> tuple[list[Record], dict[str, Any]]:
    list(run_step(step, folder, Processes(0)))
    return list(read_manifest(folder)), read_totals(folder)


def written(folder: Path, *lines: Any) -> Path:
    file = folder / "chats.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def manifest(folder: Path, *records: Record) -> Path:
    folder.mkdir()
    (folder / "manifest.jsonl").write_text("".join(write_line(record, folder) for record in records), encoding="utf-8")
    return folder


CHAT = [
    {"role": "system", "content": "You are *brief*."},
    {"role": "user", "content": "How many is 3x4?"},
    {"role": "assistant", "content": [{"type": "text", "text": "**12**, it is not 13."}]},
]


def test_messages_become_a_script_that_remembers_what_was_written(tmp_path: Path) -> None:
    records, _ = run(Rewrite(written(tmp_path, {"messages": CHAT}, CHAT[1:])), tmp_path / "out")
    whole, bare = records
    assert [(turn.role, turn.text, turn.spoken) for turn in whole.turns] == [
        ("system", "You are *brief*.", False),
        ("human", "How many is three times four?", True),
        ("assistant", "Twelve, it isn't thirteen.", True),
    ]
    assert [turn.speaker for turn in whole.turns] == ["", "human", "assistant"]
    assert whole.details["written"] == ["You are *brief*.", "How many is 3x4?", "**12**, it is not 13."]
    assert whole.turns[1].pause == bare.turns[0].pause == 0
    assert whole.turns[2].pause > 0
    assert len(bare.turns) == 2


def test_records_keep_their_names_kinds_and_styles(tmp_path: Path) -> None:
    talk = Record(
        "talk", "conversation",
        (Turn("human", "Say 1."), Turn("assistant", "1.", style={"emotion": "sad"}, pause=1.5, speaker="Ann")),
        "ours", "MIT", "test", {"topic": "counting"},
    )  # fmt: skip
    text = Record("text", "text", (Turn("human", "I have 2 cats."),))
    records, _ = run(Rewrite(manifest(tmp_path / "in", talk, text)), tmp_path / "out")
    assert [record.id for record in records] == ["talk", "text"]
    assert (records[0].licence, records[0].split, records[0].details["topic"]) == ("MIT", "test", "counting")
    answer = records[0].turns[1]
    assert (answer.text, answer.style, answer.pause, answer.speaker) == ("One.", {"emotion": "sad"}, 1.5, "Ann")
    assert (records[1].kind, records[1].turns[0].text, records[1].turns[0].spoken) == (
        "text",
        "I have two cats.",
        False,
    )
    again, _ = run(Rewrite(tmp_path / "in", seed=0), tmp_path / "again")
    assert again == records


def test_what_does_not_suit_is_counted(tmp_path: Path) -> None:
    good = Turn("human", "Hello.")
    source = manifest(
        tmp_path / "in",
        Record("kind", "asr", (good, Turn("assistant", "Hello."))),
        Record("sound", "conversation", (Turn("human", "Hello.", Clip("a", "a.flac"), spoken=True),)),
        Record("calls", "conversation", (good, Turn("assistant", "", calls=(Call("look", {}),)))),
        Record("empty", "conversation", (Turn("human", " "),)),
        Record("silent", "conversation", (good, Turn("assistant", ""))),
        Record("code", "conversation", (good, Turn("assistant", "```\nx = {}\n```"))),
        Record("german", "text", (Turn("human", "Hallo.", language="de"),)),
        Record("huge", "text", (Turn("human", "word " * 3000),)),
        Record("twice", "text", (good,)),
        Record("twice too", "text", (good,)),
    )
    records, totals = run(Rewrite(source), tmp_path / "out")
    assert [record.id for record in records] == ["twice"]
    assert totals["dropped"] == {
        rewrite.OTHER_KIND: 1, rewrite.HAS_SOUND: 1, rewrite.HAS_CALLS: 1, rewrite.NO_WORDS: 1, rewrite.TOO_MUCH: 1,
        speakable.EMPTY: 1, speakable.SYMBOLS: 1, "unusable record": 1, "the same conversation again": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        {"messages": []}, {"texts": 1}, 3, [{"role": "user", "content": None}], [{"content": "x"}], ["x"],
        [{"role": "tool", "content": "x"}], [{"role": "assistant", "content": "", "tool_calls": [{}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
    ],
)  # fmt: skip
def test_messages_that_cannot_be_read_are_counted_not_fatal(tmp_path: Path, line: Any) -> None:
    records, totals = run(Rewrite(written(tmp_path, line, {"messages": CHAT})), tmp_path / "out")
    assert len(records) == 1
    assert totals["dropped"] == {rewrite.NO_WORDS: 1}


def test_a_source_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.jsonl cannot be read"):
        run(Rewrite(tmp_path / "nothing.jsonl"), tmp_path / "out")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"messages": [\n')
    with pytest.raises(DataError, match="line 1"):
        run(Rewrite(broken), tmp_path / "other")
    with pytest.raises(ConfigError, match="rules rewrite English"):
        Rewrite(broken, language="de")


def test_an_endpoint_rewrites_a_whole_conversation_at_once(tmp_path: Path, endpoint: Any) -> None:
    source = written(tmp_path, {"messages": CHAT})
    records, _ = run(Rewrite(source, endpoint.settings(), tries=Tries(2, 0.0)), tmp_path / "out")
    assert [turn.text for turn in records[0].turns] == [
        "You are *brief*.", "This is turn a of our talk.", "This is turn b of our talk.",
    ]  # fmt: skip
    assert records[0].details["written"][2] == "**12**, it is not 13."
    assert records[0].details["rewritten_by"] == "tiny"
    sent = json.loads(endpoint.requests[0]["messages"][1]["content"])
    assert [turn["role"] for turn in sent["turns"]] == ["human", "assistant"]


@pytest.mark.parametrize(
    ("behaviour", "reason"), [("short", answers.WRONG_COUNT), ("swapped", answers.WRONG_ROLES), ("long", "too long")]
)
def test_what_an_endpoint_does_wrong_is_tried_again_and_counted(
    tmp_path: Path, endpoint: Any, behaviour: str, reason: str
) -> None:
    endpoint.behaviours[:] = [behaviour]
    step = Rewrite(written(tmp_path, CHAT), endpoint.settings(), lengths=Lengths(1, 20), tries=Tries(2, 0.0))
    records, totals = run(step, tmp_path / "out")
    assert records == []
    assert totals["dropped"] == totals["retried"] == {reason: 1}
    assert len(endpoint.requests) == 2
