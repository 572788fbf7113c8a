"""What a model is told of a stranger's tools, and what results tell it."""

import json
from typing import Any

import pytest
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)
from mcp.types import Tool as ListedTool

from stepwave.facts.errors import ConfigError, ToolError
from stepwave.tools.mcp.config import McpServer
from stepwave.tools.mcp.listing import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    is_sensitive,
    make_tool,
    unique_names,
    without_patterns,
)
from stepwave.tools.mcp.results import as_text


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("get_weather", "get_weather"),
        ("get-weather", "get-weather"),
        ("files/read.text", "files_read_text"),
        ("  two\nlines <tool_call> ", "two_lines__tool_call"),
        ("天气", "天气"),
        ("ｗｉｄｅ", "wide"),
        ("मौसम", "मौसम"),
        ("🌧\ufe0f", "tool"),
        ("!?", "tool"),
        ("", "tool"),
        ("x" * 200, "x" * LONGEST_NAME),
    ],
)
def test_names_are_made_readable(name: str, plain: str) -> None:
    assert unique_names([("server", name)], ()) == [plain]


def test_names_are_unique() -> None:
    wanted = [("a", "get"), ("b", "get"), ("b", "other"), ("c", "x.y"), ("c", "x_y"), ("c", "x/y"), ("d", "a_get")]
    names = unique_names(wanted, ["other"])
    assert names == ["a_get_2", "b_get", "b_other", "c_x_y", "c_x_y_2", "c_x_y_3", "a_get"]
    long = unique_names([("s" * 70, "t"), ("s" * 70, "t")], ())
    assert long == ["s" * 64, "s" * 60 + "_2"]


def listed(schema: dict[str, Any] | None = None, description: str = "Does it.", **hints: bool) -> ListedTool:
    annotations = ToolAnnotations(**hints) if hints else None
    schema = {"type": "object"} if schema is None else schema
    return ListedTool(name="do it", description=description, input_schema=schema, annotations=annotations)


@pytest.mark.parametrize(
    ("said", "hints", "sensitive"),
    [
        (None, {}, True),
        (None, {"read_only_hint": True}, False),
        (None, {"read_only_hint": False, "destructive_hint": False}, True),
        (True, {"read_only_hint": True}, True),
        (False, {}, False),
        (("do it",), {"read_only_hint": True}, True),
        (("other",), {}, False),
    ],
)
def test_the_file_has_the_last_word_on_what_is_sensitive(said: Any, hints: dict[str, bool], sensitive: bool) -> None:
    assert is_sensitive(McpServer("s", ("x",), sensitive=said), listed(**hints)) is sensitive


def test_descriptions_are_bounded() -> None:
    tool = make_tool(McpServer("s"), listed(description="Does\n\n it. " + "x" * 5000), "do_it", print)
    assert tool.description == ("Does it. " + "x" * 5000)[:LONGEST_DESCRIPTION] + "..."
    assert make_tool(McpServer("s"), listed(), "do_it", print).schema.entry()["function"]["name"] == "do_it"


def test_a_schema_without_an_object_is_left_out() -> None:
    with pytest.raises(ConfigError, match=r"'s' has a tool 'do_it' that is left out: .*wanted a JSON schema with"):
        make_tool(McpServer("s"), listed({}), "do_it", print)


def test_regular_expressions_are_left_to_the_server() -> None:
    schema = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "(a+)+$", "enum": [{"pattern": "x"}]},
            "inside": {"anyOf": [{"items": {"pattern": "y"}}, {"$ref": "#/$defs/pattern"}]},
            "map": {"patternProperties": {"^x": {}}, "additionalProperties": False},
        },
        "$defs": {"pattern": {"pattern": "z", "type": "string"}},
        "additionalProperties": False,
    }
    assert without_patterns(schema) == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "enum": [{"pattern": "x"}]},
            "inside": {"anyOf": [{"items": {}}, {"$ref": "#/$defs/pattern"}]},
            "map": {},
        },
        "$defs": {"pattern": {"type": "string"}},
        "additionalProperties": False,
    }


def result(*content: ContentBlock, structured: Any = None, error: bool = False) -> CallToolResult:
    return CallToolResult(content=list(content), structured_content=structured, is_error=error)


PICTURE = ImageContent(data="QQ==", mime_type="image/png")
SOUND = AudioContent(data="QQ==", mime_type="audio/wav")
NOTE = EmbeddedResource(resource=TextResourceContents(uri="file:///a.txt", text="a note"))
BLOB = EmbeddedResource(resource=BlobResourceContents(uri="file:///a.zip", blob="QQ=="))
LINK = ResourceLink(name="a", uri="https://example.org/a")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (result(TextContent(text="a"), TextContent(text="b")), "a\nb"),
        (result(), ""),
        (
            result(PICTURE, SOUND, NOTE, BLOB, LINK),
            "[an image, not shown]\n[a recording, not played]\na note\n[a file, not shown: file:///a.zip]\n"
            "[a link, not followed: https://example.org/a]",
        ),
        (result(structured={"städte": [1]}), '{"städte": [1]}'),
        (result(TextContent(text='{ "a": 1 }'), structured={"a": 1}), '{ "a": 1 }'),
        (
            result(TextContent(text="Rome"), TextContent(text="Oslo"), structured={"result": ["Rome", "Oslo"]}),
            "Rome\nOslo",
        ),
        (result(TextContent(text="See below."), structured={"a": 1}), 'See below.\n{"a": 1}'),
    ],
)
def test_results_become_texts(given: CallToolResult, told: str) -> None:
    assert as_text(given) == told


def test_errors_are_told_in_the_servers_words() -> None:
    with pytest.raises(ToolError, match=r"^no such city$"):
        as_text(result(TextContent(text="no such city"), error=True))
    with pytest.raises(ToolError, match="gave no reason"):
        as_text(result(error=True))
    with pytest.raises(ToolError) as long:
        as_text(result(TextContent(text="x" * 9000), error=True))
    assert len(str(long.value)) == 500


def test_structured_results_stay_json() -> None:
    assert json.loads(as_text(result(structured={"a": {"b": None}}))) == {"a": {"b": None}}
