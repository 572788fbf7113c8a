"""What nano is checked with, and training never sees: people, sentences, and questions asked in voices of their own.

Every choice is drawn from a seed: 50 LibriSpeech speakers, all LJ Speech clips, 100 everyday sentences, questions of
the dialogues' test split in four Kokoro voices. The list of all (`data.held_out`) lies beside the questions, since the
corpus that training reads may hold the same speakers and sentences.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from stepwave.data.held_out import write_held_out
from stepwave.data.recordings import Recording, write_recordings
from stepwave.prepare.dialogues import everyday_dialogues
from stepwave.prepare.engines.bank import VoiceBank
from stepwave.prepare.engines.contract import SYNTHESIS_RATE
from stepwave.prepare.speaking.library import HELD_OUT
from stepwave.prepare.starting_points import StartingPoints
from stepwave.signal.files import write_audio

CHECKED_LIBRISPEECH: Final = 50
"""LibriSpeech speakers kept for the check of transcriptions."""
CHECKED_SENTENCES: Final = 100
"""Sentences kept for the check of reading aloud."""
CHECKED_QUESTIONS: Final = 50
"""Questions that are spoken to be answered."""
VOICES: Final = tuple(f"kokoro/{name}" for name in HELD_OUT)
"""Who asks them."""
QUESTIONS_FILE: Final = "questions.jsonl"
"""The spoken questions, in the folder of checks."""
CLINC_FILE: Final = "text/clinc150.json"
"""Queries that the dialogues draw on, under the folder of data."""
PEAK: Final = 0.7
"""Louder speech is scaled down to this peak."""


def checked_people(data: Path, seed: int) -> Iterator[Recording]:
    """Real speech under `data` that checks hear: LibriSpeech (machine transcripts), then the LJ Speech clips.

    Raises OSError where a list of recordings is missing.
    """
    rows = sorted(_table(data / "librispeech-251" / "transcripts.whisper-base.tsv"))
    checked = set(random.Random(seed).sample([name for name, _ in rows], CHECKED_LIBRISPEECH))
    for name, text in rows:
        if name in checked:
            path = data / "librispeech-251" / name
            yield Recording(f"librispeech-{path.stem}", str(path), text.strip(), "real", name.split("-")[0], "check")
    for name, text in _table(data / "ljspeech-32" / "transcripts.tsv"):
        path = data / "ljspeech-32" / name
        yield Recording(f"ljspeech-{path.stem}", str(path), text.strip(), "ljspeech", "ljspeech", "check")


def checked_sentences(data: Path, seed: int) -> list[str]:
    """Everyday sentences (Tatoeba, CC BY 2.0 FR; Piper's recording prompts, MIT) kept for reading aloud.

    Raises OSError where a list of sentences is missing.
    """
    pairs = (data / "text" / "tatoeba_en_cmn.tsv").read_text(encoding="utf-8").splitlines()
    prompts = (data / "text" / "spoken_prompts.en.txt").read_text(encoding="utf-8").splitlines()
    texts = [pair.split("\t")[0] for pair in pairs] + prompts
    cleaned = sorted({text for text in map(_clean, texts) if _fits(text, 3, 14)})
    random.Random(seed).shuffle(cleaned)
    return [text for text in cleaned if 5 <= len(text.split()) <= 12][:CHECKED_SENTENCES]


def checked_questions(data: Path, seed: int) -> list[str]:
    """Questions of the dialogues' test split: phrasings that training never heard."""
    clinc = data / CLINC_FILE
    dialogues = everyday_dialogues(seed, clinc if clinc.is_file() else None)
    held_out = sorted({one.question for one in dialogues if one.split == "test"})
    return random.Random(seed + 1).sample(held_out, min(CHECKED_QUESTIONS, len(held_out)))


def list_held_out(data: Path, folder: Path, seed: int) -> None:
    """Write the list of voices and texts that training keeps away from into the folder of checks.

    Raises OSError where a list of recordings or sentences is missing, OutputError.
    """
    people = list(checked_people(data, seed))
    speakers = [one.voice for one in people if one.use == "real"]
    # As the corpus names them: `librispeech-251/103`, `ljspeech-32/lj`.
    voices = [*(f"librispeech-251/{speaker}" for speaker in speakers), "ljspeech-32/lj", *VOICES]
    texts = [*checked_sentences(data, seed), *checked_questions(data, seed)]
    write_held_out(folder, voices, [*texts, *(one.text for one in people if one.use == "ljspeech")])


def speak_questions(questions: Iterable[str], folder: Path, starting: StartingPoints) -> list[Recording]:
    """Speak questions in the held-out voices, one after the other, and list them in the folder of checks.

    Sounds that are there are kept. Raises StepwaveError where a voice cannot be opened or says nothing.
    """
    bank = VoiceBank(starting)
    asked = []
    for number, text in enumerate(questions):
        voice = VOICES[number % len(VOICES)]
        # The same request has the same name, whoever makes it: stored answers go by it.
        name = hashlib.sha256(f"{voice}|{1.0:.3f}|{text}".encode()).hexdigest()[:16]
        path = folder / "sounds" / f"{name}.flac"
        if not path.exists():
            samples = bank[voice].speak(text, 1.0)
            peak = float(np.abs(samples).max())
            path.parent.mkdir(parents=True, exist_ok=True)
            write_audio(path, (samples * (PEAK / max(peak, PEAK))).astype(np.float32), SYNTHESIS_RATE)
        asked.append(Recording(name, str(path.relative_to(folder)), text, "check", voice, "check"))
    write_recordings(folder / QUESTIONS_FILE, asked)
    return asked


def _table(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(name, text) for name, tab, text in (line.partition("\t") for line in lines) if tab]


def _clean(text: str) -> str:
    for fancy, simple in {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2014": ", "}.items():
        text = text.replace(fancy, simple)
    return " ".join(text.split())


def _fits(text: str, fewest: int, most: int) -> bool:
    words = text.split()
    plain = all(letter.isalpha() or letter in " .,?!'-;:" for letter in text)
    return plain and text.isascii() and fewest <= len(words) <= most
