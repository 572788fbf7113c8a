"""An MCP server of one tool, with the official SDK: `pip install mcp`."""

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("weather")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def forecast(city: str) -> str:
    """Tells tomorrow's weather in a city."""
    return f"Tomorrow in {city}: sunny, 21 degrees."


server.run()
