"""An MCP server on standard input and output, written by hand so that it starts at once and can misbehave.

Its argument is JSON: what to do at the start, and which tools to list. What a tool does is in its name.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TOLD = json.loads(sys.argv[1])
STARTS = Path(TOLD["folder"]) / "starts"
CANCELLED = Path(TOLD["folder"]) / "cancelled"


def send(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(words: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}]}


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The result, or None for no answer."""
    if name == "die":
        os._exit(3)
    if name == "hang":
        return None
    if name == "long":
        return text("x" * arguments["length"])
    if name == "fail":
        return {**text("the station is closed"), "isError": True}
    if name == "environment":
        return text(json.dumps(dict(os.environ)))
    if name == "where":
        return text(os.getcwd())
    if name == "starts":
        return text(STARTS.read_text())
    if name == "junk":
        print("a line that is no message\n{\n[1]", flush=True)
        print("and one for the log", file=sys.stderr, flush=True)
    if name == "child":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdout=subprocess.DEVNULL)
        return text(str(child.pid))
    return text(f"{name}({json.dumps(arguments)}) at start {STARTS.read_text()}")


def listed(cursor: str | None) -> dict[str, Any]:
    """Page by page, two tools on each; changed from the second start on if so told."""
    tools = TOLD["tools"]
    if STARTS.read_text() != "1":
        tools = TOLD.get("later", tools)
    at = int(cursor or 0)
    page = [{"name": one, "inputSchema": {"type": "object"}} if isinstance(one, str) else one for one in tools]
    more = {"nextCursor": str(at + 2)} if at + 2 < len(page) else {}
    return {"tools": page[at : at + 2], **more}


def main() -> None:
    STARTS.write_text(str(int(STARTS.read_text()) + 1) if STARTS.exists() else "1")
    start = TOLD.get("start", "")
    if start == "exit":
        print("no such station: Łódź", file=sys.stderr)
        sys.exit(3)
    if start == "sleep":
        time.sleep(600)
    for line in sys.stdin:
        message = json.loads(line)
        method, number = message["method"], message.get("id")
        if method == "notifications/cancelled":
            CANCELLED.write_text(json.dumps(message["params"]))
        if number is None:
            continue
        parameters = message.get("params", {})
        if method == "initialize":
            version, info = parameters["protocolVersion"], {"name": "crude", "version": "1"}
            send(id=number, result={"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
        elif method == "tools/list":
            send(id=number, result=listed(parameters.get("cursor")))
        elif method == "tools/call" and parameters["name"] == "refuse":
            send(id=number, error={"code": -32602, "message": "not today"})
        elif method == "tools/call":
            if (result := call(parameters["name"], parameters.get("arguments", {}))) is not None:
                send(id=number, result=result)
        else:
            send(id=number, error={"code": -32601, "message": "no such method"})
    if start == "stay":  # although nobody writes to it any more
        time.sleep(600)


main()
