"""Items taken out of what a real model has read, or shortened there: by hand, and as clients do it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from stepwave.dialogue.history import turn_spans
from stepwave.dialogue.session import Session
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import Message
from stepwave.facts.errors import ConfigError
from stepwave.facts.events import Event, Finished, ToolCallRequest
from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.history import History
from stepwave.serving.realtime.items import Item, new_id, spoken_item
from stepwave.serving.server_tools import ServerTools
from stepwave.text.interleave import read_section
from stepwave.text.template import render
from stepwave.tools.clock import clock

from ..conftest import Running, running
from .raw_client import ask, dial, receive, run, send, until


class Talk:
    """A session and the history of its items."""

    def __init__(self, talker: Stepwave) -> None:
        self.session: Session = talker.session("Be brief.", seed=1)
        self.tokenizer = talker.engine.tokenizer
        self.history = History(self.session, self.tokenizer)

    def ask(self, *questions: Item, spoken: bool = True) -> Item:
        """The answer to them, cut short after a moment."""
        for item in questions:
            message = item.message()
            assert message is not None
            self.session.add(message)
            self.history.expect(item, message)
        list(self.session.stream(text_only=not spoken, max_seconds=0.6))
        kind = "output_audio" if spoken else "output_text"
        answer = Item(new_id("item"), "message", "assistant", [{"type": kind}])
        self.history.answered([answer])
        return answer

    @property
    def turns(self) -> list[list[int]]:
        """The ids of each turn, the system prompt first."""
        ids = self.session.ids
        return [ids[start:end] for start, end in turn_spans(ids, self.tokenizer.special)]

    def written(self, *questions: Item) -> list[int]:
        """The ids of one turn that asks them."""
        parts: list[Any] = []
        for item in questions:
            message = item.message()
            assert message is not None
            parts.extend(message.content or ())
        return render([Message("human", tuple(parts))], self.tokenizer).ids


@pytest.fixture
def talk(tiny_talker: Stepwave) -> Talk:
    return Talk(tiny_talker)


def said(seed: int) -> Item:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(11_200)
    return spoken_item(new_id("item"), samples.astype(np.float32))


def text(words: str) -> Item:
    return Item(new_id("item"), "message", "user", [{"type": "input_text", "text": words}])


def test_a_question_and_its_answer_in_the_middle_are_taken_out(talk: Talk) -> None:
    first, second, third = said(1), text("Which one?"), said(3)
    answers = [talk.ask(first), talk.ask(second, spoken=False), talk.ask(third)]
    whole = talk.turns
    talk.history.delete(second)
    assert talk.turns == [*whole[:3], *whole[4:]]
    talk.history.delete(answers[1])
    assert talk.turns == [*whole[:3], *whole[5:]]
    # What is out already is no fault, and all else is where it was.
    talk.history.delete(answers[1])
    talk.history.delete(first)
    assert talk.turns == [whole[0], whole[2], *whole[5:]]
    talk.ask(text("And now?"))
    assert talk.turns[4] == talk.written(text("And now?"))


def test_questions_around_a_deleted_answer_become_one_turn(talk: Talk) -> None:
    first, second, third = said(1), text("Which one?"), said(3)
    answer = talk.ask(first)
    talk.ask(second, third)
    whole = talk.turns
    assert whole[3] == talk.written(second, third)
    talk.history.delete(answer)
    assert talk.turns == [whole[0], talk.written(first, second, third), whole[4]]
    talk.history.delete(second)
    assert talk.turns == [whole[0], talk.written(first, third), whole[4]]
    talk.history.delete(third)
    assert talk.turns == [whole[0], talk.written(first), whole[4]]


@pytest.mark.parametrize("last_first", [True, False])
def test_an_answer_that_called_is_shortened_with_what_came_of_its_calls(talk: Talk, last_first: bool) -> None:
    first = talk.ask(said(1))
    call = Item(new_id("mcp"), "mcp_call", name="date_time", asked=True)
    # The call stands in the answer; here it is only known to.
    talk.history._turns[-1].items.append(call)
    call.told = "It is noon."
    after = talk.ask(call)
    whole = talk.turns
    assert talk.tokenizer.decode(whole[3]) == "input\nIt is noon."
    with pytest.raises(ApiError, match="told apart"):
        talk.history.delete(call)
    if last_first:
        talk.history.truncate(after, 0.0)
    talk.history.truncate(first, 0.2)
    turns = talk.turns
    assert turns[:2] == whole[:2]
    assert len(turns) == len(whole) - 1
    assert last_first or turns[3:] == whole[4:]
    assert len(read_section(turns[2], talk.tokenizer.special, inside=False).codes) == 5
    if not last_first:
        talk.history.truncate(after, 0.0)
    assert len(read_section(talk.turns[3], talk.tokenizer.special, inside=False).codes) == 0
    talk.ask(text("And now?"))
    assert talk.turns[4] == talk.written(text("And now?"))


def test_what_came_of_a_call_is_not_read_where_the_call_was_not_heard(talk: Talk) -> None:
    answer = talk.ask(said(1))
    call = Item(new_id("mcp"), "mcp_call", name="date_time", told="It is noon.")
    talk.history._turns[-1].items.append(call)
    talk.history.truncate(answer, 60.0)
    assert (call.told, call.asked) == ("It is noon.", False)
    talk.history.truncate(answer, 0.2)
    assert (call.told, call.asked) == (None, True)


def test_an_earlier_answer_is_shortened_to_what_was_heard(talk: Talk) -> None:
    first = talk.ask(said(1))
    last = talk.ask(said(2))
    whole, special = talk.turns, talk.tokenizer.special
    talk.history.truncate(first, 0.2)
    turns = talk.turns
    assert [*turns[:2], *turns[3:]] == [*whole[:2], *whole[3:]]
    section = read_section(turns[2], special, inside=False)
    assert len(section.codes) == 5
    assert section.closed
    assert section.faults == ()
    talk.history.truncate(last, 0.0)
    assert len(read_section(talk.turns[4], special, inside=False).codes) == 0


def test_a_spoken_answer_is_taken_from_before_its_call(talk: Talk) -> None:
    message = talk.ask(said(1))
    call = Item(new_id("item"), "function_call", call_id="call_1", name="weather", arguments="{}")
    talk.history.answered([])
    turn = talk.history._turns[-1]
    turn.items.append(call)
    with pytest.raises(ApiError, match="rest of its answer"):
        talk.history.delete(call)
    talk.history.delete(message)
    header = talk.tokenizer.encode("assistant\n")
    special = talk.tokenizer.special
    assert talk.turns[2] == [special.bot, *header, special.eot]


def test_forgotten_turns_are_out_and_the_rest_is_still_found(talk: Talk) -> None:
    questions = [said(1), said(2), said(3)]
    answers = [talk.ask(one) for one in questions]
    whole = talk.turns
    assert talk.session.forget_oldest(len(talk.session.ids) - 1) == 1
    talk.history.forgot()
    assert talk.turns == [whole[0], *whole[3:]]
    talk.history.delete(questions[0])
    with pytest.raises(ApiError, match="not in the model's history"):
        talk.history.truncate(answers[0], 0.1)
    talk.history.delete(questions[1])
    assert talk.turns == [whole[0], *whole[4:]]


def test_what_waited_for_a_later_answer_is_found_unless_instructions_came_between(talk: Talk) -> None:
    def refused(question: Item) -> None:
        message = question.message()
        assert message is not None
        talk.session.add(message)
        talk.history.expect(question, message)
        with pytest.raises(ConfigError):
            talk.session.stream(max_seconds=-1)
        talk.history.answered([])
        with pytest.raises(ApiError, match="belongs to an answer that failed"):
            talk.history.delete(question)

    first, second = text("One?"), text("Two?")
    refused(first)
    talk.ask(second)
    talk.history.delete(first)
    assert talk.turns[1] == talk.written(second)
    third, fourth = text("Three?"), text("Four?")
    refused(third)
    talk.session.instruct("Be kind.")
    answer = talk.ask(fourth)
    for item in (third, fourth, answer):
        with pytest.raises(ApiError, match="belongs to an answer that failed"):
            talk.history.delete(item)
    # The last answer can be shortened all the same, and what comes later is found again.
    talk.history.truncate(answer, 0.0)
    fifth = text("Five?")
    talk.ask(fifth)
    count = len(talk.turns)
    talk.history.delete(fifth)
    assert len(talk.turns) == count - 1


def test_clients_delete_and_shorten_what_was_answered_long_ago(server: Running) -> None:
    def question(name: str) -> dict[str, Any]:
        content = [{"type": "input_text", "text": "Name a river."}]
        return {"id": name, "type": "message", "role": "user", "content": content}

    async def talk() -> None:
        async with dial(server) as socket:
            await receive(socket)
            await send(socket, "session.update", session={"type": "realtime", "max_output_tokens": 30})
            answers = []
            for name in ("first", "second", "third"):
                await send(socket, "conversation.item.create", item=question(name))
                await send(socket, "response.create")
                answers.append((await until(socket, "response.done"))[-1]["response"]["output"][0]["id"])
            await send(socket, "conversation.item.truncate", item_id=answers[0], audio_end_ms=40)
            await send(socket, "conversation.item.delete", item_id="second")
            await send(socket, "conversation.item.delete", item_id=answers[1])
            await send(socket, "conversation.item.create", item=question("fourth"))
            await send(socket, "response.create")
            # Late news of the answer before does not stop the one under way, and waits for its end.
            await send(socket, "conversation.item.truncate", item_id=answers[2], audio_end_ms=80)
            events = await until(socket, "response.done")
            kinds = [event["type"] for event in events]
            assert "error" not in kinds
            mended = ["conversation.item.truncated", *["conversation.item.deleted"] * 2]
            assert [kind for kind in kinds if kind in mended] == mended
            assert events[-1]["response"]["status"] in ("completed", "incomplete")
            truncated = (await until(socket, "conversation.item.truncated"))[-1]
            assert (truncated["item_id"], truncated["audio_end_ms"]) == (answers[2], 80)
            for verb, extra in (("retrieve", {}), ("delete", {}), ("truncate", {"audio_end_ms": 0})):
                await send(socket, f"conversation.item.{verb}", item_id="second", **extra)
                error = (await until(socket, "error"))[-1]["error"]
                assert error["code"] == f"item_{verb}_invalid_item_id"

    run(talk)


class CallingOnce(Stepwave):
    """A real model that babbles; its first answer for which it is told of tools ends in a call."""

    def __init__(self, talker: Stepwave) -> None:
        super().__init__(talker.engine)
        self.calls = deque([ToolCallRequest("date_time", "{}")])

    def session(self, *arguments: Any, **named: Any) -> Session:
        made = self.made = super().session(*arguments, **named)
        stream = made.stream

        def with_call(*asked: Any, **how: Any) -> Iterator[Event]:
            for event in stream(*asked, **how):
                if isinstance(event, Finished) and self.calls and made._tools:
                    yield self.calls.popleft()
                yield event

        setattr(made, "stream", with_call)  # noqa: B010 - a method is not to be assigned, says mypy
        return made

    @property
    def roles(self) -> list[str]:
        """Whose the turns are that the model has read."""
        tokenizer, ids = self.engine.tokenizer, self.made.ids
        texts = [tokenizer.decode(ids[start:end]) for start, end in turn_spans(ids, tokenizer.special)]
        return [text.split("\n")[0] for text in texts]


def test_clients_shorten_an_answer_for_which_the_server_ran_a_tool(tiny_talker: Stepwave) -> None:
    talker = CallingOnce(tiny_talker)

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await until(socket, "mcp_list_tools.completed")
            await send(socket, "session.update", session={"type": "realtime", "max_output_tokens": 30})
            await ask(socket)
            before, call, after = (await until(socket, "response.done"))[-1]["response"]["output"]
            assert '"weekday"' in call["output"]
            assert talker.roles == ["system", "tool_json_schemas", "human", "assistant", "input", "assistant"]
            for item, heard in ((after, 0), (before, 40)):
                await send(socket, "conversation.item.truncate", item_id=item["id"], audio_end_ms=heard)
                events = await until(socket, "conversation.item.truncated")
                assert "error" not in [event["type"] for event in events]
            await ask(socket)
            await until(socket, "response.done")
            # What the tool said went with the call, which was not heard.
            answers = ["human", "assistant", "assistant", "human", "assistant"]
            assert talker.roles == ["system", "tool_json_schemas", *answers]

    with running(talker, tools=ServerTools([clock()])) as server:
        run(lambda: talk(server))
