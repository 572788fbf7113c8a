"""What the model reads for its answers: one session, the room in it, and which items stand where in its history."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stepwave.dialogue.session import Session
from stepwave.dialogue.state import Mark
from stepwave.dialogue.voices import VoiceChoice
from stepwave.facts.conversation import Message
from stepwave.facts.events import Event
from stepwave.serving.realtime.history import History
from stepwave.serving.realtime.items import Item
from stepwave.serving.realtime.settings import Settings
from stepwave.serving.service import Service

_LOG = logging.getLogger(__name__)
LEAST_ROOM: Final = 2_000
"""Positions under which the oldest turns are forgotten: a question of 20 s and an answer of 50."""
KEPT_POSITIONS: Final = 1_500
"""What is kept then: reading it anew costs time."""


@dataclass(frozen=True)
class Place:
    """A place in a conversation."""

    mark: Mark
    named: str | None
    """What the client had called the voice."""


class Reading:
    """Of a whole conversation, or with `aside` of one answer that leaves it as it is."""

    def __init__(self, service: Service, session: Session, voice: VoiceChoice, name: str, aside: bool = False) -> None:
        """`voice` is spoken with where the settings name none; `name` is the conversation's, for the log."""
        self.session = session
        self.history = History(session, service.talker.engine.tokenizer)
        """Kept up to date except for an answer aside, whose items nobody asks for."""
        self.aside = aside
        self._stopped = service.stopped
        self._voice = voice
        self._named: str | None = None
        self._name = name

    def hand_over(self, items: Sequence[Item], messages: Sequence[Message | None]) -> None:
        """The model gets items, as `messages`: their sound need not be kept, and they have a place in its history."""
        for item, message in zip(items, messages, strict=True):
            item.asked, item.sound = True, []
            if message is not None and not self.aside:
                self.history.expect(item, message)

    def answered(self, items: Sequence[Item]) -> None:
        """An answer is over, and `items` came of it."""
        if not self.aside:
            self.history.answered(items)

    # In the model's thread from here on.

    def mark(self) -> Place:
        """Where the conversation stands, for `go_back`."""
        return Place(self.session.mark(), self._named)

    def go_back(self, place: Place) -> None:
        """Forget what was asked and answered since."""
        self.session.go_back(place.mark)
        self._named = place.named

    def make_room(self) -> None:
        """Forget the oldest turns where little room is left."""
        if self.session.room < LEAST_ROOM:
            forgotten = self.session.forget_oldest(KEPT_POSITIONS)
            if not self.aside:
                self.history.forgot()
            _LOG.info("session %s: %d turns forgotten to make room", self._name, forgotten)

    def ask(self, settings: Settings, messages: Sequence[Message | None]) -> Iterator[Event]:
        """The answer to `messages`, as `Session.stream`.

        Where the client has named another voice since, one that a tool found is over.
        """
        self.session.instruct(settings.instructions, settings.offered)
        if settings.voice_said != self._named:
            self._named = settings.voice_said
            self.session.switch_voice(None)
        for message in messages:
            if message is not None:
                self.session.add(message)
        return self.session.stream(
            voice=settings.voice or self._voice,
            text_only=not settings.spoken,
            max_seconds=settings.most_seconds,
            interrupted=self._stopped.is_set,
        )
