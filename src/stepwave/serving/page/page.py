"""Gives out the page and its files. The page holds no secret: it asks for the token, or finds it in its address.

The files are read once, by name; nothing of a request ever becomes a path on disk.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stepwave.serving.errors import ApiError

CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
HEADERS: Final = {
    # Scripts, styles and connections of this server alone: whatever a model or a client writes can't run or call out.
    # `ws:` covers `wss:`; older browsers don't take 'self' to mean WebSockets.
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked for anew each time, so that page and server never differ; unchanged files are answered without a body.
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class _File:
    body: bytes
    content_type: str
    tag: str
    """Changes with the body; browsers send it along when they ask again (ETag)."""


@cache
def _static_files() -> dict[str, _File]:
    found = {}
    for path in files(__package__).joinpath("static").iterdir():
        suffix = path.name[path.name.rfind(".") :]
        if suffix in CONTENT_TYPES:
            body = path.read_bytes()
            found[path.name] = _File(body, CONTENT_TYPES[suffix], f'"{hashlib.sha256(body).hexdigest()[:16]}"')
    return found


@router.get("/")
async def page(request: Request) -> Response:
    """The page."""
    return _answer(request, "index.html")


@router.get("/page/{name}")
async def page_file(request: Request, name: str) -> Response:
    """A file of the page. Raises ApiError (404) for a name that isn't one of them."""
    return _answer(request, name)


def _answer(request: Request, name: str) -> Response:
    file = _static_files().get(name)
    if file is None:
        raise ApiError(f"the page has no file '{name[:80]}'; open / for the page", 404, "not_found")
    headers = {**HEADERS, "ETag": file.tag}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.content_type, headers=headers)
