"""The suite `speech_quality`: how a model sounds: understood, in whose voice, how natural, how soon.

No table of the report; measures are those of the field: word errors of a recogniser on what was said (round trip), the
cosine of speaker embeddings, DNSMOS P.835 in place of listeners, PESQ and STOI where a reference exists, and times.
Nothing here says whether an answer is right.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.figures import Measure
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.own import own_items
from stepwave.evaluation.material.samples import sample_or
from stepwave.evaluation.material.sentences import CHINESE, ENGLISH
from stepwave.evaluation.scoring import measures
from stepwave.facts.errors import ConfigError


def sentences(language: str, texts: tuple[str, ...], places: Places) -> list[Item]:
    """The sentences that come with the suite, of which a sample is the first two."""
    chosen = texts[:2] if places.sample else texts
    return [Item(f"{language}-{number:02d}", text, language=language) for number, text in enumerate(chosen, 1)]


def recordings(places: Places) -> list[Item]:
    """The recordings listed in the data folder, or the sample's."""
    return own_items(sample_or(places, "speech"))


def voices(places: Places) -> list[Item]:
    """Each of the recordings as a voice, with what the next one in its language says to be said in it."""
    heard, paired = recordings(places), []
    for language in dict.fromkeys(item.language for item in heard):
        group = [item for item in heard if item.language == language]
        for one, other in zip(group, [*group[1:], group[0]], strict=True):
            if one.text != other.text:
                paired.append(Item(f"{one.id} says {other.id}", other.text, one.sound, language=language))
    if not paired:
        raise ConfigError("a voice is given words that another recording says; list two recordings with other words")
    return paired


def _opinions(of: str = "") -> tuple[Measure, ...]:
    return tuple(
        Measure(f"{of}DNSMOS, {kind}", measures.opinion(kind, "original" if of else "sound"), "", better="higher")
        for kind in measures.OPINIONS
    )


def _reading(language: str, title: str, texts: tuple[str, ...], unit: str) -> Check:
    items: Callable[[Places], list[Item]] = partial(sentences, language, texts)
    read = (
        Measure(f"{unit} error", measures.read_back, better="lower"),
        *_opinions(),
        Measure("seconds of work for one of sound", measures.real_time_factor, "", better="lower"),
    )
    return Check(f"reading-{language}", title, f"{len(texts)} sentences that come with the suite", items, "say", read)


_READ_BACK: Final = (
    Measure("original read back, word error", measures.original_read_back),
    Measure("read back, word error", measures.read_back, better="lower"),
    Measure("difference in word error", measures.added_errors, "points", better="lower"),
)

SUITE: Final = Suite(
    "speech_quality",
    "how a model sounds: understood, in whose voice, how natural, how soon",
    (
        _reading("en", "English text read aloud", ENGLISH, "word"),
        _reading("zh", "Chinese text read aloud", CHINESE, "character"),
        Check(
            "voices",
            "text in the voice of a recording",
            "recordings listed in the data folder, each with the words of another; likeness is the cosine of CAM++ "
            "embeddings",
            voices,
            "say_as",
            (
                Measure("likeness to the recording", measures.likeness, "", better="higher"),
                Measure("likeness of the model's own voice to it", measures.own_likeness, ""),
                Measure("how much nearer", measures.nearer, "", better="higher"),
                Measure("read back, word error", measures.read_back, better="lower"),
                *_opinions(),
            ),
        ),
        Check(
            "answers",
            "spoken questions answered aloud, timed",
            "recordings listed in the data folder, brought to 5 s; the model gets each whole when it ends",
            recordings,
            "timed_reply",
            (
                Measure("sound against text, word error", measures.sound_against_text, better="lower"),
                *_opinions(),
                Measure("first sound, median", measures.first_sound, "s", "median", better="lower"),
                Measure("first sound, worst", measures.first_sound, "s", "worst", better="lower"),
                Measure("real-time factor, median", measures.real_time_factor, "", "median", better="lower"),
                Measure("real-time factor, worst", measures.real_time_factor, "", "worst", better="lower"),
                Measure("gaps within a reply, worst", measures.waiting, "s", "worst", better="lower"),
            ),
            timed=True,
        ),
        Check(
            "vocoder",
            "vocoder alone",
            "mel of the recordings listed in the data folder to sound",
            recordings,
            "vocode",
            (
                *_READ_BACK,
                Measure("PESQ-wb", measures.perceptual_quality, "", better="higher"),
                Measure("STOI", measures.intelligible, "", better="higher"),
                Measure("ESTOI", measures.intelligible_extended, "", better="higher"),
                *_opinions("original's "),
                *_opinions(),
            ),
        ),
        Check(
            "resynthesis",
            "resynthesis from speech tokens",
            "the recordings listed in the data folder, said in the model's own voice",
            recordings,
            "resynthesise",
            (*_READ_BACK, *_opinions()),
        ),
    ),
)
