"""What a server may be told: where it listens, who may come in, and bounds that keep one client from hurting others."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from stepwave.facts.errors import ConfigError

MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True)
class ServerConfig:
    """Raises ConfigError for a bound that is not above 0, or a server open to the network without a token."""

    host: str = "127.0.0.1"
    """Address to listen on; loopback unless told otherwise."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    token: str | None = None
    """What clients must show; None lets anyone in, and is refused on any address but loopback."""
    model_name: str = "nano"
    """What the model is called in requests and answers."""
    most_sessions: int = 8
    """Conversations kept at once, connected or waiting to be resumed; a further one is told that the server is full."""
    most_connections: int = 256
    """TCP connections at once; further ones get status 503."""
    most_requests: int = 16
    """HTTP requests at work or waiting for the model at once."""
    most_upload_bytes: int = 25 * MEBIBYTE
    """Largest body of an HTTP request."""
    most_message_bytes: int = 16 * MEBIBYTE
    """Largest WebSocket message: OpenAI's own bound on appended sound is 15 MiB."""
    most_unsent_bytes: int = 4 * MEBIBYTE
    """What may wait for a slow client before its answer pauses."""
    idle_seconds: float = 300.0
    """A conversation without a word from its client ends after so long."""
    session_seconds: float = 3600.0
    """Longest conversation."""
    resume_seconds: float = 30.0
    """So long a conversation waits for a client whose connection was lost."""
    approval_seconds: float = 60.0
    """So long a sensitive tool waits for the user's yes; then the answer is no."""
    drain_seconds: float = 20.0
    """Answers under way get so long to finish when the server is stopped."""
    most_memory_bytes: int | None = None
    """Resident memory from which on nothing new is taken; None for nine tenths of the machine's or container's."""

    def __post_init__(self) -> None:
        for name in (
            "most_sessions", "most_connections", "most_requests", "most_upload_bytes", "most_message_bytes",
            "most_unsent_bytes", "idle_seconds", "session_seconds", "resume_seconds",
            "approval_seconds", "drain_seconds",
        ):  # fmt: skip
            if getattr(self, name) <= 0:
                raise ConfigError(f"server: {name} is {getattr(self, name)}; wanted more than 0")
        if not 0 <= self.port < 65536:
            raise ConfigError(f"server: port is {self.port}; wanted 0 to 65535")
        if self.token == "":
            raise ConfigError("server: the token is empty; give one of some length, or none to let anyone in")
        if self.token is None and not self.loopback:
            raise ConfigError(
                f"server: {self.host} can be reached from other machines, so a token is needed; "
                "leave out --no-token, or listen on 127.0.0.1"
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
