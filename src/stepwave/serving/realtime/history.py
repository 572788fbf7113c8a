"""Which items stand where in what the model has read, and how one is taken out of it or shortened there.

A session's history is ids; items are known by the order in which they were handed to it. After each answer the new
turns are counted off against them. Where that does not come out even (an answer that failed on its way), the items of
those turns stay as they are for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from stepwave.dialogue.history import shortened, turn_spans
from stepwave.dialogue.session import Session
from stepwave.facts.conversation import Message
from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.item_list import CALLS
from stepwave.serving.realtime.items import Item
from stepwave.text.template import render
from stepwave.text.tokenizer import Tokenizer


class History:
    """The items in one session's ids. All but `expect` wants a session that is not answering."""

    def __init__(self, session: Session, tokenizer: Tokenizer) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._headers = {role: 1 + len(tokenizer.encode(f"{role}\n")) for role in ("human", "assistant")}
        self._head = 0
        self._turns: list[_Turn] = []
        self._unread: list[tuple[Item, Message]] = []
        self._lost: set[str] = set()
        self._last: set[str] = set()

    def expect(self, item: Item, message: Message) -> None:
        """`item` was handed to the session as `message`, after all before it."""
        self._unread.append((item, message))

    def answered(self, answer: Sequence[Item]) -> None:
        """An answer is over: what was expected has been read, and `answer` are the items that came of it."""
        known = len(self._turns)
        new = turn_spans(self._session.ids, self._tokenizer.special)[known:]
        if new or answer:
            self._last = {item.id for item in answer}
        if not new:  # what was asked was refused, and waits for the next answer
            return
        expected = [*self._questions(), _Turn(list(answer))]
        self._unread = []
        extra = len(new) - len(expected)  # instructions, and at the beginning system prompt and tools
        lengths = [end - start for start, end in new[max(extra, 0) : -1]]
        if extra < 0 or lengths != [turn.length for turn in expected[:-1]]:
            self._lost |= {item.id for turn in expected for item in turn.items}
            expected, extra = [], len(new)
        self._head = extra if known == 0 else self._head
        self._turns += [*(_Turn() for _ in range(extra)), *expected]

    def forgot(self) -> None:
        """The session has forgotten its oldest turns."""
        count = len(self._turns) - len(turn_spans(self._session.ids, self._tokenizer.special))
        del self._turns[self._head : self._head + count]

    def delete(self, item: Item) -> None:
        """Take an item out of what the model has read; without effect for one that is not in it.

        Raises ApiError where it can't be told apart from the rest of its turn, ConfigError as `Session.replace`.
        """
        place = self._place(item)
        if place is None:
            return
        turn = self._turns[place]
        spans = turn_spans(self._session.ids, self._tokenizer.special)
        start, end = spans[place]
        if item.type in CALLS or (len(turn.items) > 1 and not turn.human and not _spoken(item)):
            raise ApiError(
                f"item '{item.id}' can't be told apart from the rest of its answer; delete the other items of it, or "
                "start a new session",
                code="unsupported",
                param="item_id",
            )
        at = turn.items.index(item)
        self._last.discard(item.id)
        if len(turn.items) > 1 and turn.human:
            start += self._headers["human"] + sum(turn.lengths[:at])
            self._session.replace(start, start + turn.lengths[at])
            del turn.items[at], turn.lengths[at]
        elif len(turn.items) > 1:  # calls follow the spoken section, and stay
            closing = self._session.ids.index(self._tokenizer.special.tts_end, start, end)
            self._session.replace(start + self._headers["assistant"], closing + 1)
            del turn.items[at]
        elif 0 < place < len(spans) - 1 and self._turns[place - 1].human and self._turns[place + 1].human:
            # Questions that follow each other are one turn to the model: the border between them goes too.
            self._session.replace(spans[place - 1][1] - 1, spans[place + 1][0] + self._headers["human"])
            self._turns[place - 1].join(self._turns[place + 1])
            del self._turns[place : place + 2]
        else:
            self._session.replace(start, end)
            del self._turns[place]

    def truncate(self, item: Item, seconds: float) -> str:
        """Cut a spoken answer to its first `seconds`; returns the text that stays.

        Raises ApiError where it is no longer in what the model has read, ConfigError as `Session.replace`.
        """
        if item.id in self._last:
            before = self._session.ids
            text = self._session.truncate(seconds)
            if self._session.ids != before:
                self._turns[-1].cut_after(item)
            return text
        place = self._place(item)
        if place is None:
            raise ApiError(
                f"item '{item.id}' is not in the model's history any more; nothing is left to shorten",
                code="unsupported",
                param="item_id",
            )
        ids, special = self._session.ids, self._tokenizer.special
        start, end = turn_spans(ids, special)[place]
        start = ids.index(special.tts_start, start) + 1
        kept, section = shortened(ids[start:end], seconds, special)
        if kept != ids[start:end]:
            turn, after = self._turns[place], place + 1
            while after < len(self._turns) and self._turns[after].answers(turn):
                after += 1
            end = turn_spans(ids, special)[after - 1][1]
            self._session.replace(start, end, kept)
            del self._turns[place + 1 : after]
            turn.cut_after(item)
        return self._tokenizer.decode(section.text_ids).strip()

    def _questions(self) -> list[_Turn]:
        """The turns that the unread items make: human ones that follow each other are one, as sessions write them."""
        around = self._headers["human"] + 1
        turns: list[_Turn] = []
        for item, message in self._unread:
            length, human = len(render([message], self._tokenizer).ids), message.role == "human"
            if not human:
                turns.append(_Turn([item], [length]))
            elif turns and turns[-1].human:
                turns[-1].join(_Turn([item], [length - around]))
            else:
                turns.append(_Turn([item], [length - around], around))
        return turns

    def _place(self, item: Item) -> int | None:
        if item.id in self._lost or any(item is one for one, _ in self._unread):
            raise ApiError(
                f"item '{item.id}' belongs to an answer that failed, and can't be found in the model's history; "
                "start a new session",
                code="unsupported",
                param="item_id",
            )
        return next((at for at, turn in enumerate(self._turns) if item in turn.items), None)


@dataclass
class _Turn:
    """The items of one turn: several where questions follow each other, or where an answer calls tools."""

    items: list[Item] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    """Ids of each item of a question; nobody asks for those of an answer."""
    around: int = 0
    """Further ids: what stands around the items of a human turn, 0 for all others."""

    @property
    def human(self) -> bool:
        return self.around > 0

    @property
    def length(self) -> int:
        return self.around + sum(self.lengths)

    def answers(self, earlier: _Turn) -> bool:
        """Whether it is what came of a call that the server ran in an earlier answer: the call's item is in both."""
        return bool(self.items) and all(item.type == "mcp_call" and item in earlier.items for item in self.items)

    def cut_after(self, spoken: Item) -> None:
        """Calls that followed went with the rest of the answer, and nobody is told what came of them."""
        for item in self.items:
            if item.type == "mcp_call":
                item.asked, item.told = True, None
        self.items = [spoken]

    def join(self, later: _Turn) -> None:
        self.items += later.items
        self.lengths += later.lengths


def _spoken(item: Item) -> bool:
    return bool(item.content) and item.content[0]["type"] == "output_audio"
