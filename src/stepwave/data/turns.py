"""How the turns of a record are written as ids: in the chat template, or one after the other without roles.

Whether they fit the record's kind, and which system prompt it gets, was settled before.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

from stepwave.data.draft import Draft, sound_groups
from stepwave.data.examples import Example
from stepwave.data.fitting import NAMELESS, refusal
from stepwave.data.records import Call, Clip, Record, Turn
from stepwave.facts.conversation import Message, Part, TextPart, TokensPart
from stepwave.facts.tokens import SPEECH_CODES
from stepwave.text.interleave import interleave
from stepwave.text.markup import END, START, write_json, write_tool_call
from stepwave.text.prompts import THINK, THINK_END
from stepwave.text.schemas import read_tool_schemas, tool_schemas_message
from stepwave.text.template import render, render_base
from stepwave.text.tokenizer import Tokenizer
from stepwave.text.word_errors import UNSPACED


class TurnWriter:
    """Writes one record; `pieces` and `codes` as `Renderer.render` takes them."""

    def __init__(
        self,
        record: Record,
        tokenizer: Tokenizer,
        pieces: Mapping[str, Sequence[int]],
        codes: Mapping[str, Sequence[int]],
    ) -> None:
        self._record, self._draft = record, Draft(tokenizer.special)
        self._tokenizer, self._special = tokenizer, tokenizer.special
        self._pieces, self._codes = pieces, codes

    def write(self, turns: Sequence[Turn], system: str | None) -> Example:
        """Write `turns`, and before them the prompt that asks for the task, where there is one.

        Raises DataError for sound that is missing, TextError for what can't be written.
        """
        kind = self._record.kind
        if kind == "text":
            self._draft.say([*self._encode(turns[0].text), self._special.end_of_text])
        elif kind == "interleaved":
            self._monologue(turns)
        elif kind == "continuation":
            self._continuation(*turns)
        else:
            self._conversation(turns, system)
        return self._draft.example(kind)

    def _monologue(self, turns: Sequence[Turn]) -> None:
        """Utterances one after the other; written ones that meet are one text, as they would be on paper."""
        for spoken, run in groupby(turns, key=lambda turn: turn.spoken):
            utterances = list(run)
            if spoken:
                for turn in utterances:
                    self._draft.say([self._special.tts_start, *self._section(turn)])
            else:
                gap = "" if utterances[0].language in UNSPACED else " "
                self._draft.say(self._encode(gap.join(turn.text for turn in utterances)))
        self._draft.say([self._special.end_of_text])

    def _continuation(self, heard: Turn, said: Turn) -> None:
        """A recording, and how it goes on, without an instruction."""
        part, sound = self._sound(heard)
        self._draft.give(render_base([part], self._tokenizer).ids, [sound])
        self._answer(said, spoken=said.spoken)
        self._draft.say([self._special.end_of_text])

    def _conversation(self, turns: Sequence[Turn], system: str | None) -> None:
        """Turns in the chat template. Human turns that follow each other are one, a part each (facts 4.7)."""
        given = [turn for turn in turns if turn.role in NAMELESS]
        said = [turn for turn in turns if turn.role not in NAMELESS]
        if system is not None:
            self._message(Message("system", system))
        for turn in given:
            if turn.role == "system" and self._tokenizer.encode(turn.text) != self._encode(turn.text):
                raise refusal(self._record, "its system turn spells a special token; take it out")
            self._message(Message(turn.role, turn.text))
        if self._record.kind == "tools" and all(turn.role != "tool_json_schemas" for turn in given):
            self._message(self._tools())
        speaks = _speaks(said)
        for role, run in groupby(said, key=lambda turn: turn.role):
            if role == "human":
                self._human(list(run))
                continue
            for turn in run:
                if role == "assistant":
                    self._assistant(turn, speaks, last=turn is said[-1])
                else:
                    self._message(Message(role, (TextPart(turn.text),)))

    def _human(self, turns: Sequence[Turn]) -> None:
        parts: list[Part] = []
        sounds = []
        for spoken, run in groupby(turns, key=lambda turn: turn.spoken):
            if not spoken:
                parts.append(TextPart("\n".join(turn.text for turn in run)))
                continue
            for turn in run:
                part, sound = self._sound(turn)
                parts.append(part)
                sounds.append(sound)
        self._message(Message("human", tuple(parts)), sounds)

    def _assistant(self, turn: Turn, speaks: bool, last: bool) -> None:
        thoughts = str(self._record.details.get("reasoning") or "").strip() if last else ""
        opening = Message("assistant", THINK, eot=False) if thoughts else Message("assistant", None)
        self._message(opening)
        if thoughts:
            self._draft.say(self._encode(f"{thoughts}{THINK_END}\n\n"))
        # Where answers are spoken the caller asks for speech before the model can know that it will only call a tool.
        self._answer(turn, spoken=turn.spoken or (speaks and not turn.text.strip()))
        self._draft.say([*self._calls(turn.calls), self._special.eot])

    def _answer(self, turn: Turn, spoken: bool) -> None:
        if not spoken:
            self._draft.say(self._encode(turn.text))
            return
        self._draft.give([self._special.tts_start])
        self._draft.say(self._section(turn) if turn.spoken else [self._special.tts_end])

    def _section(self, turn: Turn) -> list[int]:
        """A spoken section after its opening mark."""
        assert turn.clip is not None
        codes = [int(code) for code in self._codes.get(turn.clip.id, ())]
        if not codes:
            raise refusal(
                self._record, f"clip {turn.clip.id} is said but has no speech codes; run `stepwave prepare tokenise`"
            )
        if min(codes) < 0 or max(codes) >= SPEECH_CODES:
            found = f"{min(codes)}..{max(codes)}"
            raise refusal(
                self._record, f"clip {turn.clip.id} has codes {found}; wanted 0..{SPEECH_CODES - 1}: tokenise again"
            )
        return [*interleave(self._encode(turn.text), codes, self._special), self._special.tts_end]

    def _sound(self, turn: Turn) -> tuple[TokensPart, tuple[Clip, Sequence[int]]]:
        assert turn.clip is not None
        counts = self._pieces.get(turn.clip.id, ())
        if not any(counts):
            raise refusal(self._record, f"clip {turn.clip.id} is heard but has no sound of 20 ms or more; leave it out")
        return sound_groups(counts, self._special), (turn.clip, counts)

    def _calls(self, calls: Sequence[Call]) -> list[int]:
        ids: list[int] = []
        for call in calls:
            markup = write_tool_call(call.name, call.arguments)
            body = self._encode(markup.removeprefix(START).removesuffix(END))
            ids += [self._special.tool_call_start, *body, self._special.tool_call_end]
        return ids

    def _tools(self) -> Message:
        """The turn that declares the record's tools."""
        offered = self._record.details.get("tools")
        if not offered:
            raise refusal(self._record, 'details["tools"] offers no tools; wanted their schemas')
        schemas = read_tool_schemas(write_json(offered))
        called = {call.name for turn in self._record.turns for call in turn.calls}
        missing = sorted(called - {schema.name for schema in schemas})
        if missing:
            raise refusal(self._record, f"calls {', '.join(missing)}, which it does not offer")
        return tool_schemas_message(schemas)

    def _message(self, message: Message, sounds: Sequence[tuple[Clip, Sequence[int]]] = ()) -> None:
        self._draft.give(render([message], self._tokenizer).ids, sounds)

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, parse_special=False)


def _speaks(turns: Sequence[Turn]) -> bool:
    """Whether the assistant's answers are spoken; where it has no words at all, as the human does."""
    answers = [turn for turn in turns if turn.role == "assistant"]
    if any(turn.text.strip() for turn in answers):
        return any(turn.spoken for turn in answers)
    return any(turn.spoken for turn in turns)
