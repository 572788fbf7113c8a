"""The suite `asr`: speech to text, as in table 1 of the report (section 4.1), and on recordings of one's own.

Figures are errors per word or per character over all utterances of a set, by the convention of its language
(`scoring.normalisers`), whose name is in the report. The subject is not told the language, as the report says. The
report's in-house sets are not public, and its normalisers are not told.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.figures import Measure
from stepwave.evaluation.items import Item
from stepwave.evaluation.material import speech_sets
from stepwave.evaluation.material.own import own_items
from stepwave.evaluation.material.samples import sample_or, unsampled
from stepwave.evaluation.scoring import measures

_WORDS: Final = (Measure("word error", measures.transcript, better="lower"),)
_CHARACTERS: Final = (Measure("character error", measures.transcript, better="lower"),)


def own(places: Places) -> list[Item]:
    """The data folder itself, or the sample."""
    return own_items(sample_or(places, "speech"))


def _set(
    name: str, on: str, items: Callable[[Places], list[Item]], data: str, counted: tuple[Measure, ...] = _CHARACTERS
) -> Check:
    return Check(name, "transcription", on, partial(_unsampled, name, items), "transcribe", counted, data=data)


def _unsampled(name: str, items: Callable[[Places], list[Item]], places: Places) -> list[Item]:
    """The suite's sample is that of `own`: where one is wanted, a set is not measured."""
    unsampled(name, places)
    return items(places)


def _librispeech(part: str) -> Callable[[Places], list[Item]]:
    return partial(speech_sets.librispeech, part=part)


def _common_voice(language: str) -> Callable[[Places], list[Item]]:
    return partial(speech_sets.common_voice, language=language)


def _fleurs(language: str) -> Callable[[Places], list[Item]]:
    return partial(speech_sets.fleurs, language=language)


def _wenetspeech(part: str) -> Callable[[Places], list[Item]]:
    return partial(speech_sets.wenetspeech, part=part)


SUITE: Final = Suite(
    "asr",
    "speech to text: word errors, or character errors where a language sets no words apart",
    (
        _set(
            "common-voice-en",
            "Common Voice test, English sentences read by volunteers",
            _common_voice("en"),
            "Common Voice (commonvoice.mozilla.org) en test, the release that lies in the data folder",
            _WORDS,
        ),
        _set(
            "fleurs-en",
            "FLEURS en_us test, read sentences of an encyclopedia",
            _fleurs("en"),
            "FLEURS (google/fleurs) en_us test",
            _WORDS,
        ),
        _set(
            "librispeech-test-clean",
            "LibriSpeech test-clean, 2,620 utterances of read English",
            _librispeech("test-clean"),
            "LibriSpeech (openslr.org/12) test-clean",
            _WORDS,
        ),
        _set(
            "librispeech-test-other",
            "LibriSpeech test-other, 2,939 utterances of read English that is harder to understand",
            _librispeech("test-other"),
            "LibriSpeech (openslr.org/12) test-other",
            _WORDS,
        ),
        _set(
            "aishell",
            "AISHELL-1 test, read Mandarin",
            speech_sets.aishell,
            "AISHELL-1 (openslr.org/33) test",
        ),
        _set(
            "aishell-2",
            "AISHELL-2 test, read Mandarin, recorded by iPhones",
            speech_sets.aishell_2,
            "AISHELL-2 (aishelltech.com) iOS test",
        ),
        _set(
            "fleurs-zh",
            "FLEURS cmn_hans_cn test",
            _fleurs("zh"),
            "FLEURS (google/fleurs) cmn_hans_cn test",
        ),
        _set(
            "kespeech-phase1",
            "KeSpeech test, phase 1: Mandarin and its subdialects",
            speech_sets.kespeech,
            "KeSpeech (github.com/KeSpeech/KeSpeech) test, phase 1",
        ),
        _set(
            "wenetspeech-meeting",
            "WenetSpeech TEST_MEETING, Mandarin of meetings, heard from afar",
            _wenetspeech("TEST_MEETING"),
            "WenetSpeech (openslr.org/121) TEST_MEETING",
        ),
        _set(
            "wenetspeech-net",
            "WenetSpeech TEST_NET, Mandarin of the internet",
            _wenetspeech("TEST_NET"),
            "WenetSpeech (openslr.org/121) TEST_NET",
        ),
        _set(
            "fleurs-ar",
            "FLEURS ar_eg test",
            _fleurs("ar"),
            "FLEURS (google/fleurs) ar_eg test",
            _WORDS,
        ),
        _set(
            "common-voice-yue",
            "Common Voice test, Cantonese sentences read by volunteers",
            _common_voice("yue"),
            "Common Voice (commonvoice.mozilla.org) yue test, the release that lies in the data folder",
        ),
        _set(
            "fleurs-ja",
            "FLEURS ja_jp test",
            _fleurs("ja"),
            "FLEURS (google/fleurs) ja_jp test",
        ),
        Check(
            "own",
            "transcription",
            "the recordings listed in the data folder",
            own,
            "transcribe",
            _WORDS,
        ),
    ),
)
