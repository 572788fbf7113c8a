"""Our tools for other programs: an MCP server of what a `ToolRunner` runs, over standard input and output.

Over HTTP it is served by `serving.mcp`. What clients send is checked as what a model writes is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import anyio.to_thread
from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp.types import Tool as ListedTool

from stepwave import __version__
from stepwave.facts.events import ToolCallRequest
from stepwave.tools.contract import Tool
from stepwave.tools.runner import ToolRunner

LONGEST_RESULT: Final = 100_000
"""Characters that a client is told; it may read more at once than our models."""


def build_server(tools: Sequence[Tool]) -> Server[Any]:
    """The server, not yet running. Sensitive tools are run without a question: clients ask their users themselves.

    Raises what `ToolRunner` raises for tools that it cannot run.
    """
    runner = ToolRunner(tools, longest=LONGEST_RESULT, confirm=lambda tool, arguments: True)
    listed = [_listed(tool) for tool in tools]
    names = [tool.name for tool in tools]

    async def list_tools(context: ServerRequestContext[Any], params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=listed)

    async def call_tool(context: ServerRequestContext[Any], params: CallToolRequestParams) -> CallToolResult:
        if params.name not in names:
            raise MCPError(INVALID_PARAMS, f"there is no tool called '{params.name[:60]}'; known: {', '.join(names)}")
        request = ToolCallRequest(params.name, json.dumps(params.arguments or {}))
        # Abandoned when the client cancels: Python cannot stop a thread, but the client need not wait for it.
        outcome = await anyio.to_thread.run_sync(runner.run, request, abandon_on_cancel=True)
        return CallToolResult(content=[TextContent(text=outcome.text)], is_error=outcome.status != "done")

    return Server("stepwave", version=__version__, on_list_tools=list_tools, on_call_tool=call_tool)


async def serve_stdio(server: Server[Any]) -> None:
    """Serve the program that started this one, until it closes standard input. Nothing else gets to standard output."""
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def _listed(tool: Tool) -> ListedTool:
    return ListedTool(
        name=tool.name,
        description=tool.description,
        input_schema=dict(tool.schema.parameters),
        annotations=ToolAnnotations(read_only_hint=not tool.sensitive),
    )
