"""Parallel sentences from a table: source, target, and where they come from.

A line is SOURCE<tab>TARGET, with an optional third column that tells licence and attribution. The lists of Tatoeba
pairs that manythings.org gives out are of this form, as `CC-BY 2.0 (France) Attribution: tatoeba.org #1 (a) & #2 (b)`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepwave.facts.errors import DataError
from stepwave.prepare.writing.sources import read_lines
from stepwave.prepare.writing.speakable import plain

ATTRIBUTION = "Attribution:"


@dataclass(frozen=True)
class Pair:
    """A sentence and its translation."""

    source: str
    target: str
    licence: str = ""
    attribution: str = ""


def read_pairs(path: Path) -> list[Pair]:
    """Pairs in order, each pair of texts once.

    Raises DataError for a file that cannot be read, a line without a second column, or no lines at all.
    """
    pairs: dict[tuple[str, str], Pair] = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        columns = line.split("\t")
        if len(columns) < 2:
            raise DataError(f"{path}, line {number}: one column; wanted a sentence, a tab and its translation")
        source, target = plain(columns[0]), plain(columns[1])
        licence, _, attribution = (columns[2] if len(columns) > 2 else "").partition(ATTRIBUTION)
        pairs.setdefault((source, target), Pair(source, target, licence.strip(), attribution.strip()))
    if not pairs:
        raise DataError(f"{path} holds no sentences; wanted a sentence, a tab and its translation on each line")
    return list(pairs.values())


def families(pairs: Sequence[Pair]) -> Iterator[str]:
    """For each pair a text that stands for all pairs which share sentences with it, directly or through others.

    Pairs of one family belong into one split: a held-out sentence is then not known from another translation.
    """
    leaders: dict[tuple[int, str], tuple[int, str]] = {}

    def leader(of: tuple[int, str]) -> tuple[int, str]:
        while leaders.setdefault(of, of) != of:
            leaders[of] = leaders[leaders[of]]
            of = leaders[of]
        return of

    for pair in pairs:
        first, second = sorted((leader((0, pair.source)), leader((1, pair.target))))
        leaders[second] = first
    return (leader((0, pair.source))[1] for pair in pairs)
