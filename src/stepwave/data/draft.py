"""One record's ids while they are written: what is given, what is to be said, and where sound is heard.

Ids of prompts come from the chat template, so that training reads what dialogue feeds.
"""

from collections.abc import Sequence

from stepwave.data.examples import IGNORED, Example, Heard
from stepwave.data.records import Clip
from stepwave.facts.conversation import TokensPart
from stepwave.facts.tokens import SpecialTokens


class Draft:
    """Ids in the order they are written, each given (no loss) or to be said (a label)."""

    def __init__(self, special: SpecialTokens) -> None:
        self._special = special
        self._ids: list[int] = []
        self._said: list[bool] = []
        self._heard: list[Heard] = []

    def give(self, ids: Sequence[int], sounds: Sequence[tuple[Clip, Sequence[int]]] = ()) -> None:
        """Append what the model reads. `sounds` are the clips whose groups are among `ids`, in order, and how many
        placeholders each piece has."""
        start, marked = len(self._ids) + 1, self._special.audio_start
        groups = [start + place for place, token in enumerate(ids) if token == marked] if sounds else []
        pieces = [(clip, piece, count) for clip, counts in sounds for piece, count in enumerate(counts) if count]
        for (clip, piece, count), start in zip(pieces, groups, strict=True):
            self._heard.append(Heard(clip, piece, start, count))
        self._add(ids, said=False)

    def say(self, ids: Sequence[int]) -> None:
        """Append what the model is to say."""
        self._add(ids, said=True)

    def example(self, task: str) -> Example:
        """What was written, with the labels shifted: each position is labelled with the id after it, if it is said."""
        following = zip(self._ids[1:], self._said[1:], strict=True)
        labels = [token if said else IGNORED for token, said in following]
        return Example(tuple(self._ids), (*labels, IGNORED), task, tuple(self._heard))

    def _add(self, ids: Sequence[int], *, said: bool) -> None:
        self._ids.extend(ids)
        self._said.extend([said] * len(ids))


def sound_groups(counts: Sequence[int], special: SpecialTokens) -> TokensPart:
    """A clip in a message: for each piece `<audio_start>`, its placeholders, `<audio_end>`.

    A last piece of 20 ms or less, of which the encoder makes nothing, has no group: stored frames don't tell that it
    was there. (The template of prompts writes an empty one, as the reference does.)
    """
    ids: list[int] = []
    for count in filter(None, counts):
        ids += [special.audio_start, *[special.audio_patch] * count, special.audio_end]
    return TokensPart(tuple(ids))
