"""The page: its numbers, what it never does with texts, sounds that are there or not, its size."""

import base64
import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from stepwave.commands.prepare.show import show
from stepwave.data.records import Call, Clip, Record, Turn
from stepwave.prepare.show import sounds
from stepwave.prepare.show.charts import bins, histogram
from stepwave.prepare.show.conversations import Conversations
from stepwave.prepare.show.page import page
from stepwave.prepare.show.sample import Drawn
from stepwave.prepare.show.sounds import Missing, Player, Sounds
from stepwave.prepare.show.spectrogram import BANDS, spectrogram
from stepwave.prepare.show.survey import survey

NASTY = '<script>alert("x")</script><img src=https://example.org/x onerror=alert(1)> {{style}} \' & \u202e \ud800'
VOID = {"meta", "img", "input"}


class Reader(HTMLParser):
    """Takes a page apart: its tags with their attributes, its text; fails where tags don't match."""

    def __init__(self, written: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(written.decode())
        assert not self._open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(*folders: Path, **options: int) -> Reader:
    return Reader(page(survey(folders, **options)))


def test_the_page_shows_the_numbers_of_the_manifest(spoken: Path) -> None:
    text = read(spoken).text
    for said in (
        "records 4 of 2 kinds",
        "sound 4.0 s in 3 clips",
        "voices 2 75.0 % of sound: tones/a",
        "words 27 in 7 turns",
        "dropped 33.3 % 2 of 6 rows",
        "tones/b 1 1.0 s 25.0 %",
        "made CC0 3 4.0 s",
        "validation 1 1.0 s 25.0 %",
        "25.00 % of their words were heard wrongly",
        "processor time 1.5 min",
        "time of all workers 2.0 min",
        "storage 2.5 MB",
        "heard wrongly r4 wanted <one>",
        "too loud 3 100.0 %",
        "engine tones",
        "asr 3 of 3",
        "2 of 4 words wrong (50 %)",
    ):
        assert said in text, said


def test_each_sound_has_a_player_and_a_picture(spoken: Path) -> None:
    reader = read(spoken)
    players = reader.all("audio")
    assert len(players) == len(reader.all("img")) == 3
    for attributes in players:
        kind, data = str(attributes["src"]).split(",")
        assert kind == "data:audio/ogg;base64"
        samples, rate = soundfile.read(BytesIO(base64.b64decode(data)))
        spectrum = np.abs(np.fft.rfft(samples))
        assert spectrum.argmax() * rate / len(samples) == pytest.approx(440, abs=5)


def test_nothing_is_loaded_from_elsewhere(spoken: Path) -> None:
    written = page(survey([spoken], sample=2))
    reader = Reader(written)
    for tag, attributes in reader.tags:
        for name in ("src", "href", "action", "poster", "data", "srcset"):
            assert str(attributes.get(name, "#")).startswith(("data:", "#")), (tag, attributes)
        assert "url(" not in str(attributes.get("style"))
    style = written.decode().split("<style>")[1].split("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style
    assert {tag for tag, _ in reader.tags}.isdisjoint({"link", "iframe", "object", "embed", "base"})


def test_texts_stay_texts(write: Callable[..., Path], tone: Callable[..., Clip]) -> None:
    clip = replace(tone("t", voice=NASTY, heard=NASTY, errors=1, words=2, note=NASTY), id=NASTY)
    turns = (
        Turn("human", NASTY, clip, True, NASTY, NASTY, {"emotion": NASTY, "instruction": NASTY}),
        Turn("assistant", NASTY, calls=(Call(NASTY, {NASTY: NASTY}),)),
        Turn("input", NASTY),
    )
    details = {"reasoning": NASTY, NASTY: [{"a": NASTY}], "short": NASTY}
    folder = write("nasty", [Record(NASTY, "tools", turns, NASTY, NASTY, NASTY, details)])
    (folder / "report.json").write_text(json.dumps({"step": NASTY, "settings": {NASTY: NASTY}, "retried": {NASTY: 1}}))
    (folder / "dropped.jsonl").write_text(json.dumps({"id": NASTY, "reason": NASTY, "detail": NASTY}) + "\n")
    reader = read(folder)
    assert len(reader.all("script")) == 1
    assert len(reader.all("img")) == 1
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)
    assert reader.text.count("<script>alert(") >= 10
    assert "{{style}}" in reader.text


def test_the_policy_allows_the_script_alone(spoken: Path) -> None:
    written = page(survey([spoken], sample=0))
    policy = next(str(each["content"]) for each in Reader(written).all("meta") if "http-equiv" in each)
    script = written.decode().split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_missing_and_damaged_sounds_are_said_to_be(write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "damaged.flac").write_bytes(b"no sound at all")
    clips = [None, Clip("a"), Clip("b", str(tmp_path / "gone.flac")), Clip("c", str(tmp_path / "damaged.flac"))]
    records = [
        Record(f"r{number}", "speech", (Turn("human", f"text {number}", clip, spoken=True),))
        for number, clip in enumerate(clips)
    ]
    reader = read(write("missing", records))
    assert reader.text.count("No sound:") == 4
    assert reader.text.count("not made yet") == 2
    assert "gone.flac" in reader.text
    assert "text 3" in reader.text
    assert not reader.all("audio")


def test_an_empty_manifest_gives_a_page(write: Callable[..., Path]) -> None:
    text = read(write("empty", [])).text
    assert "records 0" in text
    assert "No records were drawn." in text
    assert "No clip was listened to." in text


def test_shares_are_of_the_sound_whose_voice_is_known(write: Callable[..., Path], tone: Callable[..., Clip]) -> None:
    clips = (tone("a", 1.0, "tones/a"), tone("b", 3.0, "tones/b"), tone("c", 4.0, ""))
    records = [Record(clip.id, "speech", (Turn("human", "", clip, spoken=True),)) for clip in clips]
    text = read(write("voices", records), sample=0).text
    assert "voices 2 75.0 % of sound: tones/b" in text
    assert "tones/b 1 3.0 s 75.0 %" in text
    assert "1 clips, 4.0 s, have no voice named" in text


def test_several_manifests_stand_beside_each_other_and_summed(spoken: Path, write: Callable[..., Path]) -> None:
    text = read(spoken, write("other", [Record("x", "text", (Turn("human", "hi"),))]), sample=0).text
    assert f"{spoken} 4 4.0 s 2 75.0 % 1.0 s 25.00 % 33.3 %" in text
    assert "together 5 4.0 s 2 75.0 % 1.0 s 25.00 % 33.3 %" in text
    assert "no report beside it" in text


def test_the_sample_has_the_size_asked_for(spoken: Path) -> None:
    assert len(read(spoken, sample=2).all("article")) == 2
    assert len(read(spoken, sample=0).all("article")) == 0


def test_a_long_sound_is_shortened_and_said_to_be(
    write: Callable[..., Path], tone: Callable[..., Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounds, "LONGEST_SECONDS", 0.5)
    reader = read(write("long", [Record("r", "speech", (Turn("human", "", tone("t", 1.5), spoken=True),))]))
    assert "first 0.5 s of 1.5 s" in reader.text
    data = str(reader.all("audio")[0]["src"]).split(",")[1]
    assert soundfile.info(BytesIO(base64.b64decode(data))).duration == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("limit", [0, 20_000, 60_000])
def test_sounds_stay_within_their_bound(tmp_path: Path, limit: int) -> None:
    noise = (0.3 * np.random.default_rng(0).standard_normal(24_000 * 8)).astype(np.float32)
    soundfile.write(tmp_path / "noise.flac", noise, 24_000)
    maker = Sounds(3, limit)
    made = [maker.player(Clip("n", str(tmp_path / "noise.flac"), seconds=8.0)) for _ in range(3)]
    players = [each for each in made if isinstance(each, Player)]
    assert sum(len(each.sound) + len(each.picture) for each in players) <= limit
    assert all("smaller sample" in each.reason for each in made if isinstance(each, Missing))
    assert bool(players) == (limit > 50_000)


def test_long_texts_are_cut_and_said_to_be() -> None:
    record = Record("r", "text", (Turn("human", "x" * 5_000),))
    article = Conversations(Sounds(0), ["m"], 300).article(Drawn(record, 0))
    assert "x" * 300 in article
    assert "x" * 301 not in article
    assert "5,000 characters in all" in article


def test_words_that_were_heard_otherwise_are_marked() -> None:
    clip = Clip("c", attributes={"heard": "One, two tree four", "errors": 1, "words": 4})
    record = Record("r", "speech", (Turn("human", "one two three four", clip, spoken=True),))
    article = Conversations(Sounds(1), ["m"]).article(Drawn(record, 0))
    assert re.findall(r"<mark title=\"wanted: (\w+)\">(\w+)</mark>", article) == [("three", "tree")]


def test_the_better_answer_is_named() -> None:
    turns = (Turn("human", "q"), Turn("assistant", "good"), Turn("assistant", "bad"))
    record = Record("r", "preference", turns, details={"chosen": 1, "rejected": 2})
    article = Conversations(Sounds(0), ["m"]).article(Drawn(record, 0))
    assert re.findall(r'class="verdict">(\w+)<.*?class="text"[^>]*>(\w+)<', article) == [
        ("chosen", "good"),
        ("rejected", "bad"),
    ]


def test_histograms_count_everything_once() -> None:
    counted = Counter({value: 1 + value % 3 for value in range(0, 400, 7)}) + Counter({9_000: 1})
    found = bins(counted, 0.1, (1, 2, 5, 10, 20, 50, 100), "s")
    assert sum(each.count for each in found) == counted.total()
    assert found[-1].reading.endswith("and more")
    assert found[-1].count == 1
    assert len(found) <= 25
    reader = Reader(histogram("Clips", found, "clips", "seconds").encode())
    assert len(reader.all("rect")) == len(found)


def test_a_picture_shows_where_the_sound_is() -> None:
    silence, times = np.zeros(24_000, np.float32), np.arange(24_000) / 24_000
    loud = (0.5 * np.sin(2 * np.pi * 6_000 * times)).astype(np.float32)
    data = spectrogram(np.concatenate([silence, loud]))
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    place = data.index(b"IDAT")
    packed = np.frombuffer(
        zlib.decompress(data[place + 4 : place + 4 + int.from_bytes(data[place - 4 : place])]), np.uint8
    )
    rows = packed.reshape(height, -1)[:, 1:]
    shades = np.stack([rows >> 4, rows & 15], axis=-1).reshape(height, -1)[:, :width]
    assert (width, height) == (200, BANDS)
    assert shades[:, :95].max() == 0
    assert (shades[:, 105:].max(axis=0) == 15).all()
    # Half-way up in Hz lies well above the middle in mel.
    assert 5 <= shades[:, 150].argmax() <= 15


@pytest.mark.parametrize("count", [1, 2, 239, 241, 24_001])
def test_the_shortest_sounds_have_pictures(count: int) -> None:
    assert spectrogram(np.ones(count, np.float32)).startswith(b"\x89PNG")


def test_the_command_writes_the_page_and_says_where(spoken: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(show)
    target = tmp_path / "page.html"
    done = CliRunner().invoke(app, [str(spoken), "--to", str(target), "--sample", "1"])
    assert done.exit_code == 0
    assert "4 records" in done.output
    assert target.read_bytes().startswith(b"<!doctype html>")
    done = CliRunner().invoke(app, [str(spoken), "--json"])
    assert json.loads(done.output)["total"]["records"] == 4
