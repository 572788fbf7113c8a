"""Pre-trains the audio encoder on what is said, who says it, and what else is heard (report 3.1).

The report names the tasks and gives nothing else. Ours: words by CTC, age in bands, gender, sounds over a clip and
frame by frame, each from a small head on the 25 Hz frames (`models.audio_heads`), all at once on batches of similar
length; a label that nobody knows is not asked for. The heads are dropped afterwards (`trained_encoder`). Items are
made in `items`, batches of them in `batches`, the figures of a validation in `figures`.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from stepwave.checkpoints.runs import model_weights
from stepwave.data.batches import LengthBatches
from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip
from stepwave.facts.errors import CheckpointError, ConfigError
from stepwave.facts.rates import encoder_frames
from stepwave.models.audio_heads import AudioHeads, AudioHeadsConfig, AudioScores, AudioTargets
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.signal.masking import Masking
from stepwave.signal.resample import Samples
from stepwave.training.encoder.batches import EncoderBatch, EncoderCollator
from stepwave.training.encoder.ctc_labels import CtcLabels
from stepwave.training.encoder.figures import HearingFigures
from stepwave.training.encoder.items import AGES, GENDERS, EncoderItem, events_in
from stepwave.training.experiment import Experiment, Losses
from stepwave.training.parallel import Ranks, shard


@dataclass(frozen=True)
class EncoderPlan:
    """Which layers learn, what each task counts, and how batches are made."""

    trained_layers: int | None = None
    """Blocks that learn, counted from the last, with the norm after them; None for the whole encoder, convolutions and
    positions included, 0 for the heads alone."""
    words: float = 1.0
    """Weight of CTC per label."""
    ages: float = 0.3
    """Weight of the age bands' negative log-probability."""
    genders: float = 0.3
    """Weight of the genders' cross-entropy."""
    events: float = 3.0
    """Weight of the sounds' binary cross-entropy; its mean over many sounds that are not there is small."""
    event_frames: float = 3.0
    """Weight of the same frame by frame."""
    masking: Masking | None = field(default_factory=Masking)
    """What is blanked of the mels that are learnt from; None for nothing."""
    budget: int = 12_000
    """Padded mel frames in a batch of one process (100 a second)."""
    most: int = 64
    """Most clips in one."""
    labels_per_frame: int = 2
    """CTC labels that one 25 Hz frame may spell."""
    readers: int = 0
    """Batches that threads read ahead; 0 reads each when it is due."""

    def __post_init__(self) -> None:
        weights = (self.words, self.ages, self.genders, self.events, self.event_frames)
        if min(weights) < 0 or not any(weights):
            raise ConfigError(f"the tasks' weights are {weights}; wanted none below 0 and one above")
        if min(self.budget, self.most) < 1 or min(self.readers, self.trained_layers or 0) < 0:
            raise ConfigError(f"{self}: wanted batches of 1 or more, and layers and readers of 0 or more")


class HearingModel(nn.Module):
    """An encoder and its heads, with one way in: that is where sharded parameters are gathered."""

    def __init__(self, encoder: AudioEncoder, heads: AudioHeads) -> None:
        super().__init__()
        self.encoder, self.heads = encoder, heads

    def forward(
        self, mel: Tensor, lengths: Tensor, targets: AudioTargets, scored: bool = False
    ) -> tuple[dict[str, Tensor], AudioScores | None]:
        """Losses by task, and with `scored` what the heads make of the clips."""
        frames, counts = self.encoder(mel, lengths)
        return self.heads.losses(frames, counts, targets), self.heads(frames, counts) if scored else None


