"""A recipe for fine-tuning a trained model on a person's recordings: minutes of speech, minutes of training.

As data, for recipes and for `own_model`, which carries it out. Nothing here opens a file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

from stepwave.data.held_out import CHECK
from stepwave.data.records import Kind
from stepwave.data.sources.contract import SourceConfig
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.run import Checks, Feeding, LanguageRun, LossSettings
from stepwave.training.language.stages import Part, Portion, Rates, Stage

Way: TypeAlias = Literal["lora", "full"]

SEQUENCE: Final = 1_000
"""Positions of a packed sequence; the longest clip, 25 s, takes 850."""
RANK: Final = 16
PEAKS: Final[dict[Way, dict[Part, float]]] = {
    "lora": {"adaptor": 1e-4, "decoder": 1e-3},
    "full": {"adaptor": 1e-4, "decoder": 1e-4, "embedding": 1e-4},
}
"""Learning rates at their highest."""
FALL: Final = 0.1
"""The last learning rate, as a share of the highest."""


def finetuning(
    tokens: Path, model: str, steps: int, way: Way = "lora", tasks: Sequence[Kind] = ("asr", "tts"), records: int = 10
) -> LanguageRun:
    """The run that fine-tunes a model in nano's format.

    Args:
        tokens: folder of tokenised records (`prepare.tokenise`, with codes and frames), whose split `check` is held
            out.
        model: name or folder of the model, or a run, to start from.
        steps: of one packed sequence each; learning rates fall within them.
        way: `lora` learns low-rank changes of the decoder, and the adaptor; `full` all of both, and the embedding.
        tasks: kinds of records to learn from, each as often as it is there.
        records: held-out records of each task that are checked.
    """
    stage = Stage(
        "finetuning",
        rates={part: Rates(peak, FALL * peak) for part, peak in PEAKS[way].items()},
        # One portion: every record is passed equally often, however long the sounds of one task are.
        portions=(Portion("own", 1.0, (SourceConfig(str(tokens), kinds=tuple(tasks)),)),),
        sequence_length=SEQUENCE,
        sequences_per_step=1,
        steps=steps,
        schedule="cosine",
        warmup_steps=min(10, steps // 10),
    )
    return LanguageRun(
        stage,
        model,
        LossSettings(text_weight=6.0, by_slot=True),
        Feeding(heard="frames", workers=0),
        Checks(
            tuple(Portion(task, 1.0, (SourceConfig(str(tokens), kinds=(task,), split=CHECK),)) for task in tasks),
            records=records,
        ),
        lora=LoraConfig(RANK, 2.0 * RANK, dropout=0.05) if way == "lora" else None,
        shared_digits=way == "full",
        weight_decay=0.01,
        clip_each=way == "full",
    )
