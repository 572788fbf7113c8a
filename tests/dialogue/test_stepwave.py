from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stepwave
from stepwave.dialogue import stepwave as room
from stepwave.dialogue.stepwave import PAUSE_SECONDS, Stepwave
from stepwave.facts.errors import AudioEmptyError, CheckpointNotFoundError, ConfigError, TextError
from stepwave.facts.events import AudioDelta, Event, Finished, SpeechDelta, TextDelta
from stepwave.signal.resample import Samples


def test_a_reply_is_its_events_together(talker: Stepwave, question: Samples) -> None:
    events = list(talker.stream_reply(question, "bob", max_seconds=1.0, seed=4))
    seen: list[Event] = []
    reply = talker.reply(question, "bob", max_seconds=1.0, seed=4, listener=seen.append)
    sound = [event.samples for event in events if isinstance(event, AudioDelta)]
    np.testing.assert_array_equal(reply.samples, np.concatenate(sound))
    assert reply.text == "".join(event.text for event in events if isinstance(event, TextDelta)).strip()
    assert [type(event) for event in seen] == [type(event) for event in events]
    end = events[-1]
    assert isinstance(end, Finished)
    assert reply.reason == end.reason
    assert reply.heard == talker.transcribe(question)
    assert 0 < reply.seconds <= 1.2
    assert reply.timings.first_sound is not None
    assert 0 < reply.timings.first_sound <= reply.timings.answer


def test_sound_begins_before_the_answer_is_complete(talker: Stepwave, question: Samples) -> None:
    events = list(talker.stream_reply(question, max_seconds=2.0, seed=4))
    first = next(index for index, event in enumerate(events) if isinstance(event, AudioDelta))
    assert any(isinstance(event, SpeechDelta) for event in events[first:])


def test_the_seed_makes_an_answer_repeatable(talker: Stepwave, question: Samples) -> None:
    def codes(seed: int) -> list[int]:
        events = talker.stream_reply(question, max_seconds=1.0, seed=seed)
        return [code for event in events if isinstance(event, SpeechDelta) for code in event.codes]

    assert codes(1) == codes(1)
    assert codes(1) != codes(2)


def test_only_what_is_asked_for_is_made(talker: Stepwave, question: Samples) -> None:
    reply = talker.reply(question, text_only=True, heard=False, max_seconds=0.5, seed=1)
    assert reply.heard is None
    assert reply.seconds == 0
    assert reply.timings.first_sound is reply.timings.transcript is None
    assert reply.text


def test_transcribing_needs_no_voice(tiny_nano: Path, question: Samples) -> None:
    model = stepwave.load(tiny_nano, threads=1)
    model.transcribe(question)
    assert not {"detokenizer", "voices"} & vars(model.engine).keys()


def test_a_long_recording_is_written_down_in_stretches(talker: Stepwave, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[Samples] = []
    monkeypatch.setattr(room, "transcribe_piece", lambda engine, samples: pieces.append(samples) or f"{len(pieces)}.")
    shares: list[float] = []
    samples = (0.1 * np.random.default_rng(5).standard_normal(70 * 16_000)).astype(np.float32)
    assert talker.transcribe(samples, shares.append).startswith("1. 2. 3.")
    np.testing.assert_array_equal(np.concatenate(pieces), samples)
    assert max(map(len, pieces)) <= 25 * 16_000
    assert shares[-1] == 1.0


def test_the_words_read_are_the_words_given(talker: Stepwave) -> None:
    text = "Ha ha ha ha ha ha ha ha ha ha ha! 今天天气很好. <|EOT|> 5 > 3 & so on…"
    events = list(talker.stream_say(text, seed=1))
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert said.split() == text.replace(". <", ".<").split()  # two readings
    assert isinstance(events[-1], Finished)


def test_a_text_is_read_piece_by_piece_with_pauses(talker: Stepwave, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def reading(engine: Any, piece: str, voice: Any, seed: int | None) -> Iterator[Event]:
        read.append(piece)
        yield AudioDelta(np.full(2400, 0.5, dtype=np.float32), 24_000)
        yield Finished("length" if "never" in piece else "stop", 1, 1, 0.1)

    monkeypatch.setattr(room, "read_piece", reading)
    shares: list[float] = []
    result = talker.say("This is the first sentence. The second one never ends.", progress=shares.append)
    assert read == ["This is the first sentence.", *["The second one never ends."] * 3]
    assert result.cut == ("The second one never ends.",)
    assert result.seconds == pytest.approx(0.2 + PAUSE_SECONDS)
    assert np.count_nonzero(result.samples == 0) == round(PAUSE_SECONDS * 24_000)
    assert shares == [0.5, 1.0]


def test_there_must_be_something_to_say(talker: Stepwave) -> None:
    with pytest.raises(TextError, match="empty text"):
        talker.say(" \n ")
    with pytest.raises(TextError, match="empty text"):
        talker.stream_say("")


def test_what_cannot_be_loaded(tmp_path: Path, tiny_nano: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"has no config\.json"):
        stepwave.load(tmp_path)
    with pytest.raises(ConfigError, match="device 'gpu' can't be used"):
        stepwave.load(tiny_nano, device="gpu")
    with pytest.raises(ConfigError, match="threads is 0"):
        stepwave.load(tiny_nano, threads=0)


def test_importing_the_package_loads_no_torch() -> None:
    import subprocess
    import sys

    command = "import stepwave, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


def test_a_transcript_comes_word_by_word_and_is_the_same(talker: Stepwave, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {0: [" What", " ", "is", " it", "? "], 1: ["  "], 2: ["", " A riv", "er.", "\n"]}
    written = iter(parts.values())
    monkeypatch.setattr("stepwave.dialogue.stepwave.stream_transcript", lambda *_: iter(next(written)))
    monkeypatch.setattr("stepwave.dialogue.stepwave.stretches", lambda samples, _: [samples] * 3)
    sound = np.sin(np.arange(16_000, dtype=np.float32))
    assert list(talker.stream_transcribe(sound)) == ["What", " is", " it", "?", " A riv", "er."]
    with pytest.raises(AudioEmptyError):
        talker.stream_transcribe(np.zeros(16_000, dtype=np.float32))
