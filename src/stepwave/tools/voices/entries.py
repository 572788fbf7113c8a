"""What a voice library knows of a voice, and by what its entries are chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Final

from stepwave.facts.errors import DataError

LONGEST_NAME: Final = 100
LONGEST_TEXT: Final = 2000
"""Characters of a transcript or a description."""
LONGEST_WORD: Final = 100
"""Characters of any other field."""
FACETS: Final = ("language", "gender", "emotion", "style")
"""Fields that a search may ask for exactly."""

_NAME: Final = re.compile(r"\w[\w .,+@'()-]*")
_NOT_IN_NAMES: Final = re.compile(r"[^\w.,+@'()-]+")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class VoiceEntry:
    """One voice: a clip and what is known of it. What nobody has noted is empty.

    Raises DataError for a name, a text or a digest that no library takes.
    """

    name: str
    """What it is called, once in a library: letters, digits, spaces and . , + @ ' ( ) - _, not at the start."""
    digest: str
    """sha256 of the clip's bytes, by which a clip is known and its file is named."""
    ending: str
    """The clip's kind: .wav, .flac, .ogg, .opus or .mp3."""
    seconds: float
    """How long the clip lasts."""
    transcript: str = ""
    """What is said in the clip."""
    description: str = ""
    """What the voice is like: "a calm elderly man, slow"."""
    language: str = ""
    """ISO 639-1 code of what is said."""
    gender: str = ""
    age: str = ""
    emotion: str = ""
    style: str = ""
    """How it speaks: "storytelling", "news", "whispered"."""
    speaker: str = ""
    """Whose voice it is, as its source calls them."""
    licence: str = ""
    source: str = ""
    id: int = 0
    """The store's number of it; 0 before it is stored."""

    def __post_init__(self) -> None:
        if not may_be_name(self.name):
            raise DataError(
                f"a voice is to be called {self.name[:60]!r}; wanted at most {LONGEST_NAME} letters, digits, spaces "
                "and . , + @ ' ( ) - _, beginning with a letter or digit; give it another name"
            )
        if not _DIGEST.fullmatch(self.digest) or self.ending not in ENDINGS:
            raise DataError(f"the voice '{self.name}' has no usable clip ({self.digest[:20]!r}{self.ending[:10]!r})")
        for field in fields(self):
            value = getattr(self, field.name)
            longest = LONGEST_TEXT if field.name in ("transcript", "description") else LONGEST_WORD
            if isinstance(value, str) and len(value) > longest:
                raise DataError(
                    f"the {field.name} of '{self.name}' has {len(value)} characters; wanted at most {longest}"
                )


ENDINGS: Final = (".wav", ".flac", ".ogg", ".opus", ".mp3")
TOLD: Final = (
    "transcript", "description", "language", "gender", "age", "emotion", "style", "speaker", "licence", "source",
)  # fmt: skip
"""Fields that say something of a voice, as tables and exports call them."""


@dataclass(frozen=True)
class Filters:
    """What an entry must be; "" for anything. Compared without regard to capitals."""

    language: str = ""
    gender: str = ""
    emotion: str = ""
    style: str = ""

    def asked(self) -> dict[str, str]:
        """What is asked for, by field, in small letters."""
        return {name: value.strip().casefold() for name in FACETS if (value := getattr(self, name)).strip()}


def may_be_name(text: str) -> bool:
    """Whether an entry can be called so."""
    return len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None


def name_from(text: str) -> str:
    """A name made of any text, such as a path or a record's id. Raises DataError where nothing is left of it."""
    name = _NOT_IN_NAMES.sub("-", text).strip("-., +@'()")[:LONGEST_NAME].strip()
    if not name:
        raise DataError(f"no name can be made of {text[:60]!r}; wanted a letter or a digit in it")
    return name
