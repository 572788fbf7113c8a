"""What all routes of one server share: the model, its thread, the bounds, the figures."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from stepwave.dialogue.stepwave import Stepwave
from stepwave.serving.config import ServerConfig
from stepwave.serving.memory import Memory
from stepwave.serving.metrics import Metrics
from stepwave.serving.server_tools import ServerTools
from stepwave.serving.turns import Turns
from stepwave.tools.voices.offered import OfferedVoices


@dataclass(eq=False)
class Service:
    """Made once per server; routes find it as `request.app.state.service`."""

    talker: Stepwave
    config: ServerConfig
    turns: Turns = field(default_factory=Turns)
    tools: ServerTools = field(default_factory=ServerTools)
    """What the model may call, and the server runs."""
    libraries: OfferedVoices = field(default_factory=OfferedVoices)
    """Voices that clients may choose beside the stored ones."""
    metrics: Metrics = field(default_factory=Metrics)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the model is loaded and has answered once."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server is told to stop: nothing new is taken, answers under way may finish."""
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when answers are to break off: asked between tokens."""
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.memory = Memory(self.config.most_memory_bytes)
