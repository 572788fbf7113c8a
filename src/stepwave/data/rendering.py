"""Records to token ids with labels: transcriptions, readings and spoken answers, as the chat template writes them.

Labels are already shifted: `labels[t]` is what the model should say after reading `ids[t]`, or `IGNORED`. Only the
assistant's words, speech tokens and end of turn carry a label. Sound stands as placeholders; whoever collates puts
adaptor outputs there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stepwave.facts.conversation import Message, TextPart, TokensPart
from stepwave.facts.rates import audio_positions
from stepwave.facts.tokens import SpecialTokens
from stepwave.text.interleave import interleave
from stepwave.text.template import render
from stepwave.text.tokenizer import Tokenizer

IGNORED = -100
"""Label of positions that carry no loss."""


@dataclass(frozen=True)
class TrainingExample:
    """One conversation, ready to be collated."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    """Shifted; as long as `ids`."""
    task: str
    """`transcribe`, `read`, `answer` or `chat`: losses are reported by task."""
    sound: str | None = None
    """Name in the feature store of the frames heard, if any; or several, as `joining` joins them."""
    start: int = 0
    """Index in `ids` of the first placeholder."""
    positions: int = 0
    """Number of placeholders."""


class Renderer:
    """Renders records for one tokenizer and one set of system prompts (task name to prompt)."""

    def __init__(self, tokenizer: Tokenizer, prompts: dict[str, str]) -> None:
        self.tokenizer, self.prompts = tokenizer, prompts
        self.special: SpecialTokens = tokenizer.special

    def transcription(self, sound: str, frames: int, text: str) -> TrainingExample:
        """Speech in (`frames` encoder frames), its words out."""
        return self._example("transcribe", self._heard(frames), self.tokenizer.encode(text), sound)

    def reading(self, text: str, codes: Sequence[int]) -> TrainingExample:
        """Text in, the same text spoken out."""
        return self._example("read", TextPart(text), self._spoken(text, codes))

    def answer(self, sound: str, frames: int, text: str, codes: Sequence[int]) -> TrainingExample:
        """A spoken question in, a spoken answer out."""
        return self._example("answer", self._heard(frames), self._spoken(text, codes), sound)

    def chat(self, question: str, answer: str) -> TrainingExample:
        """A written question in, a written answer out."""
        return self._example("chat", TextPart(question), self.tokenizer.encode(answer))

    def _spoken(self, text: str, codes: Sequence[int]) -> list[int]:
        section = interleave(self.tokenizer.encode(text), codes, self.special)
        return [self.special.tts_start, *section, self.special.tts_end]

    def _heard(self, frames: int) -> TokensPart:
        special = self.special
        return TokensPart((special.audio_start, *[special.audio_patch] * audio_positions(frames), special.audio_end))

    def _example(
        self, task: str, request: TextPart | TokensPart, reply: list[int], sound: str | None = None
    ) -> TrainingExample:
        messages = [
            Message("system", self.prompts[task]),
            Message("human", (request,)),
            Message("assistant", None),
        ]
        prompt = render(messages, self.tokenizer).ids
        # Where the answer is spoken the prompt ends with `<tts_start>`: the caller chooses speech, not the model.
        said = [*reply, self.special.eot]
        given = 1 if reply[0] == self.special.tts_start else 0
        ids = [*prompt, *said]
        labels = [IGNORED] * (len(prompt) - 1 + given) + said[given:] + [IGNORED]
        start = ids.index(self.special.audio_patch) if self.special.audio_patch in prompt else 0
        return TrainingExample(
            tuple(ids), tuple(labels), task, sound, start, ids.count(self.special.audio_patch) if sound else 0
        )
