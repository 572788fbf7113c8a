"""Tools by the Model Context Protocol (MCP): those of other people's servers for our model, and ours for other clients.

`attached.py` offers the tools of servers, which `config.py` reads from a file; `server.py` serves ours. The protocol
itself is the official SDK's (the package `mcp`, of the extra `tools`), imported where a server is attached or served.
"""
