"""Training stages of the Step-Audio 2 report (arXiv 2507.16632, sections 3.2, 3.3) as data: pre-training, fine-tuning.

Nothing is opened or loaded here. `stepwave train NAME --show` prints a stage with what it would cost. What the report
does not say (batch sizes, warm-up, the shape of a decay, optimiser, the mix of fine-tuning) is chosen here, and each
stage's `notes` tell which is which. Its data is not public: portions name no sources. To train, copy a recipe to a
file of your own and give its portions sources.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stepwave.training.language.run import Feeding, LanguageRun
from stepwave.training.language.stages import Portion, Rates, Stage
from stepwave.training.run import Run

BILLION: Final = 1e9
TOKENS_PER_STEP: Final = 8_388_608
"""1,024 sequences of 8,192 or 512 of 16,384, as the report's figures of the first stage ask (see `PAPER_SUMS`)."""

_RUN_NOTES: Final[Mapping[str, str]] = {
    "betas": "ours: the report names no optimiser; AdamW as usual where language models are trained on",
    "weight_decay": "ours: the same habit",
    "clip_norm": "ours: all gradients together, to a norm of 1",
    "losses.text_weight": "ours: text and speech tokens count the same, as the report names no weights",
    "losses.by_slot": "ours: over all rows, as programs that read the released checkpoint decode",
    "recompute": "ours: activations of 16,384 positions do not fit beside the weights",
    "feeding.heard": "report 3.1: the frozen encoder reads sound while training",
    "lora": "report 3.2: the language model itself learns",
}
"""Where settings come from that are the same in all stages."""

PAPER_SUMS: Final[tuple[str, ...]] = (
    "100 B + 256 B + 800 B + 200 B = 1,356 B tokens of pre-training: the report's 1.356 T",
    "80 B + 32 B + 16 B = 128 B of audio beside 128 B of text in the second stage: adds up",
    "42 B + 120 B + 8 B + 30 B + 5 B + 45 B + 150 B = 400 B of audio beside 400 B of text in the third: adds up",
    "24.6 B + 12.4 B + 2.4 B + 3.6 B + 6 B + 15 B + 36 B = 100 B of audio beside 100 B of text in the fourth: adds up",
    "128 B + 400 B + 100 B = 628 B of text; the introduction says 680 B, 52 B more than the stages hold",
    "728 B audio tokens over the introduction's 8 million hours are 25.3 a second: between the 12.5 of sound that is "
    "heard and the 31.25 of sound that is said with its text, so the two agree",
    "100 B / (12,000 steps x 8,192 positions) = 1,017 sequences in a step; with 1,024 the step is 8.4 M tokens and "
    "12,000 of them are 100.7 B",
    "6.6 K audio tokens: the tokenizer has 6,561 codes, the released checkpoint 6,656 ids for them",
    "1.356 T tokens in 21 days are 747,000 tokens a second",
)
"""The report's own sums, checked, and what follows from them."""

_REPORT: Final = "report 3.2"
_BATCH: Final = "ours: the report gives none after the first stage, whose 8.4 M tokens a step stay"
_LENGTH: Final = "report 3.2, stage 2; no other length is given afterwards"
_UNIFIED: Final = 2e-5


def _steps(tokens: float, tokens_per_step: int) -> int:
    return round(tokens / tokens_per_step)


def _mix(**billions: float) -> tuple[Portion, ...]:
    """Portions by task, in billions of tokens."""
    return tuple(Portion(task, count * BILLION) for task, count in billions.items())


def _alignment() -> Stage:
    """Only the adaptor learns, through the frozen language model."""
    return Stage(
        name="paper_pretrain_1",
        rates={"adaptor": Rates(1e-4, 2e-5)},
        portions=_mix(asr=100),
        sequence_length=8_192,
        sequences_per_step=1_024,
        steps=12_000,
        schedule="cosine",
        warmup_steps=200,
        notes={
            **_RUN_NOTES,
            "start": "report 3.2: a textual language model, the encoder of 3.1 and a new adaptor; put them together",
            "rates": f"{_REPORT}: 1e-4 to 2e-5; encoder and language model frozen",
            "portions": f"{_REPORT}: 100 B tokens of ASR data",
            "sequence_length": f"{_REPORT}: 8,192",
            "sequences_per_step": "ours: 100 B / (12,000 x 8,192) is 1,017.3; 1,024 shares evenly among devices and "
            "makes 100.7 B tokens",
            "steps": f"{_REPORT}: 12 K",
            "schedule": "ours: the report says it decays, not in which shape",
            "warmup_steps": "ours",
        },
    )


