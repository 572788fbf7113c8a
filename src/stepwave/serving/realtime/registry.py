"""The conversations a server keeps: how many, how long, and which one a client that comes back means."""

from __future__ import annotations

import asyncio
import hmac
from typing import Final

from stepwave.serving.admission import check_admission
from stepwave.serving.errors import ApiError
from stepwave.serving.memory import give_back_now
from stepwave.serving.realtime.conversation import Conversation
from stepwave.serving.service import Service

TAKEN_OVER: Final = "taken over"
"""What a connection's task is cancelled with when another one takes its conversation."""
TIDYING_SECONDS: Final = 1.0
"""After a conversation's end, when nothing that served it still knows it."""


class Registry:
    """Lives on the event loop. A conversation is attached to one connection at a time, or waits for one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: dict[str, _Kept] = {}
        self._tidying: asyncio.TimerHandle | None = None

    @property
    def count(self) -> int:
        """Conversations kept, connected or waiting."""
        return len(self._kept)

    def open(self, owner: asyncio.Task[object]) -> Conversation:
        """A new conversation for the connection that `owner` serves. Raises ApiError where there is no room."""
        config = self._service.config
        check_admission(self._service)
        if not self._service.ready.is_set():
            raise ApiError("the model is still loading; try again in some seconds", 503, "loading", kind="server_error")
        if len(self._kept) >= config.most_sessions:
            raise ApiError(
                f"the server is full: it keeps {config.most_sessions} sessions; try again later",
                503,
                "server_full",
                kind="server_error",
            )
        conversation = Conversation(self._service)
        kept = _Kept(conversation, owner)
        loop = asyncio.get_running_loop()
        kept.longest = loop.call_later(config.session_seconds, self._too_long, kept)
        self._kept[conversation.id] = kept
        self._service.metrics.sessions.set(len(self._kept))
        return conversation

    async def resume(self, token: str, last_event_id: str | None, owner: asyncio.Task[object]) -> Conversation:
        """The conversation whose `resume` token is shown; a connection that still holds it loses it.

        Raises ApiError where nobody waits under that token, or what followed the event is no longer kept.
        """
        for kept in self._kept.values():
            if hmac.compare_digest(kept.conversation.resume_token, token):
                break
        else:
            raise ApiError(
                "no session waits under this token: it ended, or waited for too long; start a new one",
                404,
                "session_not_found",
                param="resume",
            )
        before, kept.owner = kept.owner, owner
        if kept.expiry is not None:
            kept.expiry.cancel()
            kept.expiry = None
        if before is not None:
            # What it still sends must be counted before anything is sent again.
            before.cancel(TAKEN_OVER)
            await asyncio.wait([before])
        try:
            kept.conversation.outbox.go_back(last_event_id)
        except ApiError:
            self.leave(kept.conversation, owner, lost=True)
            raise
        return kept.conversation

    def leave(self, conversation: Conversation, owner: asyncio.Task[object], lost: bool) -> None:
        """The connection is gone. One that was lost may come back for a while; one that said goodbye may not."""
        kept = self._kept.get(conversation.id)
        if kept is None or kept.owner is not owner:
            return
        kept.owner = None
        if lost:
            loop = asyncio.get_running_loop()
            kept.expiry = loop.call_later(self._service.config.resume_seconds, self._discard, kept)
        else:
            self._discard(kept)

    @property
    def answering(self) -> bool:
        """Whether an answer is still being told; its last words may be made already."""
        return any(kept.conversation.answering for kept in self._kept.values())

    async def close(self) -> None:
        """End all of them, their last events sent."""
        kept = list(self._kept.values())
        owners = [one.owner for one in kept if one.owner is not None]
        for one in kept:
            self._discard(one)
        endings = [one.ending for one in kept if one.ending is not None]
        await asyncio.gather(*owners, *endings, return_exceptions=True)

    def _too_long(self, kept: _Kept) -> None:
        seconds = self._service.config.session_seconds
        kept.conversation.complain(
            ApiError(f"the session lasted {seconds:g} s, the longest there is", code="session_expired")
        )
        self._discard(kept)

    def _discard(self, kept: _Kept) -> None:
        if self._kept.pop(kept.conversation.id, None) is None:
            return
        self._service.metrics.sessions.set(len(self._kept))
        for timer in (kept.expiry, kept.longest):
            if timer is not None:
                timer.cancel()
        if kept.owner is not None:
            kept.owner.cancel("over")
        kept.ending = asyncio.create_task(kept.conversation.end())
        kept.ending.add_done_callback(self._tidy_soon)

    def _tidy_soon(self, _: asyncio.Task[None]) -> None:
        if self._tidying is None:
            self._tidying = asyncio.get_running_loop().call_later(TIDYING_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._tidying = None
        asyncio.get_running_loop().run_in_executor(None, give_back_now)


class _Kept:
    def __init__(self, conversation: Conversation, owner: asyncio.Task[object]) -> None:
        self.conversation = conversation
        self.owner: asyncio.Task[object] | None = owner
        self.expiry: asyncio.TimerHandle | None = None
        self.longest: asyncio.TimerHandle | None = None
        self.ending: asyncio.Task[None] | None = None
