"""Which ids may come next in an answer, and when it has run away.

An answer is plain text, or begins inside a spoken section (its prompt ends in `<tts_start>`): groups of one text and
four speech slots (reference facts 4.3), closed by `<tts_end>` in a text slot, then plain text or a tool call.
Following that pattern here costs nothing and pays twice: nothing malformed can be generated, and a speech slot scores
6,562 rows of the vocabulary in place of all of them. The released wrapper leaves the pattern to the model.

Once a stream is padded it stays padded, and when both are, the section ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import SPEECH_PER_GROUP
from stepwave.facts.tokens import SpecialTokens


@dataclass(frozen=True)
class Guards:
    """Limits that stop an answer which goes round in circles. The defaults are far outside what good answers do."""

    codes_per_text_token: int = 25
    """Speech codes (40 ms each) allowed per text token of the section, on top of `spare_codes`; then it is closed."""
    spare_codes: int = 75
    """Speech codes allowed whatever the text."""
    same_code: int = 100
    """So many equal codes in a row (4 s: a hum or silence without end) close the section."""
    loop_period: int = 12
    """Longest run of text tokens whose repetition is noticed."""
    loop_times: int = 8
    """A run of text tokens that comes this often in a row ends the text."""

    def __post_init__(self) -> None:
        for name in ("codes_per_text_token", "spare_codes", "same_code", "loop_period"):
            if getattr(self, name) < 1:
                raise ConfigError(f"guards: {name} is {getattr(self, name)}; it must be at least 1.")
        if self.loop_times < 2:
            raise ConfigError(f"guards: loop_times is {self.loop_times}; it must be at least 2.")


class Choice(NamedTuple):
    """What may come next."""

    rows: slice
    """Ids to score."""
    ruled_out: Tensor | None
    """Those that may not be chosen, as places among the rows; None for none."""
    forced: int | None = None
    """The only possible id, where nothing needs to be scored."""


class Slots:
    """Follows one answer id by id. `choice` tells what may come next, `push` takes what came."""

    def __init__(self, special: SpecialTokens, guards: Guards | None = None, said: Sequence[int] | None = None) -> None:
        """`said` is the text of the spoken section where the caller has it: its sound alone is chosen then, and may
        not end before it."""
        self._special = special
        self._guards = guards or Guards()
        self._said = said
        ids = torch.arange(special.speech_base)
        control = torch.tensor(sorted(token for token in special.control if token < special.speech_base))
        text = torch.ones(len(ids), dtype=torch.bool).index_fill(0, control, False)
        ends = torch.tensor([special.eot, special.end_of_text])
        rows = slice(0, special.speech_base)
        self._plain = Choice(rows, _others(text.index_fill(0, ends, True)))
        marks = torch.tensor([special.tool_call_start, special.tool_call_end])
        closing = torch.tensor([special.tts_pad, special.tts_end])
        self._text = Choice(rows, _others(text.index_fill(0, marks, False).index_fill(0, closing, True)))
        low, high = sorted((special.tts_pad, special.tts_end))
        between = torch.zeros(high - low + 1, dtype=torch.bool).index_fill(0, closing - low, True)
        self._padded = Choice(slice(low, high + 1), _others(between))
        self._speech = Choice(slice(special.speech_base, special.speech_padding_id + 1), None)
        self._sounding = Choice(slice(special.speech_base, special.speech_padding_id), None)
        self.spoken = False
        self.runaway = False
        """Whether a guard stepped in."""
        self.over = False
        """Whether a guard found a loop in plain text, which nothing but stopping ends."""
        self._slot = self._codes = self._same = self._spoken_texts = 0
        self._last = -1
        self._text_over = self._speech_over = self._close = False
        self._texts: list[int] = []

    @property
    def slot(self) -> int:
        """Position in the group of a spoken section: 0 is the text slot."""
        return self._slot

    def choice(self) -> Choice:
        """What may come next."""
        special = self._special
        if not self.spoken:
            return self._plain
        unsaid = () if self._said is None else self._said[self._spoken_texts :]
        if self._slot:
            if self._speech_over:
                return Choice(slice(0, 0), None, special.speech_padding_id)
            return self._sounding if unsaid else self._speech
        if (self._text_over and self._speech_over) or self._close:
            return Choice(slice(0, 0), None, special.tts_end)
        if unsaid:
            return Choice(slice(0, 0), None, unsaid[0])
        return self._text if self._said is None and not self._text_over else self._padded

    def push(self, token: int) -> None:
        """Follow one id; ids outside the pattern (of a prompt, say) are taken for what they are."""
        special = self._special
        if token in (special.tts_start, special.tts_end, special.eot, special.bot):
            self._open(token == special.tts_start)
        elif self.spoken and special.is_speech(token):
            self._slot = (self._slot + 1) % (1 + SPEECH_PER_GROUP)
            self._codes += 1
            self._same = self._same + 1 if token == self._last else 1
            self._last = token
            self._watch_speech()
        elif self.spoken and token == special.speech_padding_id:
            self._slot = (self._slot + 1) % (1 + SPEECH_PER_GROUP)
            self._speech_over = True
        elif self.spoken:
            self._slot = 1
            self._text_over = token == special.tts_pad
        if special.is_text(token):
            self._texts.append(token)
            self._spoken_texts += self.spoken
            self._watch_text()

    def closing(self) -> list[int]:
        """Ids that bring an answer cut short to a proper end: speech padding to a full group, `<tts_end>`,
        `<|EOT|>`."""
        special = self._special
        if not self.spoken:
            return [special.eot]
        missing = (1 + SPEECH_PER_GROUP - self._slot) % (1 + SPEECH_PER_GROUP)
        return [*[special.speech_padding_id] * missing, special.tts_end, special.eot]

    def _open(self, spoken: bool) -> None:
        self.spoken = spoken
        self._slot = self._codes = self._same = self._spoken_texts = 0
        self._last = -1
        self._text_over = self._speech_over = self._close = False
        self._texts.clear()

    def _watch_speech(self) -> None:
        guards = self._guards
        limit = guards.spare_codes + guards.codes_per_text_token * self._spoken_texts
        if self._same >= guards.same_code or self._codes >= limit:
            self._close = self.runaway = True

    def _watch_text(self) -> None:
        if self._said is not None or not has_loop(self._texts, self._guards.loop_period, self._guards.loop_times):
            return
        self.runaway = True
        if self.spoken:
            self._text_over = True
        else:
            self.over = True


def has_loop(ids: Sequence[int], period: int, times: int) -> bool:
    """Whether `ids` end in one run of at most `period` ids that comes `times` times in a row."""
    for length in range(1, min(period, len(ids) // times) + 1):
        tail = ids[-length * times :]
        if tail[length:] == tail[:-length]:
            return True
    return False


def follow(
    ids: Sequence[int], special: SpecialTokens, guards: Guards | None = None, said: Sequence[int] | None = None
) -> Slots:
    """The state of an answer that begins after the prompt `ids`: inside a spoken section if they end in an open one."""
    slots = Slots(special, guards, said)
    borders = (special.tts_start, special.tts_end, special.bot, special.eot)
    last = next((index for index in range(len(ids) - 1, -1, -1) if ids[index] in borders), len(ids))
    if last < len(ids) and ids[last] == special.tts_start:
        for token in ids[last:]:
            slots.push(token)
        slots.runaway = slots.over = False
    return slots


def _others(allowed: Tensor) -> Tensor:
    """Places where `allowed` [rows] is False: few, so that not every score need be touched."""
    return (~allowed).nonzero()[:, 0]