def _token_extension() -> Stage:
    """Speech tokens get rows; embedding and head learn fastest."""
    return Stage(
        name="paper_pretrain_2",
        rates={
            "adaptor": Rates(5e-5),
            "decoder": Rates(2e-5),
            "embedding": Rates(5e-5),
            "head": Rates(4e-5),
        },
        portions=_mix(text=128, tts=80, conversation=32, interleaved=16),
        sequence_length=16_384,
        sequences_per_step=512,
        steps=_steps(256 * BILLION, TOKENS_PER_STEP),
        schedule="constant",
        warmup_steps=500,
        notes={
            **_RUN_NOTES,
            "start": "report 3.2: the stage before",
            "rates": f"{_REPORT}: language model 2e-5, adaptor 5e-5, embedding 5e-5, head 4e-5; encoder frozen",
            "portions": f"{_REPORT}: 128 B of text, and 80 B, 32 B, 16 B of audio",
            "portions.conversation": "the report's speech-to-speech conversation",
            "portions.interleaved": "the report's utterance-level text-speech interleaved continuation",
            "sequence_length": f"{_REPORT}: 16,384",
            "sequences_per_step": _BATCH,
            "steps": "follows: 256 B tokens / 8.4 M in a step, rounded",
            "schedule": "ours: the report sets rates and mentions no decay",
            "warmup_steps": "ours: the new rows start untrained",
        },
    )


def _main() -> Stage:
    """All tasks beside as much text, every rate the same."""
    return Stage(
        name="paper_pretrain_3",
        rates={part: Rates(_UNIFIED) for part in ("adaptor", "decoder", "embedding", "head")},
        portions=_mix(text=400, asr=42, tts=120, s2tt=8, t2st=30, continuation=5, interleaved=45, conversation=150),
        sequence_length=16_384,
        sequences_per_step=512,
        steps=_steps(800 * BILLION, TOKENS_PER_STEP),
        schedule="constant",
        warmup_steps=500,
        notes={
            **_RUN_NOTES,
            "start": "report 3.2: the stage before",
            "rates": f"{_REPORT}: unified to 2e-5; the encoder stays frozen (3.1)",
            "portions": f"{_REPORT}: 400 B of text, and 42 B, 120 B, 8 B, 30 B, 5 B, 45 B, 150 B of audio",
            "portions.continuation": "the report's speech-to-text continuation: sound is heard, its text goes on",
            "portions.interleaved": "the report's utterance-level text-speech interleaved continuation",
            "portions.conversation": "the report's speech-to-speech conversation",
            "sequence_length": _LENGTH,
            "sequences_per_step": _BATCH,
            "steps": "follows: 800 B tokens / 8.4 M in a step, rounded",
            "schedule": "ours: the report sets one rate and mentions no decay",
            "warmup_steps": "ours: the optimiser begins anew with each stage",
        },
    )


def _cooldown() -> Stage:
    """High-quality data and more tasks while the rate falls."""
    return Stage(
        name="paper_pretrain_4",
        rates={part: Rates(_UNIFIED, 5e-6) for part in ("adaptor", "decoder", "embedding", "head")},
        portions=_mix(
            text=100, asr=24.6, tts=12.4, paralinguistic=2.4, s2tt=3.6, s2st=6, interleaved=15, conversation=36
        ),
        sequence_length=16_384,
        sequences_per_step=512,
        steps=_steps(200 * BILLION, TOKENS_PER_STEP),
        schedule="linear",
        warmup_steps=500,
        notes={
            **_RUN_NOTES,
            "start": "report 3.2: the stage before",
            "rates": f"{_REPORT}: 2e-5 to 5e-6",
            "portions": f"{_REPORT}: 100 B of text, and 24.6 B, 12.4 B, 2.4 B, 3.6 B, 6 B, 15 B, 36 B of audio",
            "portions.asr": "the report's multilingual and dialectal ASR",
            "portions.paralinguistic": "the report's paralinguistic information understanding: captions and questions",
            "portions.interleaved": "the report's utterance-level text-speech interleaved conversation",
            "portions.conversation": "the report's speech-to-speech conversation; about 50 K voices",
            "sequence_length": _LENGTH,
            "sequences_per_step": _BATCH,
            "steps": "follows: 200 B tokens / 8.4 M in a step, rounded",
            "schedule": "ours: the report says it decays, not in which shape",
            "warmup_steps": "ours: the optimiser begins anew with each stage",
        },
    )


