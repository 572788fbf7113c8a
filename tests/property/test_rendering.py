"""Any record of any kind: labels are the ids after them, stand where the assistant speaks only, and lengths hold."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stepwave.data.examples import IGNORED
from stepwave.data.records import Call, Clip, Kind, Record, Turn
from stepwave.data.rendering import Renderer
from stepwave.facts.rates import encoder_frames, piece_lengths, placeholders, speech_tokens, valid_mel_frames
from stepwave.facts.tokens import NAMES
from stepwave.text.prompts import TASK_PROMPTS_NANO, TASK_PROMPTS_RELEASED
from stepwave.text.tokenizer import Tokenizer

ALWAYS_SAID = ("interleaved", "text")
SCHEMA = {"type": "object", "properties": {}}
TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "", "parameters": SCHEMA}}]

letters = st.characters(exclude_categories=["Cs"])
marks = st.sampled_from([*NAMES.values(), "<audio_77>", "<", "\n", "calm", "今天"])
texts = st.lists(st.one_of(st.text(letters, max_size=6), marks), max_size=6).map("".join)
words = texts.map(lambda text: f"{text} calm")
samples = st.one_of(st.integers(400, 60_000), st.integers(399_900, 400_900), st.integers(600_000, 1_300_000))


@dataclass
class Sounds:
    """Clips of known length, stored or not; draws those that a record needs."""

    draw: st.DrawFn
    stored: bool

    def __post_init__(self) -> None:
        self.clips: dict[str, int] = {}

    def clip(self) -> Clip:
        count = self.draw(samples)
        clip = Clip(f"clip-{len(self.clips)}", seconds=0.0 if self.stored else round(count / 16_000, 4))
        self.clips[clip.id] = count
        return clip

    def human(self, spoken: bool) -> Turn:
        if spoken:
            return Turn("human", self.draw(texts), self.clip(), spoken=True)
        return Turn("human", self.draw(words))

    def assistant(self, spoken: bool, calls: tuple[Call, ...] = ()) -> Turn:
        return Turn("assistant", self.draw(words), self.clip() if spoken else None, spoken, "en", calls=calls)

    @property
    def pieces(self) -> dict[str, list[int]]:
        return {name: [placeholders(piece) for piece in piece_lengths(count)] for name, count in self.clips.items()}

    @property
    def codes(self) -> dict[str, list[int]]:
        return {name: [count % 6561] * speech_tokens(count) for name, count in self.clips.items()}

    name = "sounds"

    def __len__(self) -> int:
        return 0

    def record(self, index: int) -> Record:
        raise AssertionError(index)

    def samples(self, clip: Clip) -> Any:
        raise AssertionError(clip)

    def tensor(self, name: str) -> Any:
        raise AssertionError(name)

    def length(self, name: str) -> int | None:
        clip, _, what = name.rpartition(".")
        if not self.stored:
            return None
        if what == "codes":
            return speech_tokens(self.clips[clip])
        return sum(encoder_frames(valid_mel_frames(piece)) for piece in piece_lengths(self.clips[clip]))


@st.composite
def records(draw: st.DrawFn) -> tuple[Record, Sounds]:
    sounds = Sounds(draw, draw(st.booleans()))
    human, assistant = sounds.human, sounds.assistant
    kind: Kind = draw(
        st.sampled_from(
            ["asr", "tts", "s2tt", "t2st", "s2st", "continuation", "interleaved", "conversation", "tools", "caption",
             "qa", "preference", "text"]
        )
    )  # fmt: skip
    details: dict[str, Any] = {}

    def spoken() -> bool:
        return draw(st.booleans())

    turns: list[Turn]
    if kind in ("asr", "s2tt", "caption"):
        turns = [human(True), assistant(False)]
    elif kind in ("tts", "t2st"):
        turns = [human(False), assistant(True)]
    elif kind == "s2st":
        turns = [human(True), assistant(True)]
    elif kind == "continuation":
        turns = [human(True), assistant(spoken())]
    elif kind == "interleaved":
        turns = [assistant(spoken()) for _ in range(draw(st.integers(1, 4)))]
    elif kind == "text":
        turns = [human(False)]
    elif kind == "qa":
        turns = [human(True), human(spoken()), assistant(spoken())]
        details["reasoning"] = draw(texts)
    elif kind == "preference":
        turns = [human(spoken()), assistant(spoken()), assistant(spoken())]
        details = {"chosen": draw(st.integers(1, 2)), "rejected": 1}
    else:
        turns = []
        for _ in range(draw(st.integers(1, 3))):
            turns += [human(spoken()), assistant(spoken())]
        if kind == "tools":
            details["tools"] = TOOLS
            called = (Call("look_up", {"what": draw(texts)}),)
            turns += [human(spoken()), Turn("assistant", calls=called), Turn("input", draw(texts)), assistant(spoken())]
    return Record("drawn", kind, tuple(turns), details=details), sounds


@given(drawn=records(), released=st.booleans())
def test_labels_stand_where_the_assistant_speaks(
    tiny_tokenizer: Tokenizer, drawn: tuple[Record, Sounds], released: bool
) -> None:
    record, sounds = drawn
    special = tiny_tokenizer.special
    renderer = Renderer(tiny_tokenizer, TASK_PROMPTS_RELEASED if released else TASK_PROMPTS_NANO)
    example = renderer.render(record, sounds.pieces, sounds.codes)
    ids, labels = example.ids, example.labels
    assert labels[-1] == IGNORED
    assert all(label in (IGNORED, after) for label, after in zip(labels, ids[1:], strict=False))
    never = {special.audio_start, special.audio_patch, special.audio_end, special.bot}
    assert not never & set(labels)
    if record.kind in ALWAYS_SAID:
        assert IGNORED not in labels[:-1]
    else:
        assert special.tts_start not in labels
    if record.kind in ALWAYS_SAID or record.kind == "continuation":
        assert special.bot not in ids
        assert ids[-1] == special.end_of_text
    else:
        # Turn by turn: what others say has no label, not even its end; the assistant's turn has one for its end.
        starts = [place for place, token in enumerate(ids) if token == special.bot]
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            head = tiny_tokenizer.decode(ids[start : start + 8])
            labelled = [label for label in labels[start : end - 1] if label != IGNORED]
            assert bool(labelled) == head.startswith("assistant\n")
            assert ids[end - 1] == special.eot
            assert not labelled or labelled[-1] == special.eot
    heard = renderer.heard_clips(record)
    assert [piece.clip for piece in example.heard] == [
        clip for clip in heard for count in sounds.pieces[clip.id] if count
    ]
    covered = [place for piece in example.heard for place in range(piece.start, piece.start + piece.positions)]
    assert covered == [place for place, token in enumerate(ids) if token == special.audio_patch]
    said = sum(len(sounds.codes[clip.id]) for clip in renderer.said_clips(record))
    assert sum(map(special.is_speech, ids)) == said


@given(drawn=records())
def test_no_record_is_longer_than_measured(tiny_tokenizer: Tokenizer, drawn: tuple[Record, Sounds]) -> None:
    record, sounds = drawn
    renderer = Renderer(tiny_tokenizer, TASK_PROMPTS_NANO)
    length = len(renderer.render(record, sounds.pieces, sounds.codes).ids)
    measured = renderer.measure(record, sounds)
    clips = len(renderer.heard_clips(record)) + len(renderer.said_clips(record))
    if sounds.stored or not clips:
        assert measured == length
    else:
        assert measured >= length
