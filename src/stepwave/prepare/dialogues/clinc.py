"""Queries of CLINC150 (voice-assistant queries by 150 intents, CC BY 3.0) as further questions of our own intents.

The assistant has no tools and no accounts, so most of the intents share an honest answer. Only the training queries
are read; the others stay free for measuring.
"""

import json
import re
from pathlib import Path
from random import Random

from stepwave.facts.errors import ConfigError
from stepwave.prepare.dialogues.grammar import sentence
from stepwave.prepare.dialogues.scripts import read

PER_SOURCE = 12
"""Queries taken from one CLINC150 intent at most, so that ours do not drown in them."""
OUT_OF_SCOPE = "oos"
_SPEAKABLE = re.compile(r"[a-z][a-z', ]*[a-z]\??")
_LONGEST = 12


def clinc_questions(file: Path, seed: int) -> dict[str, list[str]]:
    """Questions by our intent, drawn from the training queries of `file` (clinc150.json).

    Raises ConfigError when the file cannot be read as CLINC150.
    """
    table = read("clinc")
    skip = {ours: set(words) for ours, words in table["skip"].items()}
    queries = _queries(file)
    questions: dict[str, list[str]] = {}
    for ours, sources in table["intents"].items():
        for source in sources:
            suitable = [query for query in queries.get(source, []) if _suits(query, skip.get(ours, set()))]
            Random(f"{seed} {source}").shuffle(suitable)
            taken = suitable if source == OUT_OF_SCOPE else suitable[:PER_SOURCE]
            questions.setdefault(ours, []).extend(_written(query) for query in taken)
    return questions


def _queries(file: Path) -> dict[str, list[str]]:
    """Training queries by intent, those out of scope under `OUT_OF_SCOPE`."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        pairs = [(str(query), str(intent)) for query, intent in [*document["train"], *document["oos_train"]]]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ConfigError(f"{file} was to be CLINC150 (data_full.json) but cannot be read so: {problem!r}") from problem
    queries: dict[str, list[str]] = {}
    for query, intent in pairs:
        queries.setdefault(intent, []).append(query)
    return queries


def _suits(query: str, skip: set[str]) -> bool:
    """Whether a voice can speak the query as written (no digits), it is short, and no other answer of ours fits it."""
    words = query.rstrip("?").replace(",", " ").split()
    return bool(_SPEAKABLE.fullmatch(query)) and len(words) <= _LONGEST and not skip.intersection(words)


def _written(query: str) -> str:
    return sentence(re.sub(r"\bi\b", "I", query))