def _fine_tuning() -> Stage:
    """Supervised fine-tuning, one epoch."""
    sequences = 128
    return Stage(
        name="paper_sft",
        rates={part: Rates(1e-5, 1e-6) for part in ("adaptor", "decoder", "embedding", "head")},
        portions=_mix(chat=0.8, asr=0.6, qa=0.6, caption=0.2, tts=0.3, s2st=0.2, conversation=1.25, tools=0.05),
        sequence_length=16_384,
        sequences_per_step=sequences,
        steps=_steps(4 * BILLION, sequences * 16_384),
        schedule="cosine",
        warmup_steps=50,
        notes={
            **_RUN_NOTES,
            "start": "report 3.3: the pre-trained model",
            "rates": "report 3.3: 1e-5 to 1e-6; which parts learn is ours: all but the encoder, as before",
            "portions": "report 3.3: 4 B tokens in all and these tasks; their shares are ours, it gives none",
            "portions.chat": "the report's text-to-text conversation: written turns",
            "portions.qa": "sound events, scenes and voices as spoken questions, the reasoning sets among them",
            "portions.caption": "the report's speech captioning over 11 aspects",
            "portions.s2st": "the report's CoVoST 2, Chinese to English and back",
            "portions.tools": "about 1 K scripts for each of four tools (report 3.3), some 1,000 tokens a script, in "
            "ten voices or so",
            "sequence_length": _LENGTH,
            "sequences_per_step": "ours: 2.1 M tokens a step, a quarter of before, so that one epoch has 1,907 steps",
            "steps": "follows: 4 B tokens, one epoch (report 3.3), / 2.1 M in a step, rounded",
            "schedule": "ours: the report says it decays, not in which shape",
            "warmup_steps": "ours",
        },
    )


PAPER_STAGES: Final[Mapping[str, Stage]] = {
    stage.name: stage for stage in (_alignment(), _token_extension(), _main(), _cooldown(), _fine_tuning())
}
"""By the recipe's name, in the order of training."""


def paper_pretrain_1(folder: Path, device: str) -> Run:
    """Alignment: the adaptor alone, 100 B tokens of ASR."""
    return _run(folder, "paper_pretrain_1", str(folder / "base"))


def paper_pretrain_2(folder: Path, device: str) -> Run:
    """Token extension: speech tokens beside as much text, 256 B tokens."""
    return _run(folder, "paper_pretrain_2", "paper_pretrain_1")


def paper_pretrain_3(folder: Path, device: str) -> Run:
    """Main pre-training: all tasks beside as much text, 800 B tokens."""
    return _run(folder, "paper_pretrain_3", "paper_pretrain_2")


def paper_pretrain_4(folder: Path, device: str) -> Run:
    """Cooldown: high-quality data and more tasks, 200 B tokens."""
    return _run(folder, "paper_pretrain_4", "paper_pretrain_3")


def paper_sft(folder: Path, device: str) -> Run:
    """Supervised fine-tuning: 4 B tokens, one epoch."""
    return _run(folder, "paper_sft", "paper_pretrain_4")


def _run(folder: Path, name: str, start: str) -> Run:
    language = LanguageRun(
        PAPER_STAGES[name], start, feeding=Feeding(heard="mel", workers=8), recompute=True, prompts="released"
    )
    return Run.of_language(name, language, folder, save_every=500, validate_every=500)
