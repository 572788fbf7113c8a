"""Silences between turns: short before an assistant's answer, a little longer while a person thinks.

Gaps between speakers cluster around a fifth of a second, with a long tail (Stivers et al., "Universals and cultural
variation in turn-taking in conversation", PNAS 2009); a log-normal has that shape. Ours are longer, as talk with a
machine is, and there is no overlap: a turn begins after the one before has ended.
"""

import math
from random import Random
from typing import Final

from stepwave.facts.conversation import Role

MEDIAN_SECONDS: Final = {"assistant": 0.35, "human": 0.7}
SPREAD: Final = 0.55
"""Standard deviation of the logarithm."""
SHORTEST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 4.0


def pause_before(role: Role, random: Random) -> float:
    """Seconds of silence before a turn of `role`, 0.1 to 4.0."""
    drawn = random.lognormvariate(math.log(MEDIAN_SECONDS[role]), SPREAD)
    return round(min(max(drawn, SHORTEST_SECONDS), LONGEST_SECONDS), 2)
