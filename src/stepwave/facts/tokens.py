"""The table of special tokens: their strings, their ids, and which id means text, speech or control.

The strings are the same for every model; the ids belong to a checkpoint. Mini's known ids are in `MINI_KNOWN_IDS`
(reference facts 4.1, with None where only the string is known); other models have ids of their own. This file does
not read tokenizers: `text.tokenizer` hands in a look-up function.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from types import MappingProxyType
from typing import Final

from stepwave.facts.errors import TokenizerError

SPEECH_CODES: Final = 6561
"""Number of speech codes, 0..6560: eight digits of three levels."""
SPEECH_PADDING: Final = 6561
"""The code after the last one; it fills a speech slot when the sound is over before the text."""

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "end_of_text": "<|endoftext|>",
        "bot": "<|BOT|>",
        "eot": "<|EOT|>",
        "tool_call_start": "<tool_call>",
        "tool_call_end": "</tool_call>",
        "audio_start": "<audio_start>",
        "audio_end": "<audio_end>",
        "audio_patch": "<audio_patch>",
        "tts_start": "<tts_start>",
        "tts_end": "<tts_end>",
        "tts_pad": "<tts_pad>",
        "speech_base": "<audio_0>",
    }
)
"""Field of `SpecialTokens` to the token's string."""

MINI_KNOWN_IDS: Final[Mapping[str, int | None]] = MappingProxyType(
    {
        "<|endoftext|>": 151643,
        "<|BOT|>": None,
        "<|EOT|>": 151665,
        "<tool_call>": 151657,
        "</tool_call>": 151658,
        "<audio_start>": 151688,
        "<audio_end>": 151689,
        "<audio_patch>": 151690,
        "<tts_start>": 151693,
        "<tts_end>": 151694,
        "<tts_pad>": None,
        "<audio_0>": 151696,
    }
)
"""Token string to id in the mini checkpoint; None where it must be looked up by string at load."""
MINI_RESERVED_IDS: Final = (151691, 151692, 151695)
"""Ids of mini that are neither text nor speech and whose strings are not known (one may be `<tts_pad>`)."""


def speech_name(code: int) -> str:
    """The token string of a speech code, `<audio_0>` .. `<audio_6560>`; `<audio_6561>` is the padding."""
    return f"<audio_{code}>"


@dataclass(frozen=True)
class SpecialTokens:
    """Ids of the special tokens in one checkpoint.

    Raises TokenizerError if an id is negative, is used twice, or lies inside the range of speech tokens.
    """

    end_of_text: int
    """`<|endoftext|>`: padding, and the end of a Base model's output."""
    bot: int
    """`<|BOT|>`: a turn begins."""
    eot: int
    """`<|EOT|>`: a turn ends."""
    tool_call_start: int
    """`<tool_call>`."""
    tool_call_end: int
    """`</tool_call>`."""
    audio_start: int
    """`<audio_start>`: positions of one heard piece follow."""
    audio_end: int
    """`<audio_end>`: they end."""
    audio_patch: int
    """`<audio_patch>`: one such position (80 ms)."""
    tts_start: int
    """`<tts_start>`: an interleaved section follows."""
    tts_end: int
    """`<tts_end>`: it ends."""
    tts_pad: int
    """`<tts_pad>`: fills a text slot when the text is over before the sound."""
    speech_base: int
    """`<audio_0>`; code k has the id speech_base + k, up to the padding code."""
    reserved: tuple[int, ...] = ()
    """Further ids that are neither text nor speech and are dropped from both."""

    def __post_init__(self) -> None:
        seen: dict[int, str] = {}
        for name in NAMES:
            token = getattr(self, name)
            if token < 0:
                raise TokenizerError(
                    f"the id of {NAMES[name]} is {token}; wanted a number from 0 on: check the tokenizer"
                )
            if token in seen:
                raise TokenizerError(
                    f"{NAMES[name]} and {NAMES[seen[token]]} both have the id {token}; "
                    "each needs its own: check the tokenizer"
                )
            if name != "speech_base" and self.speech_base <= token <= self.speech_padding_id:
                raise TokenizerError(
                    f"{NAMES[name]} has the id {token}, which belongs to a speech token "
                    f"({self.speech_base}..{self.speech_padding_id}): check the tokenizer"
                )
            seen[token] = name

    @classmethod
    def look_up(
        cls,
        token_id: Callable[[str], int | None],
        known: Mapping[str, int | None] | None = None,
        reserved: tuple[int, ...] = (),
    ) -> "SpecialTokens":
        """Build the table from a tokenizer's string-to-id function.

        `known` gives ids that are certain from elsewhere: they stand in for strings the tokenizer lacks and must agree
        with those it has. Raises TokenizerError if a token is found in neither place, if the two disagree, or if the
        speech tokens do not follow one another.
        """
        found: dict[str, int] = {}
        missing: list[str] = []
        for name, string in NAMES.items():
            here, there = token_id(string), (known or {}).get(string)
            if here is not None and there is not None and here != there:
                raise TokenizerError(
                    f"the tokenizer gives {string} the id {here}, this model has {there}; "
                    "use the tokenizer of this model"
                )
            token = there if here is None else here
            if token is None:
                missing.append(string)
            else:
                found[name] = token
        if missing:
            raise TokenizerError(f"the tokenizer lacks {', '.join(missing)}; use a tokenizer made for this model")
        table = cls(**found, reserved=reserved)
        for code in (1, SPEECH_CODES - 1, SPEECH_PADDING):
            here = token_id(speech_name(code))
            if here is not None and here != table.speech_base + code:
                raise TokenizerError(
                    f"the tokenizer gives {speech_name(code)} the id {here}; wanted {table.speech_base + code}, "
                    "because speech tokens follow one another: use a tokenizer made for this model"
                )
        return table

    @property
    def speech_padding_id(self) -> int:
        """Id of `<audio_6561>`."""
        return self.speech_base + SPEECH_PADDING

    @cached_property
    def control(self) -> frozenset[int]:
        """Ids below the speech tokens that are neither text nor speech; the tool-call marks count as text."""
        named = {getattr(self, name) for name in NAMES}
        return frozenset((named | set(self.reserved)) - {self.tool_call_start, self.tool_call_end, self.speech_base})

    def is_text(self, token: int) -> bool:
        """Whether the id carries text, tool-call marks included. Padding, turn marks and audio marks do not."""
        return 0 <= token < self.speech_base and token not in self.control

    def is_speech(self, token: int) -> bool:
        """Whether the id is a speech code 0..6560 (the padding is not)."""
        return self.speech_base <= token < self.speech_base + SPEECH_CODES

    def speech_id(self, code: int) -> int:
        """Id of a speech code 0..6560, or of the padding code 6561. Raises ValueError outside that range."""
        if not 0 <= code <= SPEECH_PADDING:
            raise ValueError(f"a speech code lies in 0..{SPEECH_PADDING}, got {code}")
        return self.speech_base + code

    def code(self, token: int) -> int:
        """Speech code of an id, 6561 for the padding. Raises ValueError for ids that are not speech tokens."""
        if not self.speech_base <= token <= self.speech_padding_id:
            raise ValueError(f"{token} is no speech token; those are {self.speech_base}..{self.speech_padding_id}")
        return token - self.speech_base

    def names(self) -> dict[int, str]:
        """Id to string for the named tokens; the speech tokens after the first are left to `speech_name`."""
        return {getattr(self, field.name): NAMES[field.name] for field in fields(self) if field.name in NAMES}
