"""nano's stages: the report's four of pre-training and its fine-tuning (sections 3.2, 3.3), scaled down to a CPU.

They read what `stepwave prepare nano` left under the runs folder, and each starts from the one before. Every figure
that departs from the report's is written beside it. The parts that stand around the language model are in `nano_parts`.
"""

from pathlib import Path
from typing import Final

from stepwave.data.records import Kind
from stepwave.data.sources.contract import SourceConfig
from stepwave.training.language.run import Checks, Feeding, LanguageRun, LossSettings
from stepwave.training.language.stages import Portion, Rates, Stage
from stepwave.training.run import Run

SEQUENCE: Final = 1_000
"""Positions of a packed sequence; the report has 8,192 and 16,384. With hours of speech it is steps that count."""

SHORT: Final = "a millionth of the report's tokens: what two CPU cores do in minutes"
PEAKS: Final = "two and a half times as high here, for runs a million times as short"


def nano_pretrain_1(folder: Path, device: str) -> Run:
    """Alignment: the adaptor alone learns, through the frozen language model, to have written down what is heard."""
    stage = Stage(
        "nano_pretrain_1",
        rates={"adaptor": Rates(2e-4, 2e-5)},
        portions=(_asr(folder, 1.0),),
        sequence_length=SEQUENCE,
        sequences_per_step=1,
        steps=36,
        schedule="cosine",
        warmup_steps=8,
        notes={
            "rates": "report: 1e-4 to 2e-5, adaptor alone; twice the peak for so few steps",
            "steps": f"report: 12,000; {SHORT}",
            "sequence_length": "report: 8,192",
            "start": "the report's adaptor starts from nothing; ours from a CTC warm start (recipe nano_adaptor)",
        },
    )
    return _run(folder, stage, start=str(folder / "base"))


def nano_pretrain_2(folder: Path, device: str) -> Run:
    """Token extension: speech tokens, already with rows of their own, are learnt beside text."""
    stage = Stage(
        "nano_pretrain_2",
        rates={"adaptor": Rates(1.2e-4), "decoder": Rates(5e-5), "embedding": Rates(1.2e-4)},
        portions=(
            _text(folder, 128),
            _tts(folder, 80),
            _conversation(folder, 32),
            _portion(folder, "interleaved", 16, "monologues"),
        ),
        sequence_length=SEQUENCE,
        sequences_per_step=1,
        steps=50,
        schedule="constant",
        warmup_steps=8,
        notes={
            "portions": "report: 128 B text, 80 B TTS, 32 B conversation, 16 B interleaved, in the same ratio",
            "rates": f"report: 2e-5, adaptor and embedding 5e-5, head 4e-5; {PEAKS}. The head is the embedding here",
            "steps": f"report: 256 B tokens; {SHORT}",
        },
    )
    return _run(folder, stage, start="nano_pretrain_1")


def nano_pretrain_3(folder: Path, device: str) -> Run:
    """Main pre-training: all tasks, one learning rate."""
    stage = Stage(
        "nano_pretrain_3",
        rates={part: Rates(5e-5) for part in ("adaptor", "decoder", "embedding")},
        portions=(
            _text(folder, 100),
            _asr(folder, 242),
            _tts(folder, 220),
            _portion(folder, "s2tt", 8, "translations-heard"),
            _portion(folder, "t2st", 30, "translations-said"),
            _portion(folder, "interleaved", 45, "monologues"),
            _conversation(folder, 150),
        ),
        sequence_length=SEQUENCE,
        sequences_per_step=1,
        steps=50,
        schedule="constant",
        warmup_steps=8,
        notes={
            "portions": "report: text 400, ASR 42, TTS 120, S2TT 8, T2ST 30, continuation 5, interleaved 45, "
            "conversation 150; text gives 300 of its 400 to ASR (200) and TTS (100), which are far from learnt, and "
            "the corpus has no continuation",
            "rates": f"report: 2e-5 for all parts; {PEAKS}",
            "steps": f"report: 800 B tokens; {SHORT}",
        },
    )
    return _run(folder, stage, start="nano_pretrain_2")


