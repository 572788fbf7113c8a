"""The published figures against what can be checked of them: the averages that are printed beside them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest

from stepwave.evaluation.catalogue import find_suite
from stepwave.evaluation.material.paralinguistic import TASKS
from stepwave.evaluation.material.toolcall import FILES
from stepwave.evaluation.reporting.published import (
    FILE,
    NOT_AVAILABLE,
    Column,
    Row,
    Table,
    published_figures,
    published_tables,
    read_tables,
    tables_of,
)
from stepwave.evaluation.suites.uro_bench import CHINESE_BASIC, CHINESE_PRO, ENGLISH_BASIC, ENGLISH_PRO
from stepwave.facts.errors import DataError

NOT_THE_MEAN = {("mmau", "Audio Flamingo 3", "paper")}
"""Printed averages that are not the mean of what is printed beside them: this one is from another paper."""
DIGITS = {"mmau": 1}
"""Decimals of a table's figures; two elsewhere."""


def value_of(suite: str, system: str, source: str, key: str) -> float | None:
    found = [
        figure.value
        for figure in published_figures()
        if (figure.suite, figure.system, figure.source.name, figure.column.key) == (suite, system, source, key)
    ]
    return found[0] if found else None


def averages() -> Iterator[tuple[Table, Row, Column, list[float]]]:
    """Each printed average with the figures that it is of, where the source prints those too."""
    for table in published_tables():
        for row in table.rows:
            for column in table.columns:
                parts = [value_of(table.suite, row.system, row.source.name, key) for key in column.mean_of]
                numbers = [part for part in parts if part is not None]
                if numbers and len(numbers) == len(parts):
                    yield table, row, column, numbers


@pytest.mark.parametrize(
    ("table", "row", "column", "parts"),
    list(averages()),
    ids=[f"{table.id}-{row.system}-{row.source.name}-{column.key}" for table, row, column, _ in averages()],
)
def test_a_printed_average_is_the_mean_of_what_is_printed(
    table: Table, row: Row, column: Column, parts: list[float]
) -> None:
    printed = row.values[table.columns.index(column)]
    assert printed is not None
    # Printed figures are rounded twice: each part, and the average, which is of figures that were not rounded yet.
    rounding = 1.01 * 10 ** -DIGITS.get(table.id, 2)
    expected = (table.id, row.system, row.source.name) not in NOT_THE_MEAN
    assert (abs(printed - mean(parts)) < rounding) == expected


@pytest.mark.parametrize("row", tables_of("uro_bench")[0].rows, ids=lambda row: f"{row.system}-{row.source.name}")
def test_averages_of_uro_bench_weigh_each_data_set_alike(row: Row) -> None:
    table = tables_of("uro_bench")[0]
    by_key = {column.key: (column, row.values[place]) for place, column in enumerate(table.columns)}
    for track in ("zh-basic", "zh-pro", "en-basic", "en-pro"):
        parts = [by_key[f"{track}/{ability}"] for ability in "uro"]
        sets = [len(column.mean_of) for column, _ in parts]
        if row.source.name == "readme" and track == "zh-basic":
            sets = [3, 4, 3]  # found by trying: no other small numbers give all six systems' averages
        total = sum(count * (value or 0) for count, (_, value) in zip(sets, parts, strict=True))
        near = total / sum(sets) == pytest.approx(by_key[track][1], abs=0.0101)
        # Another of the README's figures that does not add up: 65.72 by its parts, 65.61 printed.
        assert near != ((row.system, row.source.name, track) == ("Step-Audio-AQAA", "readme", "zh-pro"))


def test_every_table_of_the_report_is_there_with_its_systems() -> None:
    rows = Counter((row.source.name, row.place) for table in published_tables() for row in table.rows)
    assert {place: count for (source, place), count in rows.items() if source == "paper"} == {
        "table 1": 5,
        "table 2": 5,
        "table 3": 8,
        "table 4": 8,
        "table 5": 2,
        "table 6": 5,
        "table 7": 20,
    }
    figures = list(published_figures())
    assert len(figures) == 706
    paper = [figure for figure in figures if figure.source.name == "paper"]
    assert Counter(figure.place for figure in paper) == {
        "table 1": 110,
        "table 2": 60,
        "table 3": 32,
        "table 4": 24,
        "table 5": 32,
        "table 6": 80,
        "table 7": 180,
    }
    assert sum(figure.value is None for figure in figures) == 4 + 2


