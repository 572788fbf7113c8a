"""The items of a conversation in their order, and the events that tell of each."""

from __future__ import annotations

from typing import Final

from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.items import Item
from stepwave.serving.realtime.response import Put

CALLS: Final = ("function_call", "mcp_call")
RESULTS: Final = ("function_call_output", "mcp_call")
"""A call that the server ran holds its result."""
MOST_ITEMS: Final = 2_000
"""Items a conversation may come to."""


class ItemList:
    """All items of one session, asked and answered; `put` takes events for the client."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._items: dict[str, Item] = {}

    @property
    def last_id(self) -> str | None:
        """The id of the last item; None where there is none."""
        return next(reversed(self._items), None)

    @property
    def unasked(self) -> list[Item]:
        """What the model has not read yet: in order, but for results, which stand in the order of their calls."""
        unasked = [item for item in self._items.values() if not item.asked]
        calls = {item.call_id or item.id: at for at, item in enumerate(self._items.values()) if item.type in CALLS}
        results = [item for item in unasked if item.type in RESULTS]
        # Nothing tells the model which result belongs to which of several calls, except for their order.
        in_order = iter(sorted(results, key=lambda item: calls.get(item.call_id or item.id, 0)))
        return [next(in_order) if item.type in RESULTS else item for item in unasked]

    def __contains__(self, item: Item) -> bool:
        return item.id in self._items

    def find(self, item_id: str, what: str) -> Item:
        """The item of that id. Raises ApiError where there is none; its code names `what` was to be done with it, as
        OpenAI's clients read it."""
        if item_id not in self._items:
            raise ApiError(f"there is no item '{item_id}'", code=f"item_{what}_invalid_item_id", param="item_id")
        return self._items[item_id]

    def add(self, item: Item) -> None:
        """Append an item, and tell. Raises ApiError for an id that is taken, and where there are too many."""
        if len(self._items) >= MOST_ITEMS:
            raise ApiError(f"the conversation has {MOST_ITEMS} items; start a new session", code="too_many_items")
        if item.id in self._items:
            raise ApiError(f"there is an item '{item.id}' already", code="item_exists", param="item.id")
        place = {"previous_item_id": self.last_id, "item": item.to_protocol()}
        self._items[item.id] = item
        self._put({"type": "conversation.item.added", **place})
        if item.status != "in_progress":
            self._put({"type": "conversation.item.done", **place})

    def check_end(self, previous_id: str | None) -> None:
        """Raise ApiError where an item is to stand anywhere but at the end."""
        begun = any(item.type != "mcp_list_tools" for item in self._items.values())
        if previous_id not in (None, self.last_id, None if begun else "root"):
            raise ApiError(
                f"an item can only be added at the end, after '{self.last_id}'; leave previous_item_id out",
                code="unsupported",
                param="previous_item_id",
            )

    def check_call(self, call_id: str | None) -> None:
        """Raise ApiError where no item is the call of that id."""
        if call_id not in [item.call_id for item in self._items.values() if item.type == "function_call"]:
            raise ApiError(f"no call '{call_id}' was made", code="call_not_found", param="item.call_id")

    def delete(self, item_id: str) -> None:
        """Take an item out, and tell. Raises ApiError where there is none of that id."""
        del self._items[self.find(item_id, "delete").id]
        self._put({"type": "conversation.item.deleted", "item_id": item_id})
