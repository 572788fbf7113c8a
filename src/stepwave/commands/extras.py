"""Optional packages that a command needs, asked for before it begins."""

from __future__ import annotations

from importlib import import_module

from stepwave.facts.errors import MissingExtraError


def need_server() -> None:
    """Raise MissingExtraError unless a server can run here."""
    for name in ("fastapi", "prometheus_client", "uvicorn", "websockets"):
        try:
            import_module(name)
        except ImportError as error:
            raise MissingExtraError("serve", error.name) from None


def need_mcp() -> None:
    """Raise MissingExtraError unless tools can be served by the Model Context Protocol."""
    try:
        import_module("mcp")
    except ImportError as error:
        raise MissingExtraError("tools", error.name) from None