def nano_pretrain_4(folder: Path, device: str) -> Run:
    """Cooldown: more kinds of tasks, recordings of people first, and a falling rate."""
    stage = Stage(
        "nano_pretrain_4",
        rates={part: Rates(5e-5, 1.2e-5) for part in ("adaptor", "decoder", "embedding")},
        portions=(
            _text(folder, 20),
            _portion(
                folder, "asr", 74.6, "librispeech-251-tasks", "human-sentences", "asterisk-en-tasks", kinds=("asr",)
            ),
            _tts(folder, 32.4),
            _portion(folder, "paralinguistic", 2.4, "people-captions"),
            _portion(folder, "s2tt", 3.6, "translations-heard"),
            _portion(folder, "interleaved", 15, "monologues"),
            _conversation(folder, 36),
        ),
        sequence_length=SEQUENCE,
        sequences_per_step=1,
        steps=30,
        schedule="cosine",
        warmup_steps=8,
        notes={
            "portions": "report: ASR 24.6, TTS 12.4, paralinguistic 2.4, S2TT 3.6, S2ST 6, interleaved 15, "
            "conversation 36, text 100; text gives 80 of its 100 to ASR (50), TTS (20) and what the corpus lacks "
            "(S2ST)",
            "rates": f"report: 2e-5 to 5e-6; {PEAKS}",
            "steps": f"report: 200 B tokens; {SHORT}",
        },
    )
    return _run(folder, stage, start="nano_pretrain_3")


def nano_sft(folder: Path, device: str) -> Run:
    """Supervised fine-tuning: what nano is asked for, as dialogue asks it."""
    stage = Stage(
        "nano_sft",
        rates={part: Rates(2.5e-5, 2.5e-6) for part in ("adaptor", "decoder", "embedding")},
        portions=(
            _portion(folder, "chat", 5, "chats", tokenised=False),
            _asr(folder, 35),
            _tts(folder, 25),
            _portion(folder, "conversation", 25, "conversations"),
            _portion(folder, "tools", 8, "tools"),
            _portion(folder, "paralinguistic", 2, "people-captions"),
        ),
        sequence_length=SEQUENCE,
        sequences_per_step=1,
        steps=40,
        schedule="cosine",
        warmup_steps=8,
        notes={
            "portions": "ours: the report names tasks, no amounts",
            "rates": f"report: 1e-5 to 1e-6; {PEAKS}",
            "steps": f"report: 4 B tokens, one epoch; {SHORT}",
        },
    )
    return _run(folder, stage, start="nano_pretrain_4")


def _run(folder: Path, stage: Stage, start: str) -> Run:
    language = LanguageRun(
        stage,
        start,
        LossSettings(text_weight=6.0, by_slot=True),
        Feeding(heard="frames", workers=1, held_out=str(folder / "checks")),
        Checks(
            (
                _portion(folder, "asr", 1, "sentences", split="test"),
                _portion(folder, "tts", 1, "readings", split="test"),
                _portion(folder, "conversation", 1, "conversations", split="test"),
            ),
            records=8,
            transcribed=("asr",),
        ),
        shared_digits=stage.rates.keys() > {"adaptor"},
        weight_decay=0.01,
        clip_each=True,
    )
    return Run.of_language(stage.name, language, folder, save_every=50, validate_every=50)


def _asr(folder: Path, tokens: float) -> Portion:
    """People and synthetic voices to be written down."""
    names = ("sentences", "human-sentences", "librispeech-251-tasks", "asterisk-en-tasks")
    return _portion(folder, "asr", tokens, *names, kinds=("asr",))


def _tts(folder: Path, tokens: float) -> Portion:
    """Texts to be read aloud in the assistant's voice alone: nano has no other, and codes carry the voice too."""
    return _portion(folder, "tts", tokens, "readings", kinds=("tts",))


def _conversation(folder: Path, tokens: float) -> Portion:
    return _portion(folder, "conversation", tokens, "conversations", "tools")


def _text(folder: Path, tokens: float) -> Portion:
    return _portion(folder, "text", tokens, "texts", "chats", tokenised=False)


def _portion(
    folder: Path,
    task: str,
    tokens: float,
    *names: str,
    kinds: tuple[Kind, ...] = (),
    split: str = "train",
    tokenised: bool = True,
) -> Portion:
    """A portion of the corpus's parts of those names; parts with sound are read with their speech tokens and frames."""
    place = folder / ("tokens" if tokenised else "corpus")
    return Portion(task, tokens, tuple(SourceConfig(str(place / name), kinds=kinds, split=split) for name in names))
