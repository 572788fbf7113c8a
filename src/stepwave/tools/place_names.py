"""Comparing names of places as people write them."""

from __future__ import annotations

import unicodedata


def plain(name: str) -> str:
    """Small letters without accents, spaces between words: "sao paulo" for "São_Paulo"."""
    letters = unicodedata.normalize("NFKD", name.casefold().replace("_", " "))
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())
