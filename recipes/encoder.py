"""Pre-training of the audio encoder before everything else (report 3.1): `paper_encoder` and nano's `nano_encoder`.

The report says that the encoder is "pretrained on various speech and audio understanding tasks including ASR, speaker
age and gender prediction, audio event detection", that it gives 25 frames a second and stays frozen afterwards. Where
it starts, how long it learns, on how much and at which rate is not said: every such figure here is ours. Making a run
reads nothing. `training.encoder.tasks.trained_encoder` loads what came of it, without the heads.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from stepwave.data.held_out import HeldOut
from stepwave.data.records import Record
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.experiment import Experiment
from stepwave.training.run import Run

WHISPER_LARGE: Final = "whisper-large-v3"
"""Folder under `starting` with the `model.bin` of Whisper large-v3 as CTranslate2 stores it (in float16)."""
NANO_CORPORA: Final = ("librispeech-251", "asterisk-en", "sentences", "sounds", "scenes")
"""What of nano's corpus tells words, speakers or sounds."""
CHECKED_FOLD: Final = 4
"""The fold of ESC-10 that nano's check hears, the last that the corpus has; folds share no recording."""
CHECKED: Final = {"speech": 24, "sound": 64, "scene": 24}
"""Held-out clips of a validation: few, since it interrupts training."""


def paper_encoder(folder: Path, device: str) -> Run:
    """The report's encoder, pre-trained on every finished manifest under FOLDER/corpus.

    It starts from Whisper large-v3's encoder, whose sizes are the released checkpoint's; from nothing it would need
    what Whisper was trained on. Words are spelled in bytes, which serve every language. Records of another split than
    `train` are held out.
    """
    config = TrainConfig(
        "paper_encoder",
        # On 64 devices a step hears ten hours: 20,000 of them about 200,000 hours, as much as the report's
        # flow matching was given.
        steps=20_000,
        optimisers={
            # A start that hears well already is moved slowly, new heads are not.
            "encoder": OptimiserConfig(5e-5, warmup_steps=1_000, weight_decay=0.01),
            "heads": OptimiserConfig(1e-3, warmup_steps=1_000, weight_decay=0.01),
        },
        precision="bfloat16",
        save_every=1_000,
        validate_every=1_000,
    )
    return Run(config, partial(_paper_experiment, folder))


def nano_encoder(folder: Path, device: str) -> Run:
    """Whisper base's last two layers on nano's corpus, in half an hour on one CPU core; the rest stays as it is.

    nano itself hears through Whisper base as published: this run shows the stage whole, on material too small to
    better what 680,000 hours taught.
    """
    config = TrainConfig(
        "nano_encoder",
        steps=400,
        optimisers={
            "encoder": OptimiserConfig(1e-4, warmup_steps=40),
            "heads": OptimiserConfig(2e-3, warmup_steps=40),
        },
        precision="bfloat16",
        save_every=100,
        validate_every=100,
    )
    return Run(config, partial(_nano_experiment, folder))


def _paper_experiment(folder: Path) -> Experiment:
    from stepwave.checkpoints.ctranslate2 import read_whisper
    from stepwave.data.clips import tokenised_folders
    from stepwave.data.manifests import read_manifest
    from stepwave.facts.errors import DataError
    from stepwave.models.encoder import MINI_ENCODER, AudioEncoder
    from stepwave.training.encoder.ctc_labels import CtcLabels
    from stepwave.training.encoder.items import EncoderItems
    from stepwave.training.encoder.tasks import EncoderPlan, EncoderTraining

    start = read_whisper(folder / "starting" / WHISPER_LARGE)
    encoder = AudioEncoder(MINI_ENCODER)
    encoder.load_state_dict(start.encoder)
    labels = CtcLabels("bytes")
    learnt, held = EncoderItems(labels), EncoderItems(labels)
    for corpus in tokenised_folders(folder / "corpus"):
        for record in read_manifest(corpus):
            (learnt if record.split == "train" else held).add([record])
    if not learnt.found:
        raise DataError(f"no record under {folder / 'corpus'} tells what is heard; run `stepwave prepare ingest` first")
    checks = [item for place, item in held.found.items() if place not in learnt.found]
    # Ten minutes of sound on each process.
    plan = EncoderPlan(budget=60_000, most=256, readers=4)
    return EncoderTraining(encoder, list(learnt), checks[:: max(1, len(checks) // 2_000)], labels, plan)


def _nano_experiment(folder: Path) -> Experiment:
    from stepwave.checkpoints.ctranslate2 import read_whisper
    from stepwave.data.held_out import read_held_out
    from stepwave.data.manifests import read_manifest
    from stepwave.models.encoder import WHISPER_BASE, AudioEncoder
    from stepwave.training.encoder.ctc_labels import CtcLabels
    from stepwave.training.encoder.items import EncoderItems
    from stepwave.training.encoder.tasks import EncoderPlan, EncoderTraining

    start = read_whisper(folder / "starting" / "whisper-base")
    encoder = AudioEncoder(WHISPER_BASE)
    encoder.load_state_dict(start.encoder)
    labels, held_out = CtcLabels(), read_held_out(folder / "checks")
    learnt: list[Record] = []
    held: dict[str, list[Record]] = {name: [] for name in CHECKED}
    sounds = frozenset(_checked_sounds(read_manifest(folder / "corpus" / "sounds")))
    for corpus in NANO_CORPORA:
        for record in read_manifest(folder / "corpus" / corpus):
            if not _is_held_out(record, held_out, sounds):
                learnt.append(record)
            else:
                held["scene" if "recipe" in record.details else "sound" if record.kind == "sound" else "speech"].append(
                    record
                )
    checks = []
    for name, most in CHECKED.items():
        found = list(EncoderItems(labels).add(held[name]))
        checks += found[:: max(1, len(found) // most)][:most]
    plan = EncoderPlan(trained_layers=2, budget=6_000, most=32)
    return EncoderTraining(encoder, list(EncoderItems(labels).add(learnt)), checks, labels, plan)


def _checked_sounds(records: Iterable[Record]) -> Iterator[str]:
    return (record.id for record in records if record.details.get("fold") == CHECKED_FOLD)


def _is_held_out(record: Record, held_out: HeldOut, sounds: frozenset[str]) -> bool:
    """Whether a check hears a record, or a scene is mixed of what a check hears."""
    parts = {part["clip"] for part in record.details.get("recipe", ())}
    return record.split != "train" or record.id in sounds or bool(parts & sounds) or held_out.holds(record)
