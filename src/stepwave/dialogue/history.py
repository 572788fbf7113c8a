"""A conversation's ids taken apart and mended: where its turns stand, and answers that were not heard to their end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from stepwave.facts.rates import SPEECH_TOKEN_RATE
from stepwave.facts.tokens import SpecialTokens
from stepwave.text.interleave import Section, interleave, read_section

SPOKEN_TOKENS_PER_SECOND: Final = 3.3
"""Text that is spoken in a second: tells how much of an unfinished answer had been said when it was cut off."""


def turn_spans(ids: Sequence[int], special: SpecialTokens) -> list[tuple[int, int]]:
    """Start and end of each turn in a history, in order: from its `<|BOT|>` up to the next one's."""
    starts = [place for place, token in enumerate(ids) if token == special.bot]
    return list(pairwise([*starts, len(ids)]))


def shortened(ids: Sequence[int], seconds: float, special: SpecialTokens) -> tuple[list[int], Section]:
    """The answer whose ids follow its `<tts_start>`, cut to its first `seconds` of sound: its ids, and what they hold.

    The model writes text ahead of its sound, so text is cut in proportion to the sound where the answer was complete,
    and by the usual pace of speech where it was not. A tool call that followed is left out too. An answer that is not
    longer stays as it is.
    """
    section = read_section(ids, special)
    heard = min(round(seconds * SPEECH_TOKEN_RATE), len(section.codes))
    if heard == len(section.codes):
        return list(ids), section
    complete = ids[-1] == special.eot and special.speech_padding_id in ids
    share = math.ceil(len(section.text_ids) * heard / len(section.codes))
    words = share if complete else math.ceil(SPOKEN_TOKENS_PER_SECOND * seconds)
    kept = interleave(section.text_ids[:words], section.codes[:heard], special)
    return [*kept, special.tts_end, special.eot], read_section(kept, special)