class EncoderTraining(Experiment):
    """The experiment; the module's encoder is under `encoder.` in checkpoints, whole, its frozen layers included."""

    divisible = True

    def __init__(
        self,
        encoder: AudioEncoder,
        items: Sequence[EncoderItem],
        checks: Sequence[EncoderItem],
        labels: CtcLabels,
        plan: EncoderPlan,
        read: Callable[[Clip], Samples] = lambda clip: read_clip(clip)[0],
        seed: int = 0,
    ) -> None:
        """`read` gives a clip's samples at 16 kHz; the sounds to tell apart are those in `items`.

        Raises ConfigError where there is nothing to learn from, or fewer layers than are to learn.
        """
        self.items, self.checks, self.plan, self.seed = items, checks, plan, seed
        events = events_in(items)
        self.collate = EncoderCollator(events, encoder.config.bands, read)
        sizes = AudioHeadsConfig(
            width=encoder.config.width,
            labels=labels.size if any(item.words for item in items) else 0,
            labels_per_frame=plan.labels_per_frame,
            ages=len(AGES) if any(item.ages for item in items) else 0,
            genders=len(GENDERS) if any(item.gender is not None for item in items) else 0,
            events=len(events),
        )
        self.model = HearingModel(encoder, AudioHeads(sizes))
        freeze(encoder, plan.trained_layers)
        self.batches = LengthBatches([item.mel_frames for item in items], plan.budget, seed, plan.most)
        self._ranks = Ranks()
        self._pool = ThreadPoolExecutor(plan.readers) if plan.readers else None
        self._ahead: dict[int, Future[EncoderBatch]] = {}

    def module(self) -> nn.Module:
        """See `Experiment.module`."""
        return self.model

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """`encoder`, where any of it learns, and `heads`."""
        encoder = [parameter for parameter in self.model.encoder.parameters() if parameter.requires_grad]
        return {**({"encoder": encoder} if encoder else {}), "heads": list(self.model.heads.parameters())}

    def place(self, ranks: Ranks, half: bool, compiled: bool) -> None:
        """Shard over all processes, each of which reads batches of its own."""
        self._ranks = ranks
        self.model.to(ranks.device)
        if compiled:
            for block in self.model.encoder.blocks:
                block.compile()
        shard(self.model, self.model.encoder.blocks, ranks, half, ())

    def batch(self, step: int) -> EncoderBatch:
        """See `Experiment.batch`. Raises DataError where none of its clips can be read."""
        number, stride = step * self._ranks.data_world + self._ranks.data_rank, self._ranks.data_world
        if self._pool is None:
            return self._draw(number)
        due = self._ahead.pop(number, None)
        for each in range(number + stride, number + stride * (self.plan.readers + 1), stride):
            if each not in self._ahead:
                self._ahead[each] = self._pool.submit(self._draw, each)
        return self._draw(number) if due is None else due.result()

    def _draw(self, number: int) -> EncoderBatch:
        items = [self.items[index] for index in self.batches(number)]
        return self.collate(items, self.plan.masking, random.Random(f"{self.seed}/{number}"))

    def _heard(self, batch: EncoderBatch, scored: bool) -> tuple[dict[str, Tensor], AudioScores | None]:
        device = self._ranks.device
        found: tuple[dict[str, Tensor], AudioScores | None]
        found = self.model(batch.mel.to(device), batch.lengths.to(device), batch.targets.to(device), scored)
        return found

    def losses(self, batch: EncoderBatch) -> Iterator[Losses]:
        """The weighted sum of what the batch's labels allow."""
        parts, _ = self._heard(batch, scored=False)
        loss = torch.stack([getattr(self.plan, name) * part for name, part in parts.items()]).sum()
        if self._ranks.data_world > 1:
            # Sharded gradients are summed together: each process must have one for each parameter, if only of zeros.
            loss = loss + 0.0 * torch.stack([each.sum() for each in self.model.heads.parameters()]).sum()
        yield Losses(tuple(self.parameters()), loss, {"loss": loss, **parts})

    def size(self, batch: EncoderBatch) -> int:
        """Valid mel frames."""
        return int(batch.lengths.sum())

    def validate(self) -> dict[str, float]:
        """Losses and figures on held-out clips, and how many clips could not be read so far."""
        figures = HearingFigures()
        ordered = sorted(self.checks, key=lambda item: item.mel_frames)
        size = max(1, min(self.plan.most, self.plan.budget // max((item.mel_frames for item in ordered), default=1)))
        for start in range(0, len(ordered), size):
            batch = self.collate(ordered[start : start + size])
            losses, scores = self._heard(batch, scored=True)
            assert scores is not None
            counts = [encoder_frames(length) for length in batch.lengths.tolist()]
            figures.add(losses, scores, batch.targets.to(self._ranks.device), counts)
        return {**figures.shown(), "unreadable": float(len(self.collate.unreadable))}

    def describe(self, batch: EncoderBatch) -> str:
        """The ids of a batch's clips."""
        return ", ".join(batch.clips)


def freeze(encoder: AudioEncoder, trained_layers: int | None) -> None:
    """Let the last `trained_layers` blocks and the norm after them learn and nothing else; None lets all learn.

    Raises ConfigError where the encoder has fewer.
    """
    layers = len(encoder.blocks)
    if trained_layers is not None and trained_layers > layers:
        raise ConfigError(f"{trained_layers} layers are to learn, and the encoder has {layers}; wanted at most those")
    encoder.requires_grad_(trained_layers is None)
    if trained_layers:
        encoder.blocks[layers - trained_layers :].requires_grad_(True)
        encoder.after_norm.requires_grad_(True)


def trained_encoder(path: Path, config: EncoderConfig) -> AudioEncoder:
    """The encoder of a run's checkpoint without its heads, loaded strictly, in evaluation mode.

    Raises CheckpointError where the checkpoint is damaged or its encoder is of other sizes.
    """
    encoder = AudioEncoder(config)
    try:
        encoder.load_state_dict(model_weights(path, "encoder."))
    except RuntimeError as problem:
        reason = " ".join(str(problem).split())[:200]
        raise CheckpointError(f"{path} holds no encoder of {config} ({reason}); name the sizes it has") from None
    return encoder.eval()
