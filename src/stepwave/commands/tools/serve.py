"""`stepwave tools serve`: our tools as an MCP server, for other programs."""

from __future__ import annotations

import os
import signal
from typing import Annotated

import typer

from stepwave.commands import tool_options
from stepwave.commands.console import complain, tell
from stepwave.commands.extras import need_mcp


def serve(
    tools: Annotated[
        str, typer.Option("--tools", metavar="all|NAME,NAME", help="Tools that clients may call.")
    ] = "all",
    sensitive: Annotated[
        bool,
        typer.Option("--sensitive", help="Also those that need a yes from the user; clients must ask theirs."),
    ] = False,
    http: Annotated[
        bool, typer.Option("--http", help="Listen on this machine's own address, in place of standard input.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port for --http; 0 for any free one.")] = 8001,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="STEPWAVE_TOKEN",
            show_envvar=True,
            help="What clients of --http must send; made anew each time unless told.",
        ),
    ] = None,
) -> None:
    """Serve tools to other programs by the Model Context Protocol (MCP).

    A client such as an editor or a chat program starts this command itself and talks over standard input and output.
    With --http, clients on this machine connect to the address that is printed and send the token.

    \b
    Examples:
      stepwave tools serve                    for a client's mcp.json: command "stepwave", args ["tools", "serve"]
      stepwave tools serve --tools date_time
      stepwave tools serve --http --port 8001
    """
    need_mcp()
    from stepwave.tools.mcp.server import build_server, serve_stdio

    chosen = tool_options.chosen_tools(tools)
    served = [tool for tool in chosen if sensitive or not tool.sensitive]
    if held := [tool.name for tool in chosen if tool not in served]:
        complain(f"not served, as they need a yes from the user: {', '.join(held)}; give --sensitive to serve them")
    server = build_server(served)
    import asyncio

    if not http:
        # The thread that waits for input cannot be interrupted.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
        asyncio.run(serve_stdio(server))
        return
    import secrets

    from stepwave.serving.config import ServerConfig
    from stepwave.serving.listening import listen
    from stepwave.serving.mcp import PATH, serve_mcp

    key = token or secrets.token_urlsafe(24)
    config = ServerConfig(port=port, token=key)
    with listen(config) as listening:
        address = f"http://{config.host}:{listening.getsockname()[1]}{PATH}"

        def started() -> None:
            tell(f"MCP:   {address} (send the header Authorization: Bearer {key})")
            tell(f"tools: {', '.join(tool.name for tool in served) or 'none'}")

        asyncio.run(serve_mcp(server, config, listening, started))
