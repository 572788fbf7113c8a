"""The page: it parses, holds everything, and does nothing with strangers' texts but show them."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import MadeCall, Produced
from stepwave.evaluation.items import Call, Item, Sound, Turn
from stepwave.evaluation.reporting.page import write_page
from stepwave.facts.errors import ConfigError, ServiceError
from stepwave.signal.files import write_audio

from ..made_runs import NASTY, figure, make_run, score

TASKS = ("gender", "age", "timbre", "scenario", "event", "emotion", "pitch", "rhythm", "speed", "style", "vocal")
VOID = {"meta", "input", "br", "img"}


class Reader(HTMLParser):
    """Takes a page apart: its tags with their attributes, its text; fails where tags don't match."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag: str, kind: str = "") -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag and (not kind or found.get("class") == kind)]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def sound(loud: float = 0.3) -> Any:
    return (np.sin(np.arange(12_000) * 0.05) * loud).astype(np.float32)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs of a suite that has published figures: one item right, one wrong, one failed; the second is better."""
    write_audio(tmp_path / "q.wav", sound(), 24_000)
    items = [
        Item("q/1", "Who speaks?", Sound(str(tmp_path / "q.wav")), ("a woman",), tags={"task": "gender"},
             label="woman"),
        Item(NASTY, NASTY, None, (NASTY,), instruction=NASTY, tags={NASTY: NASTY}, label=NASTY, options=(NASTY,),
             turns=(Turn("user", NASTY), Turn("assistant", "hm", calls=(Call(NASTY, {NASTY: NASTY}),))),
             calls=(Call(NASTY, {"a": NASTY}),)),
        Item("lost", "Where?", Sound(str(tmp_path / "gone.wav"))),
    ]  # fmt: skip
    folders = []
    for name, right in (("first", 0.0), ("second", 1.0)):
        figures = [
            figure("paralinguistic", 50 * right, group="gender", by="task", n=2, failed=1),
            *(figure("paralinguistic", 7.0, group=task, by="task", n=1) for task in TASKS[1:]),
            figure(
                "paralinguistic", 50 * right + 10, by="task", n=3, failed=1, target={"limit": 40.0, "better": "higher"}
            ),
        ]
        scores = [
            score("paralinguistic", "q/1", right, reference="a woman", hypothesis="a woman" if right else "a man",
                  predicted="woman" if right else "man", label="woman", group="gender", reason="It says so."),
            score("paralinguistic", NASTY, 0.0, reference=NASTY, hypothesis=NASTY + " x", predicted=NASTY, label=NASTY,
                  reason=NASTY, group="gender"),
            score("paralinguistic", "lost", None),
        ]  # fmt: skip
        answers: list[tuple[str, Item, Produced | Exception]] = [
            ("paralinguistic", items[0], Produced("A man.", heard="who speaks", sound=sound(), original=sound(0.1))),
            ("paralinguistic", items[1], Produced(NASTY, calls=(MadeCall(NASTY, NASTY),), cut=True)),
            ("paralinguistic", items[2], ServiceError(f"it was away {NASTY}")),
        ]
        folders.append(make_run(tmp_path / name, "paralinguistic", figures, scores, answers, model=f"{NASTY} {name}"))
    return folders


def test_the_page_is_whole_and_holds_every_item(runs: list[Path], tmp_path: Path) -> None:
    shares: list[float] = []
    written = write_page(runs, tmp_path / "out", progress=shares.append)
    page = Reader(written.page)
    articles = page.all("article")
    assert [found["data-check"] for found in articles] == ["paralinguistic"] * 3
    assert [(found["data-wrong"], found["data-failed"], found["data-differs"]) for found in articles] == [
        ("1", "0", "1"),
        ("1", "0", "0"),
        ("0", "1", "0"),
    ]
    for wanted in (
        "Who speaks?",
        "A man.",
        "who speaks",
        "right 0.00 %",
        "right 100.0 %",
        "why It says so.",
        "ServiceError: it was away",
        "It ran into the limit of length.",
        "Failed: in no average, and never zero",
        "50.0 %",
        "at least 40.0 % reached, were it not for failures",
        "at least 40.0 % not reached",
        "n 3, 1 failed",
        "1 and 1 failed",
        "+50.00",
        "1 items differ",
    ):
        assert wanted in page.text, wanted
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    # The question's sound once, and of each run an answer and what that is compared with; one is not there.
    assert len(page.all("audio")) == 5
    assert (written.embedded, written.linked, written.missing) == (5, 0, 1)
    assert len(page.all("del")) > 0
    assert len(page.all("ins")) > 0
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(set(ids)) == len(ids)
    targets = [str(found["href"]).removeprefix("#") for found in page.all("a")]
    assert set(targets) <= set(ids)


def test_published_rows_and_runs_stand_in_one_table(runs: list[Path], tmp_path: Path) -> None:
    text = write_page(runs, tmp_path / "out").page.read_text(encoding="utf-8")
    (table,) = re.findall(r'<table class="headline">.*?</table>', text, re.DOTALL)
    rows = re.findall(r'<tr class="(\w+)"><th scope="row">([^<]*?) *</th><td>([^<]*)</td>(.*?)</tr>', table)
    assert [kind for kind, *_ in rows] == ["published"] * 7 + ["run"] * 2
    assert rows[5][1:3] == ("Step-Audio 2", "README")
    cells = [re.findall(r'<td class="number">(?:<b>)?([\d.–]+)', row[3]) for row in rows]
    assert cells[0] == ["43.45", "18", "42", "34", "22", "14", "82", "40", "60", "58", "64", "44"]
    assert cells[7][:2] == ["10.00", "0.0"]
    assert cells[8][:3] == ["60.00", "50.0", "7.0"]
    assert "<b>83.09</b>" in rows[5][3]
    assert "47.0–53.0" in rows[8][3]


def test_confusions_count_what_was_named(runs: list[Path], tmp_path: Path) -> None:
    text = write_page(runs, tmp_path / "out").page.read_text(encoding="utf-8")
    first, second = re.findall(r'<table class="confusion">.*?</table>', text, re.DOTALL)
    assert re.search(r'<th scope="row">woman</th>.*shade-10 wrong" title="100\xa0% of the row">1</td>', first)
    assert re.search(r'<th scope="row">woman</th>.*shade-10 right" title="100\xa0% of the row">1</td>', second)


def test_texts_of_strangers_are_only_shown(runs: list[Path], tmp_path: Path) -> None:
    written = write_page(runs, tmp_path / "out")
    page = Reader(written.page)
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert page.all("iframe") == []
    assert not any(name.startswith("on") for _, found in page.tags for name in found)
    assert not any("style" in found for _, found in page.tags)
    # Each time it stands there in full.
    assert page.text.count(" ".join(NASTY.split())) >= 20
    for name, found in page.tags:
        if address := found.get("href") or found.get("src"):
            assert address.startswith(("#", "data:audio/ogg;base64,")), name
    for line in written.tables.read_text(encoding="utf-8").splitlines():
        assert not re.search(r"(?<!\\)[<>]", line)


def test_nothing_but_the_pages_own_style_and_script_is_allowed(runs: list[Path], tmp_path: Path) -> None:
    path = write_page(runs, tmp_path / "out").page
    page, text = Reader(path), path.read_text(encoding="utf-8")
    (policy,) = [str(found["content"]) for found in page.all("meta") if "http-equiv" in found]
    for name in ("script", "style"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; media-src data:; ")
    assert "http" not in policy
    assert not re.search(r"https?://", text.replace(NASTY.split("src=")[1].split()[0], ""))
    assert not re.search(r"url\(|@import", text)


def test_links_of_sounds_are_relative(runs: list[Path], tmp_path: Path) -> None:
    written = write_page(runs, tmp_path / "out" / "deep", "link")
    page = Reader(written.page)
    sources = [str(found["src"]) for found in page.all("audio")]
    assert "../../q.wav" in sources
    assert "../../first/paralinguistic/q_1.wav" in sources
    assert all((written.page.parent / source).is_file() for source in sources)
    assert "5 are linked where they lay" in page.text
    assert write_page(runs, tmp_path / "none", "none").missing == 0


def test_a_sample_is_marked_and_its_numbers_are_no_scores(runs: list[Path], tmp_path: Path) -> None:
    facts = json.loads((runs[1] / "run.json").read_text())
    (runs[1] / "run.json").write_text(json.dumps({**facts, "sample": True}))
    written = write_page(runs, tmp_path / "out")
    page = Reader(written.page)
    assert page.text.count("SAMPLE") >= 4
    assert "50.00" not in page.text
    assert "60.0" not in page.text.replace("160.0", "")
    assert "what a sample gives is no score" in page.text
    assert "They measure nothing" in page.text
    assert len(page.all("article")) == 3
    markdown = written.tables.read_text(encoding="utf-8")
    assert "SAMPLE, no scores" in markdown
    assert "60.00" not in markdown.split("| SAMPLE ")[1]


def test_a_suite_that_nobody_published_figures_of_has_the_rest(tmp_path: Path) -> None:
    figures = [figure("x", 120.0, "word error", better="lower"), figure("x", 1.25, "time", unit="s", better=None)]
    run = make_run(
        tmp_path / "run", "nano_quick", [*figures, {**figure("x", 0, "none"), "value": None, "interval": None}]
    )
    written = write_page([run], tmp_path / "out")
    page = Reader(written.page)
    assert "Beside published figures" not in page.text
    assert "120.0 %" in page.text
    assert "1.25 s" in page.text
    assert "nothing to score" in page.text
    bars = re.findall(r'class="value" width="([\d.]+)"', written.page.read_text())
    # The scale reaches to the end of the interval, 123 %; that of the time to 4.25 s.
    assert [float(width) for width in bars] == pytest.approx([220 * 120 / 123, 220 * 1.25 / 4.25], abs=0.1)
    assert "Nobody has published figures" in written.tables.read_text()


def test_every_round_of_a_conversation_is_there(tmp_path: Path) -> None:
    item = Item("i", "And how old?", turns=(Turn("user", "Who is it?"),))
    produced = Produced("Ninety.", sound=sound(), earlier=(Produced("My aunt.", sound=sound()),))
    page = Reader(
        write_page([make_run(tmp_path / "run", "asr", [], [], [("x", item, produced)])], tmp_path / "out").page
    )
    assert "round 1 My aunt. Ninety." in page.text
    assert page.text.index("Who is it?") < page.text.index("And how old?") < page.text.index("My aunt.")
    assert len(page.all("audio")) == 2


def test_items_beyond_the_bound_are_counted(tmp_path: Path) -> None:
    answers = [("x", Item(f"i{n}", "hello"), Produced("hello")) for n in range(5)]
    run = make_run(tmp_path / "run", "asr", [figure("x", 1.0)], [score("x", "i4", None)], answers)
    page = Reader(write_page([run], tmp_path / "out", most_items=2).page)
    assert len(page.all("article")) == 2
    assert "3 more items are not on this page." in page.text


def test_several_runs_are_compared_two_by_two_and_many_with_the_first(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / f"run{n}", "asr", [figure("x", 1.0)], [score("x", "i", 1.0)], revision=f"r{n}")
        for n in range(6)
    ]
    assert Reader(write_page(runs[:3], tmp_path / "three").page).text.count("item by item") == 3
    assert Reader(write_page(runs, tmp_path / "six").page).text.count("item by item") == 5


def test_what_makes_no_page_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "asr", [figure("x", 1.0)])
    with pytest.raises(ConfigError, match="name each run once, and at least one"):
        write_page([run, tmp_path / "out" / ".." / "run"], tmp_path / "out")
    with pytest.raises(ConfigError, match="name each run once, and at least one"):
        write_page([], tmp_path / "out")
    with pytest.raises(ConfigError, match=r"holds a run, with a report\.md of its own"):
        write_page([run], run)
    with pytest.raises(ConfigError, match="got 0 items"):
        write_page([run], tmp_path / "out", most_items=0)
    assert not (tmp_path / "out").exists()
