"""What a server's result tells the model."""

from __future__ import annotations

import json
from typing import Any, Final

from mcp.types import (
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

from stepwave.facts.errors import ToolError

_LONGEST_ERROR: Final = 500


def as_text(result: CallToolResult) -> str:
    """Its texts and its structured content, as JSON unless the texts tell the same; other content is named.

    Raises ToolError, in the server's words, for a result that is an error.
    """
    texts = [_told(one) for one in result.content]
    if result.structured_content is not None and not _repeats(result):
        texts.append(json.dumps(result.structured_content, ensure_ascii=False))
    text = "\n".join(texts)
    if result.is_error:
        raise ToolError(text[:_LONGEST_ERROR].strip() or "the server gave no reason")
    return text


def _told(block: ContentBlock) -> str:
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, ImageContent):
        return "[an image, not shown]"
    if isinstance(block, AudioContent):
        return "[a recording, not played]"
    if isinstance(block, EmbeddedResource):
        inside = block.resource
        return inside.text if isinstance(inside, TextResourceContents) else f"[a file, not shown: {inside.uri}]"
    return f"[a link, not followed: {block.uri}]"


def _repeats(result: CallToolResult) -> bool:
    """Whether the texts hold the structured content, as the protocol asks of servers, for clients that read texts."""
    texts = [one.text for one in result.content if isinstance(one, TextContent)]
    structured = result.structured_content
    # The SDK puts a result that is no object under the key "result", and each item of a list in a text of its own.
    if texts and isinstance(structured, dict) and structured.keys() == {"result"}:
        return True
    return any(_parsed(text) == structured for text in texts)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
