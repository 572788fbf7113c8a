"""What an audio encoder is trained with: heads that read words, age, gender and sounds from its 25 Hz frames.

Report 3.1 names the tasks (ASR, speaker age and gender prediction, audio event detection) and nothing more; the heads
are ours and deliberately small, so that what is to be known must be in the frames. They are dropped after training.
Every label may be absent: rows without it never reach its head. Which labels there are is `training.encoder.items`'
business. Letters: b clips, E frames, w width, K sounds.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError
from stepwave.layers.attention import MASKED, length_mask

UNKNOWN = -100
"""Class of a row whose class nobody knows."""


@dataclass(frozen=True)
class AudioHeadsConfig:
    """Sizes of the heads; one of size 0 is not built."""

    width: int
    """Width of the encoder's frames."""
    labels: int = 0
    """CTC labels that words are written with, the blank not counted."""
    labels_per_frame: int = 2
    """Labels that one frame may spell: at 25 frames a second, 50 a second, where people say about 15 letters."""
    ages: int = 0
    """Bands of age."""
    genders: int = 0
    """Genders."""
    events: int = 0
    """Sounds that may be heard, several at once."""

    def __post_init__(self) -> None:
        sizes = (self.labels, self.ages, self.genders, self.events)
        if self.width < 1 or self.labels_per_frame < 1 or min(sizes) < 0 or not any(sizes):
            raise ConfigError(f"audio heads {self}: wanted positive widths, sizes of 0 or more, and at least one head")


@dataclass(frozen=True)
class AudioTargets:
    """What is known of b clips."""

    words: Tensor
    """CTC labels (1 or more) of all rows, joined, int64 `[sum]`."""
    word_counts: Tensor
    """How many each row has, int64 `[b]`; 0 where its words are not known."""
    ages: Tensor
    """Bands that a speaker's age may lie in, bool `[b, ages]`; none where it is not known. A corpus that only says
    "adult" allows several."""
    genders: Tensor
    """Class `[b]`, `UNKNOWN` where it is not known."""
    events: Tensor
    """Which sounds are heard at all, bool `[b, K]`."""
    events_known: Tensor
    """Rows of which that is known, bool `[b]`."""
    event_frames: Tensor
    """Which sounds are heard when, bool `[b, E, K]`."""
    event_frames_known: Tensor
    """Rows of which that is known, bool `[b]`."""

    def to(self, device: torch.device) -> "AudioTargets":
        """The same on another device."""
        return AudioTargets(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True)
class AudioScores:
    """What the heads make of b clips, float32; None for heads that were not built."""

    words: Tensor | None
    """Log-probabilities `[b, labels_per_frame * E, 1 + labels]`, the blank first."""
    ages: Tensor | None
    """Log-probabilities `[b, ages]`."""
    genders: Tensor | None
    """Log-probabilities `[b, genders]`."""
    events: Tensor | None
    """Logits `[b, K]` of being heard at all."""
    event_frames: Tensor | None
    """Logits `[b, E, K]` of being heard in a frame."""


class WordsHead(nn.Module):
    """Scores of CTC labels; each frame gives a few."""

    def __init__(self, config: AudioHeadsConfig) -> None:
        super().__init__()
        self.per_frame = config.labels_per_frame
        self.norm = nn.LayerNorm(config.width)
        self.scores = nn.Linear(config.width, self.per_frame * (1 + config.labels))

    def forward(self, frames: Tensor) -> Tensor:
        """`[b, E, w]` -> log-probabilities `[b, per_frame * E, 1 + labels]`, the blank first, float32."""
        b, count, _ = frames.shape
        scores: Tensor = self.scores(self.norm(frames))
        return F.log_softmax(scores.view(b, self.per_frame * count, -1).float(), -1)

    def loss(self, frames: Tensor, lengths: Tensor, words: Tensor, counts: Tensor) -> Tensor:
        """CTC loss per label of rows that all have words."""
        summed = F.ctc_loss(
            self(frames).transpose(0, 1),
            words,
            self.per_frame * lengths,
            counts,
            reduction="sum",
            # What is said too quickly for its frames counts nothing rather than infinitely much.
            zero_infinity=True,
        )
        return summed / counts.sum()


