from __future__ import annotations

import pytest

from stepwave.dialogue.history import shortened, turn_spans
from stepwave.dialogue.stepwave import Stepwave
from stepwave.text.interleave import interleave


def test_turns_go_from_mark_to_mark(talker: Stepwave) -> None:
    special = talker.engine.tokenizer.special
    assert turn_spans([], special) == []
    assert turn_spans([special.bot, 5, special.eot, special.bot, 6], special) == [(0, 3), (3, 5)]


@pytest.mark.parametrize(("complete", "words"), [(True, 5), (False, 4)])
def test_text_is_cut_with_the_sound(talker: Stepwave, complete: bool, words: int) -> None:
    """Ten words and two seconds, of which one was heard: half of them, or those that fit into a second."""
    special = talker.engine.tokenizer.special
    ids = interleave(range(10), range(50 if complete else 48), special, pad_speech=complete)
    ids = [*ids, special.tts_end, *range(30, 33), special.eot]
    kept, section = shortened(ids, 1.0, special)
    assert section.codes == list(range(25))
    assert section.text_ids == list(range(words))
    assert kept[-2:] == [special.tts_end, special.eot]
    assert shortened(kept, 1.0, special)[0] == kept
    assert shortened(ids, 60.0, special)[0] == ids
