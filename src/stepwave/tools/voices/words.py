"""How people speak of voices: a text to the words by which entries are found, the same for entries and for queries.

Words that mean the same of a voice become one ("elderly", "aged" and "old"), words that say nothing of it are left out.
English, and Chinese by single characters. Endings ("whispers", "whispering") are the stores' business, which stem.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from stepwave.tools.voices.entries import FACETS, Filters, VoiceEntry

VERSION: Final = 1
"""Of the tables below; a store made with others is indexed anew."""
MOST_WORDS: Final = 12
"""Words of a query that count; the rest is left out."""

_SAME: Final = {
    "old": "elderly aged senior seniors oldest older ancient",
    "young": "youthful younger youngest teenage teenager teen",
    "middleage": "midlife",
    "female": "woman women woman's lady ladies feminine females womanly",
    "male": "man men man's gentleman guy masculine males manly",
    "old male": "grandfather grandpa granddad",
    "old female": "grandmother grandma granny",
    "young female child": "girl girls girlish",
    "young male child": "boy boys boyish",
    "young child": "child children kid kids childlike childish",
    "fast": "quick quickly rapid rapidly hurried brisk speedy hasty faster",
    "slow": "slowly unhurried leisurely slower",
    "low": "deep deeper bass baritone lower",
    "high": "higher soprano squeaky shrill",
    "calm": "relaxed peaceful serene soothing calming tranquil",
    "happy": "cheerful joyful merry glad cheery",
    "sad": "sorrowful melancholy unhappy mournful gloomy",
    "angry": "furious mad annoyed irate",
    "lively": "energetic animated enthusiastic excited vivid expressive",
    "flat": "monotone monotonous",
    "soft": "gentle quiet tender mild",
    "rough": "hoarse raspy husky gravelly croaky",
    "robot": "robotic mechanical synthetic artificial machine computer android",
    "narrator": "storyteller storytelling narration narrative narrating",
    "british": "uk britain england",
    "american": "usa america",
    "scottish": "scotland scots",
}
_PHRASES: Final = (
    (re.compile(r"\bmiddle[ -]aged?\b"), "middleage"),
    (re.compile(r"\b(high|low|deep)[ -]pitch(?:ed)?\b"), r"\1"),
    (re.compile(r"\btext[ -]to[ -]speech\b"), "robot"),
)
_LANGUAGES: Final = {
    "en": "english", "zh": "chinese", "de": "german", "fr": "french", "es": "spanish", "it": "italian",
    "ja": "japanese", "ko": "korean", "pt": "portuguese", "ru": "russian", "hi": "hindi", "ar": "arabic",
}  # fmt: skip
_EMPTY: Final = frozenset(
    """
    a an the and or but of in on at to for with by from as is are was be being am it its this that these those who which
    whose what i me my we us you your he she his her they them their one some any someone somebody something like sounds
    sound sounding voice voices speak speaks speaking speaker spoken say says saying talk talks talking tone please can
    could would want wanted need give use using switch change make let find search very quite rather really bit little
    kind sort person people pitch pitched accent way more now go back into same too much so all also again s t
    """.split()  # noqa: SIM905
)
_NEGATIONS: Final = frozenset({"not", "no", "without", "non", "never", "isn"})
_OWN: Final = frozenset({"own", "default", "normal", "usual", "original", "regular", "standard", "yourself", "self"})
_TOKEN: Final = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
_CANONICAL: Final = {other: meant.split() for meant, others in _SAME.items() for other in others.split()}


def words_of(text: str) -> list[str]:
    """The words of a text that say something, in order and each once; those that a "not" stands before are left out."""
    found: dict[str, None] = {}
    negated = False
    for token in _TOKEN.findall(_folded(text)):
        if token in _NEGATIONS:
            negated = True
        elif token not in _EMPTY:
            if not negated:
                found.update(dict.fromkeys(_CANONICAL.get(token, [token])))
            negated = False
    return list(found)


def query_words(text: str) -> list[str]:
    """The words of a query, at most `MOST_WORDS`."""
    return words_of(text)[:MOST_WORDS]


def means_own_voice(query: str) -> bool:
    """Whether a query asks for the model's own voice: "your normal voice", "default", "go back to your own voice"."""
    words = words_of(query)
    return bool(words) and set(words) <= _OWN


def told_words(entry: VoiceEntry) -> str:
    """The words that tell what an entry's voice is like, for a full-text index."""
    language = _LANGUAGES.get(entry.language.casefold(), entry.language)
    told = (entry.description, entry.style, entry.emotion, entry.age, entry.gender, language, entry.name, entry.speaker)
    return " ".join(words_of(" . ".join(told)))


def said_words(entry: VoiceEntry) -> str:
    """The words of an entry's transcript, for a full-text index."""
    return " ".join(words_of(entry.transcript))


def facet_words(source: VoiceEntry | Filters) -> list[str]:
    """One made-up word for each facet that has a value ("genderfemale"), so that an index can filter by it."""
    values = {name: "".join(_TOKEN.findall(_folded(getattr(source, name)))) for name in FACETS}
    return [f"{name}{value}" for name, value in values.items() if value]


def _folded(text: str) -> str:
    """Small letters without accents, phrases that mean one thing as one word."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    for phrase, word in _PHRASES:
        plain = phrase.sub(word, plain)
    return plain
