"""What nano is checked with: drawn from a seed, in voices of its own, and listed for training to keep away from."""

from pathlib import Path

import numpy as np
import pytest

from stepwave.data.held_out import read_held_out
from stepwave.data.recordings import read_recordings
from stepwave.data.records import Clip, Record, Turn
from stepwave.prepare import checks
from stepwave.prepare.checks import (
    CHECKED_SENTENCES,
    VOICES,
    checked_people,
    checked_questions,
    checked_sentences,
    list_held_out,
    speak_questions,
)
from stepwave.prepare.dialogues import everyday_dialogues
from stepwave.prepare.speaking.library import library
from stepwave.prepare.starting_points import StartingPoints
from stepwave.signal.files import read_audio


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Lists of 60 speakers, one LJ Speech clip and 150 sentences; the sounds themselves are not read here."""
    words = [chr(97 + place % 26) * (2 + place // 26) for place in range(150)]
    lines = {
        "librispeech-251/transcripts.whisper-base.tsv": [f"{number}-1.flac\tA sentence." for number in range(60)],
        "ljspeech-32/transcripts.tsv": ["LJ001.flac\tRead aloud, \u201cwith care\u201d."],
        "text/tatoeba_en_cmn.tsv": [
            *(f"We saw the {word} again today.\t-\tCC" for word in words),
            "Hi.\t-\tCC",
            "It was 1999 when we met in town.\t-\tCC",
        ],
        "text/spoken_prompts.en.txt": [" Please ask Lena, maybe she\u2019s here."],
    }
    for name, rows in lines.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path / "data"


def test_fifty_speakers_and_all_of_lj_speech_are_kept(data: Path) -> None:
    people = list(checked_people(data, 0))
    assert [one.use for one in people] == ["real"] * 50 + ["ljspeech"]
    assert len({one.voice for one in people}) == 51
    assert people == list(checked_people(data, 0))
    assert people != list(checked_people(data, 1))


def test_sentences_are_cleaned_speakable_and_follow_from_the_seed(data: Path) -> None:
    sentences = checked_sentences(data, 0)
    assert len(set(sentences)) == CHECKED_SENTENCES
    assert sentences == checked_sentences(data, 0)
    assert sentences != checked_sentences(data, 1)
    assert all(text.isascii() and not any(map(str.isdigit, text)) for text in sentences)
    assert {"Hi.", "It was 1999 when we met in town."}.isdisjoint(sentences)


def test_questions_are_phrasings_that_training_never_hears(data: Path) -> None:
    questions = checked_questions(data, 0)
    trained = {one.question for one in everyday_dialogues(0, None) if one.split == "train"}
    assert len(set(questions)) == 50
    assert not set(questions) & trained


def test_what_is_listed_is_seen_however_the_corpus_writes_it(data: Path, tmp_path: Path) -> None:
    list_held_out(data, tmp_path / "checks", 0)
    held_out = read_held_out(tmp_path / "checks")
    speaker = next(checked_people(data, 0)).voice

    def said(text: str, voice: str) -> Record:
        return Record("r", "asr", (Turn("human", text, Clip("c", voice=voice), spoken=True),))

    assert held_out.holds(said("Anything.", f"librispeech-251/{speaker}"))
    assert held_out.holds(said("Anything.", "ljspeech-32/lj"))
    assert held_out.holds(said('read aloud "with care"', "piper/joe"))
    assert held_out.holds(said(checked_sentences(data, 0)[3].upper(), "piper/joe"))
    assert held_out.holds(said(checked_questions(data, 0)[7], "piper/joe"))
    assert not held_out.holds(said("A sentence.", "librispeech-251/nobody"))
    assert not held_out.voices & {voice.name for name in ("light", "human") for voice in library(name)}


class Bank:
    """Stands in for the engines: a loud tone, as long as the text."""

    spoken = 0

    def __init__(self, starting: StartingPoints) -> None:
        assert starting.folder.name == "starting"

    def __getitem__(self, voice: str) -> "Bank":
        return self

    def speak(self, text: str, speed: float) -> np.ndarray:
        Bank.spoken += 1
        return (0.9 * np.sin(np.arange(len(text) * 1_000) / 20)).astype(np.float32)


def test_questions_are_spoken_once_in_voices_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "VoiceBank", Bank)
    questions = [f"Is this question number {word}?" for word in ("one", "two", "three", "four", "five")]
    first = speak_questions(questions, tmp_path, StartingPoints(tmp_path / "starting"))
    assert Bank.spoken == 5
    assert first == speak_questions(questions, tmp_path, StartingPoints(tmp_path / "starting"))
    assert Bank.spoken == 5
    listed = read_recordings(tmp_path / "questions.jsonl")
    assert [one.text for one in listed] == questions
    assert {one.voice for one in listed} == set(VOICES)
    sound = read_audio(tmp_path / listed[0].path, sample_rate=None)
    assert sound.sample_rate == 24_000
    assert np.abs(sound.samples).max() == pytest.approx(0.7, abs=1e-3)
