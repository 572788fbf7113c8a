"""What the server counts and times, for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2, 4, 8, 16, 32)


class Metrics:
    """Each server has its own, so that several in one process don't add up."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)  # memory, CPU seconds and open files, where the system tells
        self.requests = Counter(
            "stepwave_requests", "HTTP requests by route and status.", ("route", "status"), registry=self._registry
        )
        self.sessions = Gauge("stepwave_sessions", "Conversations kept, connected or not.", registry=self._registry)
        self.connections = Gauge("stepwave_connections", "WebSocket connections.", registry=self._registry)
        self.waiting = Gauge("stepwave_answers_under_way", "Answers being made or waiting.", registry=self._registry)
        self.answers = Counter("stepwave_answers", "Answers by how they ended.", ("status",), registry=self._registry)
        self.drafts = Counter(
            "stepwave_drafts", "Answers begun before the end of the question was sure.", ("fate",),
            registry=self._registry,
        )  # fmt: skip
        self.tool_calls = Counter(
            "stepwave_tool_calls", "Calls of the server's tools by how they ended.", ("status",),
            registry=self._registry,
        )  # fmt: skip
        self.errors = Counter("stepwave_errors", "Errors told to clients, by code.", ("code",), registry=self._registry)
        self.first_audio = Histogram(
            "stepwave_first_audio_seconds",
            "From the end of a question to the first sound of its answer.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.heard_seconds = Counter("stepwave_heard_seconds", "Seconds of sound received.", registry=self._registry)
        self.said_seconds = Counter("stepwave_said_seconds", "Seconds of sound made.", registry=self._registry)

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self._registry)
