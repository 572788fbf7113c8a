"""Speaking scripts: casts, tries, what is dropped and why. The engines are tones, the ears hear what they are told."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.data.manifests import read_clip, read_manifest, write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import ConfigError, ServiceError
from stepwave.prepare.engines.contract import SYNTHESIS_RATE
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.reading_along import Heard
from stepwave.prepare.speaking import speak
from stepwave.prepare.speaking.library import LibraryVoice
from stepwave.prepare.speaking.speak import Speak
from stepwave.prepare.speaking.surroundings import Surroundings
from stepwave.signal.files import write_audio


class Bank:
    """Every voice says a text as a tone of 0.1 s a letter; some texts are trouble."""

    def __init__(self, points: Any, endpoint: Any = None) -> None:
        self.began: list[int] = []

    def begin(self, seed: int) -> None:
        self.began.append(seed)

    def __getitem__(self, name: str) -> Any:
        if name == "gone/voice":
            raise ServiceError("no engine called 'gone'")
        return self

    def speak(self, text: str, speed: float = 1.0) -> np.ndarray:
        if "unspeakable" in text:
            raise ServiceError("no phonemes")
        if "crash" in text:
            raise RuntimeError("the engine failed inside")
        time = np.arange(round(0.1 * len(text) / speed * SYNTHESIS_RATE)) / SYNTHESIS_RATE
        return (0.9 * np.sin(2 * np.pi * 300 * time)).astype(np.float32)


class Ear:
    """Understands everything but what is mumbled; what is hurried it understands at the second try."""

    name = "ear"

    def __init__(self) -> None:
        self.hurried: Counter[str] = Counter()

    def hear(self, samples: np.ndarray, expected: str, language: str) -> Heard:
        self.hurried[expected] += 1
        if "mumbled" in expected or ("hurried" in expected and self.hurried[expected] == 1):
            return Heard("something else", True)
        return Heard(expected.lower(), True)


@pytest.fixture(autouse=True)
def _no_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speak, "VoiceBank", Bank)
    monkeypatch.setattr(speak, "open_ear", lambda spec: Ear())


def said(role: Any, text: str, **more: Any) -> Turn:
    return Turn(role, text, spoken=True, speaker=role, **more)


def scripts(folder: Path, records: list[Record]) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.jsonl").write_text("".join(write_line(record, folder) for record in records))
    return folder


def step(source: Path, **settings: Any) -> Speak:
    voices = tuple(LibraryVoice(f"tone/{letter}") for letter in "abcd")
    return Speak(source, {"": voices, "assistant": (LibraryVoice("tone/own"),)}, source, "ear", **settings)


def run(settings: Speak, to: Path) -> list[Record]:
    list(run_step(settings, to, Processes(0)))
    return list(read_manifest(to))


def test_turns_get_sound_and_what_was_heard(tmp_path: Path) -> None:
    record = Record(
        "r", "conversation", (said("human", "How are you?"), said("assistant", "Fine."), Turn("human", "!"))
    )
    spoken = run(step(scripts(tmp_path / "in", [record])), tmp_path / "out")[0]
    first, second, third = spoken.turns
    assert first.clip is not None
    assert first.clip.seconds == pytest.approx(1.2)
    assert first.clip.attributes == {"heard": "how are you?", "errors": 0, "words": 3}
    assert second.clip is not None
    assert second.clip.voice == "tone/own"
    assert third.clip is None
    samples, rate = read_clip(first.clip, None)
    assert (len(samples), rate) == (28_800, 24_000)
    assert np.abs(samples).max() == pytest.approx(0.7, abs=1e-3)
    assert "cast" not in spoken.details


def test_a_speaker_keeps_a_voice_and_no_voice_dominates(tmp_path: Path) -> None:
    records = [
        Record(f"r{n}", "conversation", (said("human", "One."), said("assistant", "Two."), said("human", "Three.")))
        for n in range(40)
    ]
    spoken = run(step(scripts(tmp_path / "in", records)), tmp_path / "out")
    for record in spoken:
        assert record.clips[0].voice == record.clips[2].voice != record.clips[1].voice
    assert set(Counter(record.clips[0].voice for record in spoken).values()) == {10}


def test_a_voice_that_was_asked_for_takes_over(tmp_path: Path) -> None:
    turns = (
        said("assistant", "As you wish."),
        said("assistant", "Is this better?", style={"voice": "a calm old man"}),
        said("assistant", "And this is how I go on.", style={"voice": "a calm old man"}),
    )
    voices = [
        clip.voice
        for clip in run(step(scripts(tmp_path / "in", [Record("r", "tools", turns)])), tmp_path / "o")[0].clips
    ]
    assert voices[0] == "tone/own"
    assert voices[1] == voices[2] != "tone/own"


def test_pace_and_pitch_follow_the_style(tmp_path: Path) -> None:
    turns = (
        said("assistant", "Just like that."),
        said("assistant", "Just like this.", style={"emotion": "sad", "speed": 0.8}),
    )
    plain, sad = run(step(scripts(tmp_path / "in", [Record("r", "tools", turns)])), tmp_path / "out")[0].clips
    assert sad.seconds == pytest.approx(plain.seconds / (0.84 * 0.8), rel=0.02)
    assert sad.attributes["acted"] == [0.672, 0.93]


def test_what_is_not_understood_is_said_again_more_slowly(tmp_path: Path) -> None:
    record = Record("r", "asr", (said("human", "This is hurried."),))
    spoken = run(step(scripts(tmp_path / "in", [record])), tmp_path / "out")[0]
    assert spoken.clips[0].attributes["slowed"] == 0.9
    assert spoken.clips[0].seconds == pytest.approx(1.6 / 0.9, rel=0.01)
    assert read_totals(tmp_path / "out")["retried"] == {"not understood": 1}


def test_what_cannot_be_used_is_dropped_with_its_reason(tmp_path: Path) -> None:
    texts = ["All is well.", "This is mumbled.", "It is unspeakable.", "It will crash.", "x" * 400, "No", " "]
    records = [Record(f"r{number}", "asr", (said("human", text),)) for number, text in enumerate(texts)]
    records.append(Record("joy", "tts", (said("assistant", "Whee!", style={"emotion": "whispering"}),)))
    assert [each.id for each in run(step(scripts(tmp_path / "in", records)), tmp_path / "out")] == ["r0"]
    assert read_totals(tmp_path / "out")["dropped"] == {
        "engine or endpoint failed": 3, "not understood": 1, "unexpected RuntimeError": 1, "unusable record": 2
    }  # fmt: skip
    drops = [json.loads(line) for line in (tmp_path / "out" / "dropped.jsonl").read_text().splitlines()]
    assert any("'This is mumbled.' was heard as 'something else'" in drop["detail"] for drop in drops)


def test_a_talk_ends_before_a_turn_that_nobody_understands_but_a_tool_dialogue_is_dropped(tmp_path: Path) -> None:
    turns = (
        said("human", "One?"), said("assistant", "Two."), said("human", "Three?"), said("assistant", "mumbled"),
        said("human", "Five?"),
    )  # fmt: skip
    records = [Record("talk", "conversation", turns), Record("call", "tools", turns)]
    spoken = run(step(scripts(tmp_path / "in", records)), tmp_path / "out")
    assert [(record.id, len(record.turns)) for record in spoken] == [("talk", 2)]
    assert read_totals(tmp_path / "out")["retried"]["ended before a turn that was not understood"] == 1


def test_a_slip_may_stand_in_a_long_record_but_not_in_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SlippingEar(Ear):
        def hear(self, samples: np.ndarray, expected: str, language: str) -> Heard:
            return Heard(expected.replace("now", "no"), True)

    monkeypatch.setattr(speak, "open_ear", lambda spec: SlippingEar())
    long = tuple(
        said("human", text) for text in ("Say it now then.", "This one is all right and rather long.", "So is this.")
    )
    records = [Record("long", "tools", long), Record("short", "tools", long[:1])]
    source = scripts(tmp_path / "in", records)
    assert [each.id for each in run(step(source, error_limit=0.1, clip_limit=0.34), tmp_path / "out")] == ["long"]
    assert run(step(source, error_limit=0.1), tmp_path / "strict") == []
    drops = [json.loads(line) for line in (tmp_path / "out" / "dropped.jsonl").read_text().splitlines()]
    assert drops[0]["detail"] == "1 of the 4 words of the whole were heard otherwise"


def test_nobody_listens_where_no_ear_is_named(tmp_path: Path) -> None:
    records = [Record("r", "asr", (said("human", "This is mumbled."),))]
    spoken = run(replace(step(scripts(tmp_path / "in", records)), ear=""), tmp_path / "out")
    assert spoken[0].clips[0].attributes == {}


def test_human_turns_may_be_heard_in_surroundings(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1
    (tmp_path / "noises").mkdir()
    write_audio(tmp_path / "noises" / "rain.wav", noise, 16_000)
    clip = Clip("rain", str(tmp_path / "noises" / "rain.wav"), seconds=1.0)
    scripts_of_noise = scripts(tmp_path / "n", [Record("n", "sound", (Turn("human", clip=clip, spoken=True),))])
    records = [Record(f"r{n}", "asr", (said("human", "A sentence."), said("assistant", "Yes."))) for n in range(20)]
    settings = step(scripts(tmp_path / "in", records), surroundings=Surroundings(0.5), noises=scripts_of_noise)
    spoken = run(settings, tmp_path / "out")
    treated = [record for record in spoken if "noise" in record.clips[0].attributes]
    assert 4 <= len(treated) <= 16
    assert not any("noise" in record.clips[1].attributes for record in spoken)
    quiet = next(record for record in spoken if record not in treated)
    assert not np.allclose(read_clip(treated[0].clips[0])[0], read_clip(quiet.clips[0])[0], atol=1e-2)


def test_a_limit_takes_scripts_from_all_over(tmp_path: Path) -> None:
    records = [Record(f"r{n}", "asr", (said("human", "Words."),)) for n in range(10)]
    spoken = run(step(scripts(tmp_path / "in", records), limit=3), tmp_path / "out")
    assert [record.id for record in spoken] == ["r0", "r3", "r6"]


def test_the_same_settings_give_the_same_sounds(tmp_path: Path) -> None:
    records = [Record(f"r{n}", "asr", (said("human", f"Sentence {n * 'a'}."),)) for n in range(30)]
    source = scripts(tmp_path / "in", records)
    run(step(source), tmp_path / "one")
    run(step(source), tmp_path / "two")
    for path in sorted((tmp_path / "one" / "parts").glob("*.tar")):
        assert (tmp_path / "two" / "parts" / path.name).read_bytes() == path.read_bytes()
    assert (tmp_path / "one" / "manifest.jsonl").read_bytes() == (tmp_path / "two" / "manifest.jsonl").read_bytes()


@pytest.mark.parametrize("settings", [{"tries": 0}, {"tries": 9}, {"error_limit": 2.0}, {"libraries": {}}])
def test_bad_settings_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="wanted 1 to 3 tries"):
        replace(step(tmp_path), **settings)


def test_the_command(tmp_path: Path, program: Callable[..., Any]) -> None:
    source = scripts(tmp_path / "in", [Record("r", "asr", (said("human", "Some words."),))])
    done = program("prepare", "speak", source, "--to", tmp_path / "out", "--voices", "tone/a,tone/b", "--workers", 0)
    assert done.code == 0, done.err
    assert "speak: 1 records" in done.out
    wrong = program("prepare", "speak", source, "--to", tmp_path / "x", "--voices", "everybody", "--workers", 0)
    assert (wrong.code, "wanted light, clear, human, mixed" in wrong.complaint) == (1, True)
