"""Lists every recording that nano trains on or is checked with: synthesised speech and people's."""

import random
from collections.abc import Iterator
from pathlib import Path

from stepwave.data.recordings import Recording
from stepwave.prepare.synthesis import Utterance

CHECKED_LIBRISPEECH = 50
"""LibriSpeech speakers held out for the transcription check."""


def synthesised(utterances: list[Utterance], folder: Path, split: str = "train") -> Iterator[Recording]:
    """Records of the utterances that have been spoken so far."""
    for utterance in utterances:
        path = utterance.path(folder)
        if path.exists():
            yield Recording(utterance.id, str(path), utterance.text, utterance.use, utterance.voice, split)


def people(shared: Path, seed: int) -> Iterator[Recording]:
    """Real speech under `shared`: LibriSpeech (machine transcripts), Asterisk prompts and the LJ Speech check clips."""
    lines = (shared / "librispeech-251" / "transcripts.whisper-base.tsv").read_text(encoding="utf-8").splitlines()
    rows = sorted(line.split("\t") for line in lines if "\t" in line)
    checked = set(random.Random(seed).sample([name for name, _ in rows], CHECKED_LIBRISPEECH))
    for name, text in rows:
        path = shared / "librispeech-251" / name
        split = "check" if name in checked else "train"
        yield Recording(f"librispeech-{path.stem}", str(path), text.strip(), "real", name.split("-")[0], split)
    for line in (shared / "asterisk-en" / "transcripts.tsv").read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition("\t")
        if len(text.split()) >= 2 and "(" not in text and "<" not in text:
            path = shared / "asterisk-en" / name
            yield Recording(f"asterisk-{path.stem}", str(path), " ".join(text.split()), "real", "asterisk")
    for line in (shared / "ljspeech-32" / "transcripts.tsv").read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition("\t")
        path = shared / "ljspeech-32" / name
        yield Recording(f"ljspeech-{path.stem}", str(path), text.strip(), "ljspeech", "ljspeech", "check")
