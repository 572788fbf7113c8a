"""Whether anything new may begin: not while the server stops, and not while its memory is full."""

from __future__ import annotations

from stepwave.serving.errors import ApiError
from stepwave.serving.service import Service


def check_admission(service: Service) -> None:
    """Asked before every request, session and answer, whatever way it came by.

    Raises ApiError of status 503: `stopping` where the server was told to stop, `overloaded` where memory is full.
    """
    if service.stopping.is_set():
        raise ApiError(
            "the server is stopping and takes nothing new; try again later, or another server",
            503, "stopping", kind="server_error", retry_after=10,
        )  # fmt: skip
    if service.memory.full:
        raise ApiError(
            "the server's memory is full; try again when other requests are done",
            503, "overloaded", kind="server_error", retry_after=5,
        )  # fmt: skip
