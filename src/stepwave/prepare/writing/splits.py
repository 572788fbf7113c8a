"""Which part of a corpus a text belongs to, from nothing but its words and the seed."""

from typing import Final

from stepwave.facts.errors import ConfigError
from stepwave.prepare.dialogues.everyday import Split
from stepwave.prepare.pipeline.steps import drawing

TEST_SHARE: Final = 0.05
"""Share of the texts that is held out unless told otherwise."""


def split_of(text: str, seed: int, share: float = TEST_SHARE) -> Split:
    """`test` for a share of all texts, whatever their language; the same text is always of the same split."""
    return "test" if drawing(seed, "split", text).random() < share else "train"


def check_share(share: float) -> None:
    """Raises ConfigError for a share of held-out texts that is none."""
    if not 0 <= share < 1:
        raise ConfigError(f"a share of {share} held-out texts; wanted 0 or more, below 1")
