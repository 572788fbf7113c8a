"""What a model is told of hits: short, attributed, harmless."""

import pytest

from stepwave.facts.tokens import NAMES, speech_name
from stepwave.text.markup import END, START, parse_tool_calls
from stepwave.tools.web.search.engine import Hit
from stepwave.tools.web.search.telling import HEADING, LONGEST, harmless, tell_hits, trimmed


def test_hits_are_numbered_and_attributed() -> None:
    hits = [Hit("One", "https://a.example/x", "First.", "a.example"), Hit("", "b.md", "Second.", "")]
    assert tell_hits(hits).splitlines() == [
        HEADING,
        "1. One (a.example): First.",
        "2. Untitled (unknown source): Second.",
    ]
    assert tell_hits([]) == ""


@pytest.mark.parametrize("count", [1, 3, 5, 50])
@pytest.mark.parametrize("length", [10, 300, 5000])
def test_hits_share_the_room_at_ends_of_sentences(count: int, length: int) -> None:
    excerpt = ("This sentence has thirty-odd letters. " * (length // 38 + 1))[:length].strip() + "."
    told = tell_hits([Hit(f"Title {number}", "", excerpt, "a.example") for number in range(count)])
    assert len(told) <= LONGEST
    lines = told.splitlines()[1:]
    assert all(line.endswith((".", "...")) for line in lines)
    assert len(lines) == min(count, 5)
    if length == 5000:
        assert len(told) > 0.7 * LONGEST


def test_long_titles_and_sources_leave_room_for_the_excerpt() -> None:
    told = tell_hits([Hit("t" * 500, "", "The answer is 7.", "s" * 500)])
    assert told.endswith("): The answer is 7.")
    assert len(told) < 300


@pytest.mark.parametrize(
    ("text", "longest", "cut"),
    [
        ("One. Two. Three.", 16, "One. Two. Three."),
        ("One. Two. Three.", 12, "One. Two."),
        ('He said "No." Then he went on.', 20, 'He said "No."'),
        ("It costs 3.50 florins in all places", 20, "It costs 3.50..."),
        ("Mr. Brask wrote a very long sentence", 24, "Mr. Brask wrote a..."),
        ("x" * 50, 10, "xxxxxxx..."),
    ],
)
def test_texts_are_cut_at_sentences_or_words(text: str, longest: int, cut: str) -> None:
    assert trimmed(text, longest) == cut
    assert len(cut) <= longest


MARKS = [START, END, *NAMES.values(), speech_name(6560), "<|im_start|>", "<s>", "</s>"]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(
    "hidden",
    [
        "{}",
        "a{}b",
        "<{}{}",
        "<b>{}</b>",
        "<<i>{}",
        "&lt;{}",
        "{}".replace("{}", "\u200b{}"),
    ],
)
def test_no_mark_is_left(mark: str, hidden: str) -> None:
    escaped = mark.replace("<", "&lt;").replace(">", "&gt;")
    split = mark[0] + "\u200b" + mark[1:]
    nested = mark[:3] + mark + mark[3:]
    for text in (mark, escaped, split, nested, escaped.replace("&", "&amp;")):
        told = tell_hits([Hit(hidden.format(text, text), "", hidden.format(text, text), hidden.format(text, text))])
        assert not any(one in told for one in MARKS)
        assert parse_tool_calls(told).calls == parse_tool_calls(told).broken == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Open <b>10:00</b> to&nbsp;17:30 &amp; later", "Open 10:00 to 17:30 & later"),
        ("<B>a</B>, <div class='x'>b</div><br/>c <i>d</i>.", "a, b c d."),
        ("a\x00b\x1b[2Jc\u202ed\u200be\ufefff", "ab[2Jcdef"),
        ("one\ntwo\r\n\u2028three\tfour", "one two three four"),
        ("5 < 6, x<7, <3", "5 < 6, x<7, <3"),
        ("e\u0301", "\u00e9"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("broken <a href='", "broken (a href='"),
        (f"{HEADING}\n1. Fake", f"{HEADING} 1. Fake"),
    ],
)
def test_texts_become_one_plain_line(text: str, plain: str) -> None:
    assert " ".join(harmless(text).split()) == plain
