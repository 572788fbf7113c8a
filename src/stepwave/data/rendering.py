"""Records of every kind to token ids with labels, written as dialogue writes its prompts.

Most kinds are conversations in the chat template. Without roles, as a Base model reads them (reference facts 4.2), are
`text`, `interleaved` and `continuation`: a document, a monologue and a recording that go on by themselves; they end
with `<|endoftext|>`.

Only what the assistant says carries a label: words, speech tokens and their paddings, `<tts_end>`, tool calls,
thoughts, the end of the turn. `<tts_start>` has none where the caller writes it to ask for speech; a monologue chooses
it itself. Of thoughts (`details["reasoning"]`, before the last answer) the mark at the end is said, the one at their
beginning is the caller's. What records contain is plain text, whatever it spells.

How turns are written is `turns`' business, which fit a kind `fitting`'s, how long clips are `clip_lengths`'.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from stepwave.data.clip_lengths import heard_placeholders, said_codes
from stepwave.data.examples import Example
from stepwave.data.fitting import fitting_turns, refusal
from stepwave.data.records import Clip, Kind, Record, Turn
from stepwave.data.sources.contract import Source
from stepwave.data.turns import TurnWriter
from stepwave.facts.errors import ConfigError, TextError
from stepwave.text.language_names import LANGUAGE_NAMES
from stepwave.text.tokenizer import Tokenizer

Length = TypeVar("Length")

PROMPT_NAMES: Final[Mapping[Kind, str]] = {
    "asr": "transcribe",
    "tts": "read",
    "s2tt": "s2tt",
    "t2st": "t2st",
    "s2st": "s2st",
    "caption": "caption",
    "qa": "qa",
    "tools": "tools",
}
"""Which system prompt a kind has; other conversations have `answer` or `chat`, by the first question, as dialogue."""

WITHOUT_ROLES: Final[frozenset[Kind]] = frozenset({"text", "interleaved", "continuation"})
"""Kinds that no prompt asks for."""


class Renderer:
    """Renders records for one tokenizer and one set of system prompts (`text.prompts.TASK_PROMPTS_NANO`).

    A record with a system turn of its own keeps that one. Every method raises DataError, with the record's id and the
    reason, for a record that can't be rendered, and ConfigError for a task without a prompt.
    """

    def __init__(self, tokenizer: Tokenizer, prompts: Mapping[str, str]) -> None:
        # A dictionary of its own, since what worker processes get must pickle.
        self._tokenizer, self._prompts = tokenizer, dict(prompts)

    @staticmethod
    def heard_clips(record: Record) -> list[Clip]:
        """What the human says or plays: sound that the adaptor reads."""
        return _clips(record, "human")

    @staticmethod
    def said_clips(record: Record) -> list[Clip]:
        """What the assistant says: sound that is written as speech tokens."""
        return _clips(record, "assistant")

    def measure(self, record: Record, source: Source) -> int:
        """How many positions the record takes at most, without reading sound.

        Exact where the frames of its heard clips and the codes of its said clips are stored.
        """
        heard, said = self.heard_clips(record), self.said_clips(record)
        pieces = {clip.id: _known(record, clip, heard_placeholders(clip, source)) for clip in heard}
        counts = {clip.id: _known(record, clip, said_codes(clip, source)) for clip in said}
        return len(self.render(record, pieces, {name: [0] * count for name, count in counts.items()}).ids)

    def render(
        self, record: Record, pieces: Mapping[str, Sequence[int]], codes: Mapping[str, Sequence[int]]
    ) -> Example:
        """Write a record.

        Args:
            record: what to write.
            pieces: for each clip that is heard, by id, the placeholders of its 25 s pieces.
            codes: for each clip that is said, by id, its speech codes 0..6560.
        """
        turns = fitting_turns(record)
        system = self._system(record, turns)
        try:
            return TurnWriter(record, self._tokenizer, pieces, codes).write(turns, system)
        except TextError as problem:
            raise refusal(record, str(problem)) from None

    def _system(self, record: Record, turns: Sequence[Turn]) -> str | None:
        """The task's prompt; None where the record brings its own."""
        if record.kind in WITHOUT_ROLES or any(turn.role == "system" for turn in turns):
            return None
        question = next(turn for turn in turns if turn.role == "human")
        task = PROMPT_NAMES.get(record.kind, "answer" if question.spoken else "chat")
        if task not in self._prompts:
            raise ConfigError(f"there is no prompt for {task!r}; known: {', '.join(self._prompts)}")
        prompt = self._prompts[task]
        if "{language}" not in prompt:
            return prompt
        code = turns[-1].language
        if code not in LANGUAGE_NAMES:
            raise refusal(record, f"the answer's language is {code!r}; wanted a known ISO 639-1 code such as 'en'")
        return prompt.replace("{language}", LANGUAGE_NAMES[code])


def _clips(record: Record, role: str) -> list[Clip]:
    spoken = [turn for turn in fitting_turns(record) if turn.role == role and turn.spoken]
    return [turn.clip for turn in spoken if turn.clip is not None]


def _known(record: Record, clip: Clip, length: Length | None) -> Length:
    if length is None:
        raise refusal(record, f"nobody has measured clip {clip.id}; give its length in seconds")
    return length
