"""The tool list as a turn, and back."""

import pytest

from stepwave.facts.errors import MarkupError
from stepwave.text.schemas import ToolSchema, read_tool_schemas, tool_schemas_message

PARAMETERS = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "搜索关键词"}},
    "required": ["query"],
    "additionalProperties": False,
}
SEARCH = ToolSchema("search", "搜索工具", PARAMETERS)
TEXT = (
    '[{"type": "function", "function": {"name": "search", "description": "搜索工具", "parameters": {"type": "object", '
    '"properties": {"query": {"type": "string", "description": "搜索关键词"}}, "required": ["query"], '
    '"additionalProperties": false}}}]'
)


def test_the_list_is_written_as_the_reference_writes_it() -> None:
    message = tool_schemas_message([SEARCH])
    assert (message.role, message.content, message.eot) == ("tool_json_schemas", TEXT, True)


def test_the_list_comes_back() -> None:
    clock = ToolSchema("clock", "", {"type": "object", "properties": {}})
    content = tool_schemas_message([SEARCH, clock]).content
    assert isinstance(content, str)
    assert read_tool_schemas(content) == [SEARCH, clock]


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(MarkupError, match="several tools are called search"):
        tool_schemas_message([SEARCH, SEARCH])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "not JSON"),
        ("{}", "wanted an array"),
        ("[3]", 'tool 1 of the list has no "function"'),
        ('[{"function": {"description": "x"}}]', "tool 1 of the list wants a text name"),
        ('[{"function": {"name": "a", "parameters": {"type": "array"}}}]', "wanted a JSON schema"),
        ('[{"function": {"name": "a\\nb"}}]', "wanted one line"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(text: str, reason: str) -> None:
    with pytest.raises(MarkupError, match=reason):
        read_tool_schemas(text)