@pytest.mark.parametrize(
    ("suite", "system", "source", "key", "value"),
    [
        ("asr", "Kimi-Audio", "paper", "common-voice-yue", 38.90),
        ("asr", "Doubao LLM ASR", "paper", "fleurs-ja", None),
        ("asr", "Step-Audio 2 mini", "readme", "mean-in-house", 9.85),
        ("paralinguistic", "Step-Audio 2", "paper", "mean", 76.55),
        ("paralinguistic", "Step-Audio 2", "readme", "mean", 83.09),
        ("paralinguistic", "Step-Audio 2 mini", "readme", "vocal", 76),
        ("mmau", "Omni-R1", "paper", "speech", 76.0),
        ("cvss", "Step-Audio 2", "paper", "en-zh", 32.86),
        ("cvss", "Step-Audio 2", "readme", "mean", 30.87),
        ("covost2", "Step-Audio 2 mini", "readme", "zh-en", 29.47),
        ("toolcall", "Step-Audio 2", "paper", "audio_search/trigger-recall", 99.5),
        ("uro_bench", "Step-Audio 2", "paper", "en-pro/multilingual", 36.77),
        ("uro_bench", "Step-Audio 2 mini", "readme", "zh-pro/o", 69.42),
        ("big_bench_audio", "Step-Audio 2 mini", "readme", "accuracy", 54.8),
    ],
)
def test_figures_are_those_of_their_source(suite: str, system: str, source: str, key: str, value: float | None) -> None:
    assert value_of(suite, system, source, key) == value


def test_errors_are_better_lower_and_everything_else_higher() -> None:
    assert {table.suite: table.better for table in published_tables() if table.better == "lower"} == {"asr": "lower"}
    assert {table.suite for table in published_tables() if table.unit == "BLEU"} == {"covost2", "cvss"}
    assert tables_of("nano_quick") == ()
    assert len(tables_of("uro_bench")) == 5


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("values = [43.45, 18,", "values = [43.45,", "got 11 figures; wanted one for each of 12 columns"),
        ("values = [43.45, 18,", 'values = ["none", 18,', f"wanted a number from 0 up, or '{NOT_AVAILABLE}'"),
        ("values = [43.45, 18,", "values = [43.45, -18,", "got -18"),
        ("values = [43.45, 18,", "values = [nan, 18,", "got nan"),
        ('source = "paper"', 'source = "rumour"', "rumour"),
        ('id = "mmau"', 'id = "asr"', "same id"),
        ('key = "fleurs-ar"', 'key = "fleurs-ja"', "have the key fleurs-ja"),
        ('mean_of = ["en-zh", "zh-en"]', 'mean_of = ["en-zh", "xx"]', "xx, which is no column"),
        ('better = "lower"', 'better = "more"', "'more'"),
        ('unit = "BLEU"', 'unit = "METEOR"', "'METEOR'"),
        (', check = "fleurs-en"', "", "names no figure"),
        ('name = "Gender"', "name = 1", "a name is no text"),
        ('name = "Gender"', 'nam = "Gender"', "nam"),
        ("[[tables]]", "[[table", "can't be read"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(tmp_path: Path, old: str, new: str, wanted: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "published.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=wanted):
        read_tables(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.toml"):
        read_tables(tmp_path / "nothing.toml")


@pytest.mark.parametrize("suite", ["asr", "covost2", "cvss", "mmau", "paralinguistic", "toolcall"])
def test_columns_name_checks_measures_and_groups_of_our_suites(suite: str) -> None:
    declared = {check.name: [measure.name for measure in check.measures] for check in find_suite(suite).checks}
    columns = [column for table in tables_of(suite) for column in table.columns if column.check in declared]
    assert {column.check for column in columns} == declared.keys() - {"own"}
    for column in columns:
        assert not column.measure or column.measure in declared[column.check]
    groups = {
        "mmau": {"sound", "speech", "music"},
        "paralinguistic": set(TASKS.values()),
        "toolcall": set(FILES.values()),
    }
    assert {column.group for column in columns if column.group} == groups.get(suite, set())


def test_columns_of_uro_bench_name_its_data_sets() -> None:
    tracks = {
        "chinese-basic": CHINESE_BASIC,
        "chinese-pro": CHINESE_PRO,
        "english-basic": ENGLISH_BASIC,
        "english-pro": ENGLISH_PRO,
    }
    declared = {(check, part.shown) for check, track in tracks.items() for parts in track.values() for part in parts}
    named = {(one.check, one.group) for table in tables_of("uro_bench") for one in table.columns if one.group}
    # the emotion of a voice is scored by a model that is not here
    assert named - declared == {("chinese-pro", "GenEmotion"), ("english-pro", "GenEmotion")}
    assert declared <= named
