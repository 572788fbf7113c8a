"""`tasks`: what a recording teaches, by drawn shares and without copies."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from recorded_material import Bench, Result, babble, recording

from stepwave.data.manifests import read_clip
from stepwave.data.records import Record, Turn
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.recorded.tasks import Tasks


@pytest.fixture
def material(bench: Bench, tmp_path: Path) -> Path:
    records = [recording(tmp_path / "real.flac", babble(0.5), "Hello.", name="real", split="check")]
    for number in range(100):
        details = {"recording": f"r{number // 4}", "index": number % 4}
        file = Path("/sounds") / f"{number}.flac"
        records.append(recording(file, None, f"text {number}", seconds=2.0, voice="anna", details=details))
    records.append(recording(Path("/sounds/untold.flac"), None, seconds=2.0))
    records.append(Record("mute", "text", (Turn("human", "words"),)))
    return bench.manifest(records)


def test_a_recording_is_heard_in_one_task_and_said_in_the_other(bench: Bench, material: Path) -> None:
    done = bench.run(Tasks(material))
    asr, tts = done.records[:2]
    human, assistant = asr.turns
    assert (asr.kind, human.role, human.spoken, assistant.role) == ("asr", "human", True, "assistant")
    assert (assistant.text, assistant.clip, assistant.spoken, assistant.language) == ("Hello.", None, False, "en")
    human_clip = human.clip
    human, assistant = tts.turns
    assert (tts.kind, human.text, human.clip, human.spoken) == ("tts", "Hello.", None, False)
    assert (assistant.role, assistant.text, assistant.spoken, assistant.clip) == (
        "assistant",
        "Hello.",
        True,
        human_clip,
    )
    assert assistant.clip is not None
    assert len(read_clip(assistant.clip)[0]) == 8_000
    assert (asr.split, tts.split) == ("check", "check")
    assert Counter(record.kind for record in done.records) == {"asr": 101, "tts": 101}
    assert len({record.id for record in done.records}) == 202
    assert done.dropped == {"missing transcript": 1, "unusable record": 1}
    assert not list(done.folder.rglob("*.tar"))


def test_shares_are_drawn(bench: Bench, material: Path) -> None:
    done = bench.run(Tasks(material, asr=0.5, tts=0.2, continuation=0.4))
    kinds = Counter(record.kind for record in done.records)
    assert 35 < kinds["asr"] < 65
    assert 8 < kinds["tts"] < 34
    assert 15 < kinds["continuation"] < 46  # of 75 pairs
    assert done.dropped["drawn for neither asr nor tts"] > 20
    for record in done.records:
        if record.kind == "continuation":
            before, after = (int(turn.text.split()[1]) for turn in record.turns)
            assert (after, before // 4) == (before + 1, after // 4)
            assert record.turns[1].spoken


def test_the_seed_decides_and_workers_write_the_same(
    bench: Bench, material: Path, same_in_a_worker: Callable[[Step, Result], None]
) -> None:
    step = Tasks(material, asr=0.5, tts=0.5, continuation=0.5)
    here = bench.run(step)
    same_in_a_worker(step, here)
    assert bench.run(Tasks(material, 1, asr=0.5, tts=0.5, continuation=0.5)).bytes != here.bytes
    assert bench.run(Tasks(bench.manifest([]))).records == []


def test_shares_outside_their_range_are_refused(material: Path) -> None:
    with pytest.raises(ConfigError, match="tts is 2; wanted a share"):
        Tasks(material, tts=2.0)
    with pytest.raises(ConfigError, match="longest_pause"):
        Tasks(material, longest_pause=-1.0)
