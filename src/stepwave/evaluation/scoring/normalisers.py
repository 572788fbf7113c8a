"""What counts as the same text: normalisers with a name and a version, and which one a language takes by default.

A figure is only comparable with another that was made by the same normaliser, so its name is stored beside the figure.
A normaliser is never changed: what would score a text otherwise gets the next number. Numbers in Chinese are read by
WeText's rules, traditional characters are replaced by OpenCC's tables, English goes through Whisper's normaliser.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, TypeAlias

from stepwave.evaluation.packages import package
from stepwave.facts.registry import Registry
from stepwave.text.word_errors import normalised

Unit: TypeAlias = Literal["word", "character", "mixed"]
"""What errors are counted in.

word: what stands between spaces (WER). character: every character but spaces, each letter of a foreign word too (CER,
as Seed-TTS counts Chinese). mixed: each character of Chinese or Japanese writing, and each run of anything else, such
as an English word, as one (MER, as WenetSpeech and WeNet count Chinese).
"""

_IDEOGRAPHS: Final = r"\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af々〇"
_MIXED: Final = re.compile(rf"[{_IDEOGRAPHS}]|[^\s{_IDEOGRAPHS}]+")
_HYPHEN: Final = re.compile(r"(?<=[A-Za-z])-(?=\d)")
_ARABIC_FORMS: Final = str.maketrans({**dict.fromkeys("أإآٱ", "ا"), "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك"})
_ARABIC_MARKS: Final = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")


@dataclass(frozen=True)
class Normaliser:
    """A function of a text with a name that is stored with every figure made by it."""

    name: str
    """The method and its version, as `chinese/1`."""
    about: str
    """What it does, in a sentence."""
    apply: Callable[[str], str]
    """The text with single spaces between words and none around. Raises MissingExtraError."""

    def __call__(self, text: str) -> str:
        """See `apply`. Halves of surrogate pairs, which no encoding takes, are marks like any other."""
        return self.apply(text.encode("utf-8", "replace").decode("utf-8"))


@dataclass(frozen=True)
class Convention:
    """How texts of a language are compared."""

    normaliser: Normaliser
    unit: Unit

    @property
    def name(self) -> str:
        """What is stored beside a figure: `chinese/1, mixed`."""
        return f"{self.normaliser.name}, {self.unit}"


def units(text: str, unit: Unit) -> list[str]:
    """The parts of a normalised text that errors are counted in."""
    if unit == "word":
        return text.split()
    if unit == "character":
        return [letter for letter in text if not letter.isspace()]
    return _MIXED.findall(text)


def convention(language: str) -> Convention:
    """How texts of a language are compared by default, from a code such as `zh`, `zh-CN`, `cmn_hans_cn` or `ar_eg`.

    A language that nobody thought of is compared in words by `plain/1`.
    """
    code = re.split(r"[-_]", language.strip().lower())[0]
    name, unit = _DEFAULTS.get(_SAME.get(code, code), ("plain/1", "word"))
    return Convention(NORMALISERS[name], unit)


def _without_marks(text: str) -> str:
    """Letters, digits and the marks that belong to letters; apostrophes vanish, anything else parts words."""
    kept = (
        letter if unicodedata.category(letter)[0] in "LNM" else "" if letter in "'’" else " "
        for letter in text
        if unicodedata.category(letter) != "Cf"
    )
    return " ".join("".join(kept).split())


def _western_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)


def _whitespace(text: str) -> str:
    return " ".join(text.split())


def _plain(text: str) -> str:
    return _without_marks(unicodedata.normalize("NFKC", text).casefold())


def _english(text: str) -> str:
    return normalised(text, "en")


def _whisper_basic(text: str) -> str:
    return " ".join(str(_basic()(text)).split())


def _arabic(text: str) -> str:
    plain = _ARABIC_MARKS.sub("", unicodedata.normalize("NFKC", text))
    return _without_marks(_western_digits(plain).translate(_ARABIC_FORMS).casefold())


def _japanese(text: str) -> str:
    joined = _without_marks(unicodedata.normalize("NFKC", text).casefold()).replace(" ", "")
    # what stood apart may compose now
    return unicodedata.normalize("NFKC", joined)


def _chinese(text: str) -> str:
    return _read_chinese(text, "t2s")


def _cantonese(text: str) -> str:
    return _read_chinese(text, "hk2s")


def _read_chinese(text: str, conversion: str) -> str:
    simplified = str(_characters(conversion).convert(unicodedata.normalize("NFKC", text)))
    # WeText takes the hyphen of "F-16" for a minus. A "one" in telephone numbers is read yāo; who writes such a number
    # down may write either.
    read = str(_numbers().normalize(_HYPHEN.sub(" ", simplified))).replace("幺", "一").replace("〇", "零")
    return " ".join(_MIXED.findall(_without_marks(read.casefold())))


@cache
def _basic() -> Any:
    return package("whisper_normalizer.basic").BasicTextNormalizer()


@cache
def _characters(conversion: str) -> Any:
    return package("opencc").OpenCC(conversion)


@cache
def _numbers() -> Any:
    return package("wetext").Normalizer(lang="zh", operator="tn")


NORMALISERS: Final[Registry[Normaliser]] = Registry("normaliser")
"""Every normaliser by its name."""
for _normaliser in (
    Normaliser("whitespace/1", "Single spaces, nothing else.", _whitespace),
    Normaliser("plain/1", "NFKC, no case, no punctuation.", _plain),
    Normaliser(
        "whisper-english/1", "Whisper's English normaliser: case, marks, numbers, titles, American spelling.", _english
    ),
    Normaliser(
        "whisper-basic/1", "Whisper's normaliser for other languages: no case, marks or brackets.", _whisper_basic
    ),
    Normaliser(
        "chinese/1",
        "NFKC, simplified characters (OpenCC t2s), numbers as they are read (WeText), no punctuation, no case.",
        _chinese,
    ),
    Normaliser("cantonese/1", "As chinese/1, from Hong Kong's traditional characters (OpenCC hk2s).", _cantonese),
    Normaliser("japanese/1", "NFKC, no punctuation, spaces or case; numbers stay as they are written.", _japanese),
    Normaliser(
        "arabic/1",
        "NFKC, no diacritics or tatweel, one form each of alef, ya and ta marbuta, Western digits, no punctuation.",
        _arabic,
    ),
):
    NORMALISERS.register(_normaliser.name, _normaliser)

_SAME: Final = {"cmn": "zh", "eng": "en", "ara": "ar", "arb": "ar", "jpn": "ja", "zho": "zh", "tha": "th"}
_DEFAULTS: Final[dict[str, tuple[str, Unit]]] = {
    "en": ("whisper-english/1", "word"),
    "zh": ("chinese/1", "mixed"),
    "yue": ("cantonese/1", "character"),
    "ja": ("japanese/1", "character"),
    "ar": ("arabic/1", "word"),
    "th": ("plain/1", "character"),
    "lo": ("plain/1", "character"),
    "km": ("plain/1", "character"),
    "my": ("plain/1", "character"),
}