class ClassHead(nn.Module):
    """Scores classes of a whole clip from a mean of its frames that is weighted by attention."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 1)
        self.scores = nn.Linear(width, classes)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """`[b, E, w]`, `lengths` `[b]` of which are valid -> log-probabilities `[b, classes]`, float32."""
        normed = self.norm(frames)
        pooled = (_weights(self.attention(normed), lengths) * normed.float()).sum(1)
        return F.log_softmax(self.scores(pooled).float(), -1)


class EventHead(nn.Module):
    """Scores sounds frame by frame, and over the clip by attention that each sound has of its own.

    Attention over frames for each class follows Kong et al., "Weakly labelled AudioSet tagging with attention neural
    networks" (2019), 3.3; departure: logits are averaged, not probabilities, which needs no clamping.
    """

    def __init__(self, width: int, events: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, events)
        self.scores = nn.Linear(width, events)

    def forward(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """`[b, E, w]`, `lengths` `[b]` of which are valid -> logits of clips `[b, K]` and of frames `[b, E, K]`."""
        normed = self.norm(frames)
        scores = self.scores(normed).float()
        return (_weights(self.attention(normed), lengths) * scores).sum(1), scores


def _weights(scores: Tensor, lengths: Tensor) -> Tensor:
    """Softmax over the valid of E frames: `[b, E, k]` -> the same, float32, 0 past `lengths`."""
    valid = length_mask(lengths, scores.shape[1])[..., None]
    return scores.float().masked_fill(~valid, MASKED).softmax(1)


class AudioHeads(nn.Module):
    """All heads over one encoder."""

    def __init__(self, config: AudioHeadsConfig) -> None:
        super().__init__()
        self.config = config
        self.words = WordsHead(config) if config.labels else None
        self.ages = ClassHead(config.width, config.ages) if config.ages else None
        self.genders = ClassHead(config.width, config.genders) if config.genders else None
        self.events = EventHead(config.width, config.events) if config.events else None

    def forward(self, frames: Tensor, lengths: Tensor) -> AudioScores:
        """Everything about clips of frames `[b, E, w]`, `lengths` `[b]` of which are valid."""
        events, event_frames = self.events(frames, lengths) if self.events is not None else (None, None)
        return AudioScores(
            words=None if self.words is None else self.words(frames),
            ages=None if self.ages is None else self.ages(frames, lengths),
            genders=None if self.genders is None else self.genders(frames, lengths),
            events=events,
            event_frames=event_frames,
        )

    def losses(self, frames: Tensor, lengths: Tensor, targets: AudioTargets) -> dict[str, Tensor]:
        """Loss of each task that the targets of at least one row tell anything about, float32 scalars.

        `words` is CTC per label; `ages` the negative log-probability of all bands that may be right; `genders` the
        cross-entropy; `events` and `event_frames` the binary cross-entropy, averaged over sounds. Rows of which a task
        knows nothing, and frames past `lengths`, count nothing.
        """
        found: dict[str, Tensor] = {}
        spelled = targets.word_counts > 0
        if self.words is not None and spelled.any():
            counts = targets.word_counts[spelled]
            found["words"] = self.words.loss(frames[spelled], lengths[spelled], targets.words, counts)
        aged = targets.ages.any(1)
        if self.ages is not None and aged.any():
            scores = self.ages(frames[aged], lengths[aged])
            found["ages"] = -scores.masked_fill(~targets.ages[aged], MASKED).logsumexp(1).mean()
        gendered = targets.genders != UNKNOWN
        if self.genders is not None and gendered.any():
            found["genders"] = F.nll_loss(self.genders(frames[gendered], lengths[gendered]), targets.genders[gendered])
        heard = targets.events_known
        if self.events is not None and heard.any():
            clips, moments = self.events(frames[heard], lengths[heard])
            found["events"] = F.binary_cross_entropy_with_logits(clips, targets.events[heard].float())
            timed = targets.event_frames_known[heard]
            valid = length_mask(lengths[heard], frames.shape[1]) & timed[:, None]
            if valid.any():
                wanted = targets.event_frames[heard][valid].float()
                found["event_frames"] = F.binary_cross_entropy_with_logits(moments[valid], wanted)
        return found
