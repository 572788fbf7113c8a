"""The report's five stages at a size that a test can train: a tiny random model on cuts of one real recording.

Rates are high and steps few, so that losses fall at once. The folder of runs holds `model` and `corpus`.
"""

from dataclasses import replace
from pathlib import Path

from stepwave.data.sources.contract import SourceConfig
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.run import Checks, Feeding, LanguageRun, LossSettings
from stepwave.training.language.stages import Portion, Rates, Stage
from stepwave.training.run import Run

EVERYTHING = ("adaptor", "decoder", "embedding")


def tiny_1(folder: Path, device: str) -> Run:
    """Alignment: the adaptor alone."""
    return _run(folder, "tiny_1", "model", {"adaptor": Rates(2e-2, 1e-2)}, asr=1)


def tiny_2(folder: Path, device: str) -> Run:
    """Token extension: rates of their own for adaptor and embedding."""
    rates = {"adaptor": Rates(5e-3), "decoder": Rates(2e-3), "embedding": Rates(5e-3)}
    return _run(folder, "tiny_2", "tiny_1", rates, text=4, tts=2, conversation=1, interleaved=1)


def tiny_3(folder: Path, device: str) -> Run:
    """Main pre-training: every task."""
    rates = {part: Rates(3e-3) for part in EVERYTHING}
    return _run(folder, "tiny_3", "tiny_2", rates, text=2, asr=2, tts=2, s2tt=1, t2st=1, interleaved=1, conversation=2)


def tiny_4(folder: Path, device: str) -> Run:
    """Cooldown: more tasks, a falling rate."""
    rates = {part: Rates(3e-3, 1e-3) for part in EVERYTHING}
    return _run(folder, "tiny_4", "tiny_3", rates, text=1, asr=1, tts=1, caption=1, conversation=1)


def tiny_sft(folder: Path, device: str) -> Run:
    """Fine-tuning: tools and questions too. Computed as recipes usually are, in bfloat16 where the processor has it."""
    rates = {part: Rates(3e-3, 1e-3) for part in EVERYTHING}
    run = _run(folder, "tiny_sft", "tiny_4", rates, qa=1, tools=1, conversation=1)
    return replace(run, config=replace(run.config, precision="bfloat16"))


def tiny_lora(folder: Path, device: str) -> Run:
    """Low-rank changes of the decoder and the adaptor."""
    rates = {"adaptor": Rates(5e-3), "decoder": Rates(1e-2)}
    return _run(folder, "tiny_lora", "model", rates, lora=LoraConfig(rank=4), asr=1, tts=1)


def tiny_tensor_parallel(folder: Path, device: str) -> Run:
    """`tiny_4` with every block split between two processes."""
    run = tiny_4(folder, device)
    assert run.language is not None
    return _exactly("tiny_tensor_parallel", replace(run.language, tensor_parallel=2), folder)


def tiny_unpacked(folder: Path, device: str) -> Run:
    """`tiny_1` with a row for each record."""
    run = tiny_1(folder, device)
    assert run.language is not None
    feeding = replace(run.language.feeding, packed=False)
    return _exactly("tiny_unpacked", replace(run.language, feeding=feeding), folder)


def tiny_endless(folder: Path, device: str) -> Run:
    """`tiny_1` with a worker, to be stopped."""
    run = tiny_1(folder, device)
    assert run.language is not None
    stage, feeding = replace(run.language.stage, steps=100_000), replace(run.language.feeding, workers=1)
    return _exactly("tiny_endless", replace(run.language, stage=stage, feeding=feeding), folder, never=10**6)


def _run(folder: Path, name: str, start: str, rates: dict, lora: LoraConfig | None = None, **weights: float) -> Run:
    portions = tuple(
        Portion(task, weight, (SourceConfig(str(folder / "corpus"), kinds=(task,)),))
        for task, weight in weights.items()
    )
    check = Portion("asr", 1, (SourceConfig(str(folder / "corpus"), kinds=("asr",)),))
    stage = Stage(
        name, rates, portions, sequence_length=500, sequences_per_step=4, steps=12, schedule="cosine", warmup_steps=2
    )
    language = LanguageRun(
        stage,
        str(folder / "model") if start == "model" else start,
        LossSettings(z_loss=1e-4, by_slot=True),
        Feeding(heard="frames", sequences_at_once=2, workers=0),
        Checks((check,), records=2, transcribed=("asr",)),
        lora=lora,
        shared_digits="embedding" in rates,
        recompute="embedding" in rates,
    )
    return _exactly(name, language, folder)


def _exactly(name: str, language: LanguageRun, folder: Path, never: int = 0) -> Run:
    """Computed in float32 even where the processor has bfloat16: figures of two runs are compared."""
    run = Run.of_language(name, language, folder, save_every=never or 6, validate_every=never or 100, log_every=1)
    return replace(run, config=replace(run.config, precision="float32"))
