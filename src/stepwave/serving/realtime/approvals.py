"""Sensitive calls that wait for the user's yes or no, which the client brings."""

from __future__ import annotations

import asyncio

from stepwave.serving.errors import ApiError


class Approvals:
    """Of one conversation. Lives on the event loop. Who does not answer within `seconds` has said no."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[str, asyncio.Future[bool]] = {}

    async def ask(self, request_id: str) -> bool:
        """Wait for the answer to the request of that id, which the client has been told."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = answer
        try:
            async with asyncio.timeout(self._seconds):
                return await answer
        except TimeoutError:
            return False
        finally:
            del self._waiting[request_id]

    def answer(self, request_id: str | None, approved: bool) -> None:
        """The user's answer. Raises ApiError where none is waited for (any more)."""
        waiting = self._waiting.get(request_id or "")
        if waiting is None or waiting.done():
            raise ApiError(
                f"no call waits for an answer to '{request_id}': it was given, came too late, or the answer that "
                "made the call was stopped",
                code="approval_not_found",
                param="item.approval_request_id",
            )
        waiting.set_result(approved)
