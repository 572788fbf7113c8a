"""Documents as titles and passages."""

from pathlib import PurePath

import pytest

from stepwave.facts.errors import DataError
from stepwave.tools.web.search.documents import LARGEST, PASSAGE, Document, read_document


def read(name: str, text: str) -> Document:
    return read_document(PurePath(name), text.encode())


def test_plain_text() -> None:
    assert read("a.txt", "A title\n\nSome words\nin lines.\n") == Document("A title", ("Some words in lines.",))
    assert read("some_notes.txt", "Only words.") == Document("some notes", ("Only words.",))
    assert read("a.TXT", "\ufeffFirst\r\n\r\nSecond") == Document("First", ("Second",))


def test_markdown() -> None:
    text = "# A *title*\n\nWords with [links](http://x) and `code`<b>.</b>\n\n## Hours\n\n- ten\n- two\n\n"
    text += "|a|b|\n|-|-|\n|c|d|\n"
    assert read("a.md", text) == Document("A title", ("Words with links and code. Hours: ten two a b c d",))


def test_html() -> None:
    text = (
        "<html><head><title>T &amp; U</title><style>b{}</style></head><body><nav>menu</nav><h1>T &amp; U</h1>"
        "<p>One<b>two</b>.<!-- no --><h2>Times</h2><table><tr><td>7:40<td>8:30</table><script>evil()</script>end"
    )
    assert read("a.html", text) == Document("T & U", ("Onetwo. Times: 7:40, 8:30, end",))


def test_passages_keep_paragraphs_together_and_headings_with_what_follows() -> None:
    first, second = "a " * 100 + ".", "b " * 100 + "."
    document = read("a.md", f"# T\n\n{first}\n\n## Two\n\n{second}\n")
    assert [passage[:6] for passage in document.passages] == ["a a a ", "Two: b"]


@pytest.mark.parametrize(
    "text", ["x" * 5000, "word " * 1000, "A sentence of words. " * 200, "x" * 299 + ". " + "y" * 900]
)
def test_long_paragraphs_are_cut_and_nothing_is_lost(text: str) -> None:
    passages = read("a.txt", text).passages
    assert all(0 < len(passage) <= PASSAGE for passage in passages)
    assert "".join("".join(passages).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.txt", b"\xff\xfe", "not UTF-8"),
        ("a.md", b"a\0b", "zero bytes"),
        ("a.txt", b" \n ", "holds no words"),
        ("a.md", b"# Only a title", "holds no words"),
        ("a.html", b"", "no HTML that can be read"),
        ("a.html", b"<title>T</title><script>x</script>", "holds no words"),
        ("a.txt", b"a" * (LARGEST + 1), "wanted at most 5,000,000"),
        ("a.pdf", b"%PDF", "the ending is '.pdf'; wanted one of .txt, .md"),
    ],
)
def test_documents_that_cannot_be_read(name: str, data: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_document(PurePath(name), data)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
@pytest.mark.parametrize("piece", ["<a ", "<!--", "<div>", "<script>", "> ", "*a ", "[a](<", "`", "&", "|a"])
def test_odd_documents_are_read_in_time(name: str, piece: str) -> None:
    """Readers that look ahead to the end at each mark would take minutes for these."""
    try:
        assert read(name, piece * 50_000 + " end").passages
    except DataError as error:
        assert "holds no" in str(error)  # noqa: PT017 (either is well)
