"""The suite `asr`: speech to text, as in table 1 of the report (section 4.1), and on recordings of one's own.

Figures are errors per word over all utterances of a set, per character in languages that set no words apart.
"""

from pathlib import Path
from typing import Final

from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.figures import Measure
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.corpora import corpus_items
from stepwave.evaluation.material.own import own_items
from stepwave.evaluation.scoring import measures


def librispeech_clean(places: Places) -> list[Item]:
    """LibriSpeech test-clean."""
    return corpus_items("librispeech", _librispeech(places), ["test-clean"])


def librispeech_other(places: Places) -> list[Item]:
    """LibriSpeech test-other."""
    return corpus_items("librispeech", _librispeech(places), ["test-other"])


def own(places: Places) -> list[Item]:
    """The data folder itself."""
    return own_items(places.data)


def _librispeech(places: Places) -> Path:
    """The data folder may be the corpus, or hold it."""
    inside = places.data / "LibriSpeech"
    return places.data if not inside.is_dir() and (places.data / "test-clean").is_dir() else inside


_WORD_ERROR: Final = (Measure("word error", measures.transcript, better="lower"),)

SUITE: Final = Suite(
    "asr",
    "speech to text: word errors (character errors where a language sets no words apart)",
    (
        Check(
            "librispeech-test-clean",
            "transcription",
            "LibriSpeech test-clean, 2,620 utterances of read English",
            librispeech_clean,
            "transcribe",
            _WORD_ERROR,
            data="LibriSpeech (openslr.org/12) test-clean",
        ),
        Check(
            "librispeech-test-other",
            "transcription",
            "LibriSpeech test-other, 2,939 utterances of read English that is harder to understand",
            librispeech_other,
            "transcribe",
            _WORD_ERROR,
            data="LibriSpeech (openslr.org/12) test-other",
        ),
        Check(
            "own",
            "transcription",
            "the recordings listed in the data folder",
            own,
            "transcribe",
            _WORD_ERROR,
        ),
    ),
)
