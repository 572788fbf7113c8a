"""A conversation of several turns: what was said stays as ids and in the decoder's cache, so a turn costs only itself.

A session belongs to one caller at a time; any number of them share one engine. Tool calls are passed on as events, and
their results come back by `add_result`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from stepwave.dialogue.history import shortened
from stepwave.dialogue.language import Engine, LanguageContext
from stepwave.dialogue.listening import Recording, hear
from stepwave.dialogue.messages import checked, has_sound, joined
from stepwave.dialogue.state import Exchange, Mark, Piece
from stepwave.dialogue.tasks import WRITTEN_TOKENS_PER_SECOND, spoken_tokens, transcribe_piece
from stepwave.dialogue.voices import VoiceChoice
from stepwave.facts.conversation import AudioPart, Message, TextPart
from stepwave.facts.errors import AudioTooLongError, ConfigError, ServiceError, TextError
from stepwave.facts.events import Event, SpeechDelta
from stepwave.facts.rates import POSITION_RATE
from stepwave.generation.decode import DecodeSettings
from stepwave.generation.speak import SpeechStream, speak
from stepwave.models.detokenizer import Voice
from stepwave.signal.resample import Samples
from stepwave.text.prompts import SPEAK
from stepwave.text.schemas import ToolSchema, tool_schemas_message
from stepwave.text.template import Prompt, render

RESERVED_SECONDS: Final = 10.0
"""Room for so much of an answer must be left when a question is taken."""


class Session:
    """A conversation with the model in `engine`.

    Args:
        engine: the model.
        system: the system prompt; None for the model's own, by the kind of the first question.
        seed: makes the answers repeatable; None draws anew each time.
        tools: what the model may call; whoever takes the events runs the calls.
    """

    def __init__(
        self,
        engine: Engine,
        system: str | None = None,
        seed: int | None = None,
        tools: Sequence[ToolSchema] = (),
    ) -> None:
        self._engine = engine
        self._system = system
        self._seed = seed
        self._tools = tuple(tools)
        self._context: LanguageContext = engine.context()
        self._waiting: list[Message] = []
        self._question: tuple[Piece, ...] = ()
        self._answer_start: int | None = None
        self._head = 0  # ids of the system prompt and the tools
        self._exchanges: list[Exchange] = []
        self._turns = 0
        self._answering = False
        self._voice: Voice | None = None

    @property
    def engine(self) -> Engine:
        """The model."""
        return self._engine

    @property
    def seed(self) -> int | None:
        """What its answers are drawn from; None for something else each time."""
        return self._seed

    @property
    def answering(self) -> bool:
        """Whether an answer is being made."""
        return self._answering

    @property
    def ids(self) -> list[int]:
        """The whole conversation as token ids; what was added and not answered yet is not in it."""
        return self._context.ids

    @property
    def room(self) -> int:
        """Positions left: a second of a question takes 12.5, one of a spoken answer 31.25."""
        return self._context.room

    @property
    def turns(self) -> int:
        """Questions answered so far."""
        return self._turns

    def instruct(self, system: str | None, tools: Sequence[ToolSchema] = ()) -> None:
        """Say anew what the model is to be and may call: before the first answer in place of what was told at the
        beginning, later as further turns."""
        changed = system != self._system, tuple(tools) != self._tools
        self._system, self._tools = system, tuple(tools)
        if self._context.ids:
            if changed[0] and system is not None:
                self._waiting.append(Message("system", system))
            if changed[1]:
                self._waiting.append(tool_schemas_message(tools))

    def add(self, message: Message) -> None:
        """Append a finished turn, such as an earlier question and its answer; it costs nothing until the next answer.

        Raises TemplateError for an open turn or one without content, TextError for an empty one, and AudioError for a
        recording that can't be used.
        """
        self._waiting.append(checked(message, self._engine.profile.longest_question_seconds))

    def add_result(self, text: str, clip: Samples | None = None) -> None:
        """Append what a tool that the model called came to, and a recording (16 kHz, [n]) that it found.

        Raises TextError for an empty result, AudioError for a recording that can't be used.
        """
        if not text.strip():
            raise TextError("got an empty tool result; wanted some text, if only that there is nothing to tell")
        result = TextPart(text)
        self._waiting.append(Message("input", (result,) if clip is None else (result, self._part(clip))))

    def switch_voice(self, choice: VoiceChoice) -> None:
        """Speak in another voice from the next answer on, whatever `stream` is told; None ends that.

        Raises ConfigError for an unknown name, AudioError for a recording that can't be used; then nothing changes.
        """
        self._voice = None if choice is None else self._engine.voices.choose(choice)

    def offer(self, tools: Sequence[ToolSchema]) -> None:
        """Say anew what the model may call, as `instruct` does."""
        self.instruct(self._system, tools)

    @property
    def voice(self) -> Voice | None:
        """What `switch_voice` chose."""
        return self._voice

    def stream(
        self,
        question: Recording | TextPart | None = None,
        *,
        voice: VoiceChoice = None,
        text_only: bool = False,
        max_seconds: float | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[Event]:
        """Answer a recording, a written question in a `TextPart`, or what was added (None), as events while the answer
        is being made.

        Text, speech codes and sound come as they are ready, `Finished` last. Leaving off early (closing the iterator)
        keeps what was said as the turn's answer; `truncate` tells how much of it was heard. `max_seconds` bounds the
        answer; `interrupted` is asked before every token.

        Raises, before anything is answered:
            AudioError: the recording can't be used (`listening.hear`), or is too long for what room is left.
            TextError: the written question is empty.
            ConfigError: no such voice, the last answer is still being made, nothing was asked, or the conversation is
                full. What was added stays, and can be asked again.
            CheckpointError: a part of the model is missing or damaged.

        Raises ServiceError while answering where a server has the language model and fails. What it said by then is the
        answer; where that is nothing, the question waits for the next answer.
        """
        self._check_idle()
        if max_seconds is not None and max_seconds <= 0:
            raise ConfigError(f"max_seconds is {max_seconds:g}; wanted more than 0")
        new = [*self._waiting]
        if question is not None:
            new.append(Message("human", (self._part(question),)))
        if not any(message.role in ("human", "input") for message in new):
            raise ConfigError("nothing was asked since the last answer; give a question, or add one first")
        sound = None if text_only else self._engine.speech(self._voice or self._engine.voices.choose(voice))
        heard = has_sound(new)
        spoken = sound is not None or not (self._engine.profile.writes_answers or not heard)
        prompt = self._prompt(new, spoken)
        self._check_room(prompt)
        self._waiting.clear()
        seconds = max_seconds or self._engine.profile.longest_answer_seconds
        return self._answer(new, prompt, self._settings(seconds, spoken, sound is not None), sound, interrupted)

    def close(self) -> None:
        """Forget the conversation and give its memory back; raises ConfigError while answering.

        Without it that happens when the last reference goes, and where references go in circles, much later.
        """
        self._check_idle()
        self._context = self._engine.context(capacity=1)
        self._waiting, self._question, self._exchanges = [], (), []
        self._answer_start, self._head, self._turns, self._voice = None, 0, 0, None

    def mark(self) -> Mark:
        """Where the conversation stands, for `go_back`."""
        return Mark(
            len(self._context), tuple(self._waiting), self._question, self._answer_start, self._head,
            tuple(self._exchanges), self._turns, self._system, self._tools, self._voice,
        )  # fmt: skip

    def go_back(self, mark: Mark) -> None:
        """Forget what was said to the model and answered since `mark`, as if it had never been; it costs nothing.

        Raises ConfigError while answering, and where the history was shortened or changed since.
        """
        self._check_idle()
        if tuple(self._exchanges[: len(mark.exchanges)]) != mark.exchanges or len(self._context) < mark.length:
            raise ConfigError("the history was changed since; go back only over what was added to it")
        self._context.rewind(mark.length)
        self._stand_at(mark)

    def take_up(self, ids: Sequence[int], mark: Mark) -> None:
        """Go on with a conversation of another session (`ids`, `mark`) with a model of the same tokens, in a new one.

        What was said is read anew: it costs a computation over its positions. Raises ConfigError where this session has
        begun, or ids and mark do not belong together, and what `LanguageContext.read` raises.
        """
        if self._context.ids or self._waiting or self._answering:
            raise ConfigError("this session has begun; take a conversation up in a new one")
        starts = [one.start for one in mark.exchanges]
        places = [mark.head, *starts, *([] if mark.answer_start is None else [mark.answer_start])]
        if mark.length != len(ids) or starts != sorted(starts) or not all(0 <= place <= len(ids) for place in places):
            raise ConfigError("the conversation's places do not fit its ids; save it again")
        self._context.read(Prompt(list(ids), [], []), [piece.heard for one in mark.exchanges for piece in one.pieces])
        self._stand_at(mark)

    def _stand_at(self, mark: Mark) -> None:
        self._waiting, self._exchanges = list(mark.waiting), list(mark.exchanges)
        self._question, self._answer_start, self._head = mark.question, mark.answer_start, mark.head
        self._turns, self._system, self._tools, self._voice = mark.turns, mark.system, mark.tools, mark.voice

    def transcript(self) -> str:
        """The words of the last question, written down from what was encoded for the answer; "" if it was written."""
        told = (transcribe_piece(self._engine, piece.samples, [piece.heard]) for piece in self._question)
        return " ".join(filter(None, told))

    def truncate(self, seconds: float) -> str:
        """Forget what of the last answer was not heard, all but its first `seconds`; returns the text that stays.

        Text and a tool call that followed are cut as `history.shortened` tells.
        Raises ConfigError while answering, or where there is no spoken answer that nothing was added to.
        """
        if self._answering or self._answer_start is None:
            raise ConfigError("there is no finished spoken answer to shorten; it can be done until the next one begins")
        if seconds < 0:
            raise ConfigError(f"an answer can't be shortened to {seconds:g} s; wanted 0 or more")
        ids = self._context.ids[self._answer_start :]
        kept, section = shortened(ids, seconds, self._engine.tokenizer.special)
        if kept != ids:
            self._context.rewind(self._answer_start)
            for token in kept:
                self._context.append(token)
        return self._engine.tokenizer.decode(section.text_ids).strip()

    def replace(self, start: int, end: int, instead: Sequence[int] = ()) -> None:
        """Take `ids[start:end]` out of the history, such as an earlier turn (`history.turn_spans`), with the ids of
        `instead`, which hold no sound, in their place.

        What follows is read anew, from what was encoded of its sound: it costs a computation over its positions.
        Raises ConfigError while answering, for a place that is not in the history or in its system prompt and tools,
        and where there is no room for `instead`; then nothing is changed.
        """
        ids, longer = self._context.ids, len(instead) - (end - start)
        self._check_idle()
        if not self._head <= start <= end <= len(ids):
            raise ConfigError(f"got places {start} to {end}; wanted some from {self._head} to {len(ids)}, in order")
        mark = self._engine.tokenizer.special.audio_start
        first = ids[:start].count(mark)
        last = first + ids[start:end].count(mark)
        heard = [piece.heard for one in self._exchanges for piece in one.pieces]
        context = self._context.fork()
        context.rewind(start)
        context.read(Prompt([*instead, *ids[end:]], [], []), heard[last:])
        self._context = context
        exchanges: list[Exchange] = []
        number = 0
        for one in self._exchanges:
            kept = tuple(piece for at, piece in enumerate(one.pieces, number) if not first <= at < last)
            number += len(one.pieces)
            if start < one.start < end and exchanges:  # its beginning is gone: it goes on from the one before
                exchanges[-1] = Exchange(exchanges[-1].start, (*exchanges[-1].pieces, *kept))
            else:
                exchanges.append(Exchange(one.start if one.start <= start else max(start, one.start + longer), kept))
        self._exchanges = exchanges
        if self._answer_start is not None and self._answer_start > start:
            self._answer_start = self._answer_start + longer if self._answer_start >= end else None

    def forget_oldest(self, keep: int) -> int:
        """Forget the oldest questions and answers, so that the rest takes at most `keep` positions; returns how many.

        System prompt and tools stay. What stays is read anew, from what was encoded of its sound: it costs a
        computation over its positions. Raises ConfigError while answering.
        """
        self._check_idle()
        ids = self._context.ids
        kept = [one for one in self._exchanges if len(ids) - one.start + self._head <= keep]
        forgotten = len(self._exchanges) - len(kept)
        if forgotten:
            start = kept[0].start if kept else len(ids)
            heard = [piece.heard for one in kept for piece in one.pieces]
            self._context = self._engine.context()
            self._context.read(Prompt([*ids[: self._head], *ids[start:]], [], []), heard)
            shift = start - self._head
            self._exchanges = [Exchange(one.start - shift, one.pieces) for one in kept]
            self._answer_start = self._answer_start - shift if self._answer_start is not None and kept else None
        return forgotten

    def _check_idle(self) -> None:
        if self._answering:
            raise ConfigError("the session is still answering; take or close the last answer's events first")

    def _part(self, question: Recording | TextPart) -> AudioPart | TextPart:
        if isinstance(question, TextPart):
            if not question.text.strip():
                raise TextError("got an empty question; wanted a recording or some text")
            return question
        return AudioPart(hear(question, self._engine.profile.longest_question_seconds))

    def _prompt(self, new: Sequence[Message], spoken: bool) -> Prompt:
        messages = joined(new)
        messages.append(Message("assistant", SPEAK if spoken else None, eot=not spoken))
        if not self._context.ids:
            declared = [tool_schemas_message(self._tools)] if self._tools else []
            head = [Message("system", self._usual(new) if self._system is None else self._system), *declared]
            self._head = len(render(head, self._engine.tokenizer).ids)
            messages = [*head, *messages]
        return render(messages, self._engine.tokenizer)

    def _usual(self, new: Sequence[Message]) -> str:
        prompts = self._engine.profile.prompts
        if self._tools and prompts.tools:
            return prompts.tools
        return prompts.answer if has_sound(new) else prompts.chat

    def _check_room(self, prompt: Prompt) -> None:
        room = self._context.room - spoken_tokens(RESERVED_SECONDS)
        if len(prompt.ids) <= room:
            return
        if prompt.audio and room > POSITION_RATE:
            raise AudioTooLongError(
                f"the question lasts {len(prompt.ids) / POSITION_RATE:.0f} s, and the conversation has room for "
                f"{room / POSITION_RATE:.0f} s more; ask something shorter or start a new session"
            )
        raise ConfigError(
            f"the question needs {len(prompt.ids)} positions, and the conversation has room for {max(room, 0)} more "
            f"after {self._turns} turns; start a new session"
        )

    def _settings(self, seconds: float, spoken: bool, sound: bool) -> DecodeSettings:
        profile, special = self._engine.profile, self._engine.tokenizer.special
        seed = None if self._seed is None else self._seed + self._turns
        ends: tuple[int, ...] | None = None
        if spoken and not sound:
            # A written answer read off a spoken one is complete with the first padding in place of text.
            ends = (special.tts_pad, special.tts_end, special.eot, special.end_of_text)
        most = spoken_tokens(seconds) if spoken else math.ceil(WRITTEN_TOKENS_PER_SECOND * seconds)
        text = replace(profile.text, seed=seed)
        return DecodeSettings(text=text, speech=profile.speech, max_tokens=most, stop_ids=ends)

    def _answer(
        self,
        new: Sequence[Message],
        prompt: Prompt,
        settings: DecodeSettings,
        sound: SpeechStream | None,
        interrupted: Callable[[], bool] | None,
    ) -> Iterator[Event]:
        self._answering = True
        before, earlier, said = len(self._context), len(self._exchanges), False
        try:
            heard = self._engine.encode(prompt.audio)
            self._context.read(prompt, heard)
            pieces = tuple(map(Piece, prompt.audio, heard))
            self._exchanges.append(Exchange(max(before, self._head), pieces))
            if any(message.role == "human" for message in new):  # what a tool came to is no question
                self._question = pieces
            self._answer_start = len(self._context) if sound is not None else None
            self._turns += 1
            events = self._context.decode(settings, interrupted)
            if sound is not None:
                events = speak(events, sound)
            for event in events:
                if sound is not None or not isinstance(event, SpeechDelta):
                    said = True
                    yield event
        except ServiceError:
            if not said:  # the question was not answered at all: it waits for the next time
                self._waiting[:0] = new
                self._turns -= len(self._exchanges) - earlier
                del self._exchanges[earlier:]
                self._context.rewind(before)
                self._answer_start = None
            raise
        finally:
            # Also when the caller stops listening: what was said so far is then the answer that the history holds.
            self._context.close()
            self._answering = False
