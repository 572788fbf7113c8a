"""Tools known by their schemas alone."""

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stepwave.facts.errors import DataError
from stepwave.prepare.tool_dialogues import read_custom_tools
from stepwave.prepare.tool_dialogues.custom import CustomTool
from stepwave.prepare.tool_dialogues.tool_grammar import Asked, Scene
from stepwave.text.schemas import ToolSchema


def tool(description: str = "Does it.", required: tuple[str, ...] | None = None, **properties: Any) -> CustomTool:
    parameters = {"type": "object", "properties": properties, "required": list(required or properties)}
    return CustomTool(ToolSchema("do_it", description, parameters))


def asked(custom: CustomTool, count: int = 60) -> list[Asked]:
    return [
        custom.ask(Random(number), "explicit" if number % 2 else "implicit", Scene(str(number), 0))
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("description", "order"),
    [
        ("Books a table in a restaurant. Call it once.", "book a table in a restaurant"),
        ("Searches the library (all branches)", "search the library"),
        ("Copies up to 3 files.", "copy up to three files"),
        ("get_weather for the city", "get weather for the city"),
        ("Guess a number; it is fun", "guess a number"),
        ("Returns the price of a stock", "find the price of a stock"),
        ("Use this function to switch the light.", "switch the light"),
        ("", "use do it"),
    ],
)
def test_the_description_becomes_an_order(description: str, order: str) -> None:
    texts = [exchange.text for exchange in asked(tool(description))]
    assert any(order in text for text in texts)
    assert all(order in text or "do it" in text for text in texts)


def test_arguments_are_made_up_as_the_schema_wants_and_said_in_words() -> None:
    custom = tool(
        guests={"type": "integer", "minimum": 2, "maximum": 5},
        city={"type": "string"},
        seating={"type": "string", "enum": ["inside", "on_the_terrace"]},
        vegan={"type": "boolean"},
    )
    cities = set()
    for exchange in asked(custom):
        arguments = exchange.call.arguments
        assert set(arguments) == {"guests", "city", "seating", "vegan"}
        assert 2 <= arguments["guests"] <= 5
        assert ["two", "three", "four", "five"][arguments["guests"] - 2] in exchange.text
        assert arguments["city"] in exchange.text
        assert arguments["seating"].replace("_", " ") in exchange.text
        assert ("yes" if arguments["vegan"] else "no") in exchange.text
        assert re.fullmatch(r"[A-Za-z',.?! ]+", exchange.text)
        cities.add(arguments["city"])
    assert len(cities) > 4


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "string", "format": "date", "examples": ["2026-01-05"]}, "2026-01-05"),
        ({"const": "fast"}, "fast"),
        ({"type": ["null", "integer"], "minimum": 7, "maximum": 7}, 7),
        ({"type": "number", "default": 2.5}, 2.5),
        ({"type": "integer", "multipleOf": 50, "minimum": 60, "maximum": 140}, 100),
        ({"type": "array", "items": {"enum": ["a"]}, "minItems": 2, "maxItems": 2}, ["a", "a"]),
        ({"type": "object", "properties": {"x": {"enum": [1]}}, "required": ["x"]}, {"x": 1}),
    ],
)
def test_values_come_from_the_schema_where_it_names_any(schema: dict[str, Any], wanted: Any) -> None:
    exchange = asked(tool(value=schema), 1)[0]
    assert exchange.call.arguments == {"value": wanted}


def test_what_is_not_required_is_sometimes_given() -> None:
    custom = tool(required=("city",), city={"type": "string"}, color={"type": "string"}, odd={"$ref": "#/x"})
    given = [frozenset(exchange.call.arguments) for exchange in asked(custom)]
    assert set(given) == {frozenset({"city"}), frozenset({"city", "color"})}


def test_results_say_that_it_worked_or_why_not_and_answers_agree() -> None:
    failed = 0
    for exchange in asked(tool(), 200):
        if re.search(r"error|Failed", exchange.result):
            failed += 1
            assert re.search(r"did not work|failed", exchange.answer)
        else:
            assert re.search(r"done|worked", exchange.answer)
            digits = re.findall(r"\d", exchange.result)
            assert len(re.findall(r"\b(zero|one|two|three|four|five|six|seven|eight|nine)\b", exchange.answer)) == len(
                digits
            )
    assert 5 < failed < 50


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "[A-Z]{3}"},
        {"maxLength": 3},
        {"$ref": "#/x"},
        {"type": "null"},
        {"anyOf": []},
        "text",
    ],
)
def test_a_required_argument_that_cannot_be_made_up_is_refused(schema: Any) -> None:
    with pytest.raises(DataError, match="value"):
        tool(value=schema)


def test_a_file_of_schemas_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([tool(city={"type": "string"}).schema.entry()]))
    assert [schema.name for schema in read_custom_tools(file)] == ["do_it"]


@pytest.mark.parametrize("content", ["{", '{"name": "x"}', '[{"function": {}}]'])
def test_a_file_without_schemas_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tools.json"
    file.write_text(content)
    with pytest.raises(DataError, match=r"tools\.json"):
        read_custom_tools(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_custom_tools(tmp_path / "none.json")
