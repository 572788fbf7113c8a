"""Reading documents for the offline index: plain text, Markdown and HTML as a title and passages of plain text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from stepwave.facts.errors import DataError, MissingExtraError

LARGEST: Final = 5_000_000
"""Bytes of a document."""
PASSAGE: Final = 300
"""Characters up to which paragraphs are put together, about as many as are told of a hit; a longer one is cut at
sentences."""
_HEADING: Final = 100
"""Characters up to which words that end in a colon stay with what follows them, as headings do."""
_SILENT: Final = ("script", "style", "noscript", "template", "svg", "nav", "iframe", "title")
_BLOCKS: Final = (
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "figcaption", "footer", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr", "ul",
)  # fmt: skip
_HEADINGS: Final = ("h1", "h2", "h3", "h4", "h5", "h6")
_PARAGRAPH: Final = re.compile(r"\n\s*\n")
_SENTENCE: Final = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True)
class Document:
    """A document's words."""

    title: str
    passages: tuple[str, ...]
    """What is searched and shown, in order; at least one."""


def read_document(name: PurePath, data: bytes) -> Document:
    """The document `data` of the file `name`, whose ending says what it is.

    Raises DataError for one that is not UTF-8, holds no words or is of another kind; MissingExtraError for HTML without
    the package that reads it.
    """
    if len(data) > LARGEST:
        raise DataError(f"{len(data):,} bytes; wanted at most {LARGEST:,}")
    reader = READERS.get(name.suffix.lower())
    if reader is None:
        raise DataError(f"the ending is {name.suffix!r}; wanted one of {', '.join(READERS)}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("not UTF-8; save it as UTF-8") from None
    if "\0" in text:
        raise DataError("holds zero bytes, as binary files do")
    title, words = reader(text)
    passages = _passages(words.strip().removeprefix(f"{title}:"))
    if not passages:
        raise DataError("holds no words")
    return Document(title or name.stem.replace("_", " ").replace("-", " "), tuple(passages))


def _plain(text: str) -> tuple[str, str]:
    """A short first line with a blank one below it is the title."""
    first, _, rest = text.strip().partition("\n")
    if len(first) <= 100 and rest.startswith(("\n", "\r")) and rest.strip():
        return first.strip(), rest
    return "", text


def _markdown(text: str) -> tuple[str, str]:
    from markdown_it import MarkdownIt

    title, blocks, heading = "", [], False
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        heading = token.type == "heading_open" if token.type != "inline" else heading
        if token.type == "inline":
            words = "".join(
                "\n" if child.type in ("softbreak", "hardbreak") else child.content
                for child in token.children or ()
                if child.type != "html_inline"
            )
            if heading and not title:
                title = " ".join(words.split())
            else:
                blocks.append(f"{words}:" if heading else words)
        elif token.type in ("fence", "code_block"):
            blocks.append(token.content)
    return title, "\n\n".join(blocks)


def _html(text: str) -> tuple[str, str]:
    try:
        from lxml import etree
        from lxml.html import HTMLParser, document_fromstring
    except ImportError as error:
        raise MissingExtraError("tools", error.name) from None
    parser = HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        page = document_fromstring(text.encode(), parser=parser)
    except etree.LxmlError:
        raise DataError("holds no HTML that can be read") from None
    title = " ".join((page.findtext(".//title") or "").split())
    etree.strip_elements(page, *_SILENT, with_tail=False)
    for element in page.iter(*_BLOCKS):
        element.text = f"\n\n{element.text or ''}"
        element.tail = f"{':' if element.tag in _HEADINGS else ''}\n\n{element.tail or ''}"
    for cell in page.iter("td", "th"):
        cell.tail = f", {cell.tail or ''}"
    return title, str(page.text_content())


READERS: Final[Mapping[str, Callable[[str], tuple[str, str]]]] = {
    ".txt": _plain,
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
}
"""By a file's ending: from its content to title ("" without one) and words, with blank lines between paragraphs."""


def _passages(words: str) -> list[str]:
    """Paragraphs on one line each, short ones together, long ones cut at sentences or, where need be, at words."""
    pieces: list[str] = []
    for paragraph in _PARAGRAPH.split(words):
        text = " ".join(paragraph.split())
        pieces += _SENTENCE.split(text) if len(text) > PASSAGE else [text]
    passages: list[str] = []
    heading = ""
    for piece in filter(None, pieces):
        if piece.endswith(":") and len(heading + piece) <= _HEADING:
            heading += f"{piece} "
            continue
        piece, heading = heading + piece, ""
        while len(piece) > PASSAGE:
            cut = piece.rfind(" ", 1, PASSAGE)
            cut = cut if cut > 0 else PASSAGE
            passages.append(piece[:cut])
            piece = piece[cut:].strip()
        if passages and len(passages[-1]) + len(piece) < PASSAGE:
            passages[-1] += f" {piece}"
        elif piece:
            passages.append(piece)
    return [*passages, heading.strip()] if heading else passages
