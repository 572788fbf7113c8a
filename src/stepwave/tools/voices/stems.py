"""Words as the full-text index of an embedded store has them: without endings."""

from __future__ import annotations

import sqlite3
from typing import Final

TOKENIZER: Final = "porter unicode61"


class Stems:
    """Asks SQLite's own tokenizer."""

    def __init__(self) -> None:
        self._base = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._base.execute(f"CREATE VIRTUAL TABLE words USING fts5 (word, tokenize = '{TOKENIZER}')")
        self._base.execute("CREATE VIRTUAL TABLE terms USING fts5vocab (words, row)")

    def of(self, word: str) -> list[str]:
        """The stem of a word; several for what the tokenizer takes apart, none for what it does not know."""
        self._base.execute("INSERT INTO words VALUES (?)", (word,))
        found = [term for (term,) in self._base.execute("SELECT term FROM terms")]
        self._base.execute("DELETE FROM words")
        return found

    def close(self) -> None:
        """Let go of the memory."""
        self._base.close()
