"""Spoken sections: one text token, four speech tokens, in turn, between `<tts_start>` and `<tts_end>`.

Writing pads to complete groups (reference facts 4.3): `<tts_pad>` where the text is over first, `<audio_6561>` where
the sound is over first. Reading never fails: ids are told apart by what they are, wherever they stand, and what
breaks the pattern is listed. Detokenising text and making sound of codes happen elsewhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stepwave.facts.rates import SPEECH_PER_GROUP, interleaved_groups
from stepwave.facts.tokens import SpecialTokens

Kind: TypeAlias = Literal["text", "speech", "control"]
Slot: TypeAlias = Literal["text", "speech", "free"]


def interleave(
    text_ids: Sequence[int], speech_codes: Sequence[int], special: SpecialTokens, *, pad_speech: bool = True
) -> list[int]:
    """Ids of a spoken section, without the marks around it: `rates.interleaved_length` of them.

    `pad_speech` False leaves out `<audio_6561>`, so that groups after the sound hold fewer speech tokens or none: the
    form in which one serving branch replays history (reference facts 4.4).
    Raises ValueError for an id that is not text or a code outside 0..6560.
    """
    for token in text_ids:
        if not special.is_text(token):
            raise ValueError(f"token {token} is not text and cannot stand in a text slot")
    for code in speech_codes:
        if not special.is_speech(special.speech_id(code)):
            raise ValueError(f"code {code} is the padding; it is added here and not handed in")
    ids: list[int] = []
    for group in range(interleaved_groups(len(text_ids), len(speech_codes))):
        ids.append(text_ids[group] if group < len(text_ids) else special.tts_pad)
        codes = speech_codes[SPEECH_PER_GROUP * group : SPEECH_PER_GROUP * (group + 1)]
        ids += [special.speech_id(code) for code in codes]
        if pad_speech:
            ids += [special.speech_padding_id] * (SPEECH_PER_GROUP - len(codes))
    return ids


def deinterleave(ids: Iterable[int], special: SpecialTokens) -> tuple[list[int], list[int]]:
    """Text ids and speech codes of a spoken section, paddings and marks removed; faults are passed over.

    `read_section` gives the same with the faults and with what follows the section.
    """
    section = read_section(ids, special)
    return section.text_ids, section.codes


@dataclass(frozen=True)
class Item:
    """What one id of a stream is."""

    kind: Kind
    """"text" and "speech" carry something; "control" covers marks, paddings and ids that mean nothing."""
    value: int
    """The code for speech, else the id."""
    spoken: bool
    """Whether it stands inside a spoken section. Text outside is not said aloud: a tool call, a written answer."""


@dataclass(frozen=True)
class Fault:
    """One departure from the pattern."""

    position: int
    """Index of the id in the stream, counted from 0; the number of ids for what is missing at the end."""
    reason: str
    """What is wrong, in a few words."""


class Deinterleaver:
    """Tells for each id that arrives whether it is text, speech or control, and lists departures from the pattern.

    State belongs to one stream. Start with `inside` True when the prompt ended in `<tts_start>`.
    """

    def __init__(self, special: SpecialTokens, *, inside: bool = True) -> None:
        self._special = special
        self._inside = inside
        self._slot = 0
        self._lost = False
        self._text_over = False
        self._speech_over = False
        self._position = 0
        self._faults: list[Fault] = []

    @property
    def inside(self) -> bool:
        """Whether a spoken section is open."""
        return self._inside

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Departures seen so far; a run of ids in wrong slots counts once."""
        return tuple(self._faults)

    @property
    def next_slot(self) -> Slot:
        """What comes next: "text" (a text token, `<tts_pad>` or `<tts_end>`), "speech", or "free" outside a section."""
        if not self._inside:
            return "free"
        return "speech" if self._slot else "text"

    def push(self, token: int) -> Item:
        """Take the next id."""
        special = self._special
        spoken = self._inside
        if special.is_speech(token) or token == special.speech_padding_id:
            item = self._speech(token)
        elif special.is_text(token) or token == special.tts_pad:
            item = self._text(token)
        else:
            item = Item("control", token, spoken)
            self._control(token)
        self._position += 1
        return item

    def finish(self) -> tuple[Fault, ...]:
        """Note a last group that the end of the stream cut short, and return all faults."""
        if self._inside:
            self._group_ends()
            self._open(False)
        return self.faults

    def _speech(self, token: int) -> Item:
        padding = token == self._special.speech_padding_id
        if not self._inside:
            self._misplaced("speech outside a spoken section")
        elif self._slot == 0:
            self._misplaced("speech where text belongs")
        else:
            self._lost = False
            self._slot = (self._slot + 1) % (1 + SPEECH_PER_GROUP)
        if self._inside and self._speech_over and not padding:
            self._fault("speech after its padding")
        self._speech_over = padding
        if padding:
            return Item("control", token, self._inside)
        return Item("speech", self._special.code(token), self._inside)

    def _text(self, token: int) -> Item:
        padding = token == self._special.tts_pad
        if self._inside and self._slot:
            self._misplaced("text where speech belongs")
        elif padding and not self._inside:
            self._misplaced("<tts_pad> outside a spoken section")
        else:
            self._lost = False
        if self._inside:
            if self._text_over and not padding:
                self._fault("text after its padding")
            self._text_over = padding
            # Text always opens a group, so that the pattern is found again after a fault.
            self._slot = 1
        return Item("control" if padding else "text", token, self._inside)

    def _control(self, token: int) -> None:
        special = self._special
        if token == special.tts_start:
            if self._inside:
                self._fault("<tts_start> inside a spoken section")
            self._open(True)
        elif token == special.tts_end:
            if self._inside:
                self._group_ends()
            else:
                self._fault("<tts_end> without <tts_start>")
            self._open(False)
        elif self._inside and token in (special.eot, special.end_of_text):
            self._fault("the turn ends inside the spoken section")
            self._open(False)
        elif self._inside:
            self._fault(f"token {token} is neither text nor speech")

    def _open(self, inside: bool) -> None:
        self._inside = inside
        self._slot = 0
        self._lost = self._text_over = self._speech_over = False

    def _group_ends(self) -> None:
        if self._slot:
            self._fault(f"the last group has {self._slot - 1} of {SPEECH_PER_GROUP} speech tokens")

    def _misplaced(self, reason: str) -> None:
        if not self._lost:
            self._fault(reason)
        self._lost = True

    def _fault(self, reason: str) -> None:
        self._faults.append(Fault(self._position, reason))


@dataclass(frozen=True)
class Section:
    """An answer taken apart."""

    text_ids: list[int]
    """Text of the spoken section, in order."""
    codes: list[int]
    """Speech codes 0..6560, in order, wherever they stood."""
    after_ids: list[int]
    """Text outside the spoken section, such as a tool call after it."""
    closed: bool
    """Whether `<tts_end>` or the end of the turn arrived; False for an answer cut short."""
    faults: tuple[Fault, ...]
    """Departures from the pattern; empty for a well-formed answer."""


def read_section(ids: Iterable[int], special: SpecialTokens, *, inside: bool = True) -> Section:
    """Take the ids of an answer apart; with `inside` False the section begins at its `<tts_start>`.

    Any ids whatever give a result; a section cut short keeps what arrived.
    """
    reader = Deinterleaver(special, inside=inside)
    text_ids: list[int] = []
    codes: list[int] = []
    after_ids: list[int] = []
    for token in ids:
        item = reader.push(token)
        if item.kind == "speech":
            codes.append(item.value)
        elif item.kind == "text":
            (text_ids if item.spoken else after_ids).append(item.value)
    closed = not reader.inside
    return Section(text_ids, codes, after_ids, closed, reader.finish())
