"""Stage 1 for the adaptor, encoder and language model frozen: a CTC loss against the model's own token embeddings.

The report aligns the adaptor through the frozen language model (section 3.2, first stage). From scratch that is slow;
here the adaptor's 12.5 Hz outputs first learn to score the *embeddings* of the tokens being said, so that they enter
the language model as near-words. Minutes instead of hours on a CPU (measured; see docs/nano.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from stepwave.data.batches import LengthBatches
from stepwave.data.multi_store import Tensors
from stepwave.layers.attention import length_mask
from stepwave.models.adaptor import Adaptor, adaptor_lengths
from stepwave.training.experiment import Experiment, Losses, as_mean
from stepwave.training.parts.spelling import SpellingHead


@dataclass(frozen=True)
class AlignmentItem:
    """One reading of a clip: where its frames are stored and the token ids of what is said."""

    name: str
    tokens: tuple[int, ...]
    letters: tuple[int, ...] = ()
    """What is said as `spelling.spell` labels it; readings without letters are not spelled."""


@dataclass(frozen=True)
class AlignmentBatch:
    """Padded encoder frames `[b, E, width]`, their lengths, and the targets joined `[sum]` with their lengths."""

    frames: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    letters: list[tuple[int, ...]]
    adaptor_stays: bool = False


class TokenScorer(nn.Module):
    """Scores adaptor outputs against frozen token embeddings, with one learned scale and a learned blank."""

    def __init__(self, embeddings: Tensor) -> None:
        super().__init__()
        normalised = F.normalize(embeddings.float(), dim=-1) * embeddings.shape[1] ** 0.5
        self.register_buffer("embeddings", normalised, persistent=False)
        self.blank = nn.Parameter(torch.zeros(embeddings.shape[1]))
        self.blank_bias = nn.Parameter(torch.zeros(()))
        self.log_scale = nn.Parameter(torch.tensor(-3.0))

    def forward(self, outputs: Tensor) -> Tensor:
        """`[b, n, llm_width]` -> log-probabilities `[b, n, 1 + tokens]`, blank first."""
        normed = F.layer_norm(outputs, outputs.shape[-1:])
        scores = normed @ self.embeddings.T * self.log_scale.exp()  # type: ignore[operator]
        blank = (normed @ self.blank)[..., None] + self.blank_bias
        return F.log_softmax(torch.cat([blank, scores], -1).float(), -1)


class AdaptorAlignment(Experiment):
    """The experiment: cached frames in, CTC loss over the tokens that occur in the texts."""

    def __init__(
        self,
        adaptor: Adaptor,
        embeddings: Tensor,
        store: Tensors,
        items: list[AlignmentItem],
        checks: dict[str, list[AlignmentItem]],
        budget: int = 6_000,
        spelling: float = 2.0,
        scale: float = 0.1,
        heads_first: int = 0,
        seed: int = 0,
    ) -> None:
        """`embeddings` `[vocabulary, llm_width]` are the language model's; `budget` is in padded 25 Hz frames.

        `spelling` is what a letter's loss counts against a token's, `scale` what `scale_loss` counts. In the first
        `heads_first` steps only scales, blank and letters learn: for an adaptor that was trained before, to which they
        are new.
        """
        self.spelling, self.scale, self.heads_first = spelling, scale, heads_first
        self.store, self.checks = store, checks
        everything = items + [item for group in checks.values() for item in group]
        self.vocabulary = sorted({token for item in everything for token in item.tokens})
        self.embedding_size = float(embeddings[self.vocabulary].float().pow(2).mean().sqrt())
        self.index = {token: 1 + place for place, token in enumerate(self.vocabulary)}
        self.items = [item for item in items if self._fits(item)]
        self.model = nn.ModuleDict(
            {
                "adaptor": adaptor,
                "scorer": TokenScorer(embeddings[self.vocabulary]),
                "spelling": SpellingHead(embeddings.shape[1]),
            }
        )
        self.batches = LengthBatches([store.length(f"{item.name}.frames") for item in self.items], budget, seed)

    def _fits(self, item: AlignmentItem) -> bool:
        # CTC needs a position per token and a blank between repeated ones.
        repeats = sum(a == b for a, b in zip(item.tokens, item.tokens[1:], strict=False))
        return 0 < len(item.tokens) + repeats <= self.store.length(f"{item.name}.frames") // 2

    def module(self) -> nn.Module:
        """See `Experiment.module`."""
        return self.model

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """Adaptor, scale and blank; the embeddings stay as they are."""
        return {"adaptor": [parameter for parameter in self.model.parameters() if parameter.requires_grad]}

    def batch(self, step: int) -> AlignmentBatch:
        """See `Experiment.batch`."""
        return self._collate([self.items[index] for index in self.batches(step)], step < self.heads_first)

    def _collate(self, items: list[AlignmentItem], adaptor_stays: bool = False) -> AlignmentBatch:
        frames = [self.store[f"{item.name}.frames"].float() for item in items]
        targets = [self.index[token] for item in items for token in item.tokens]
        return AlignmentBatch(
            pad_sequence(frames, batch_first=True),
            torch.tensor([len(frame) for frame in frames]),
            torch.tensor(targets),
            torch.tensor([len(item.tokens) for item in items]),
            [item.letters for item in items],
            adaptor_stays,
        )

    def losses(self, batch: AlignmentBatch) -> Iterator[Losses]:
        """CTC loss per target token, and per letter."""
        device = next(self.model.parameters()).device
        outputs = self.model["adaptor"](batch.frames.to(device))
        if batch.adaptor_stays:
            outputs = outputs.detach()
        lengths = adaptor_lengths(batch.lengths)
        tokens = F.ctc_loss(
            self.model["scorer"](outputs).transpose(0, 1),
            batch.targets.to(device),
            lengths,
            batch.target_lengths,
            reduction="sum",
            zero_infinity=True,
        )
        tokens = tokens / batch.target_lengths.sum()
        letters = cast(SpellingHead, self.model["spelling"]).loss(outputs, lengths, batch.letters)
        scale = scale_loss(outputs[length_mask(lengths.to(device), outputs.shape[1])], self.embedding_size)
        loss = tokens + self.spelling * letters + self.scale * scale
        yield Losses.of("adaptor", {"loss": loss, "tokens": tokens, "letters": letters, "scale": scale})

    def size(self, batch: AlignmentBatch) -> int:
        """Valid encoder frames."""
        return int(batch.lengths.sum())

    def validate(self) -> dict[str, float]:
        """Token error rate of greedy CTC on each check, in percent, and the letters' loss."""
        figures = {f"token_error_{name}": 100 * self._error(items) for name, items in self.checks.items()}
        for name, items in self.checks.items():
            (losses,) = self.losses(self._collate(items))
            figures[f"letters_{name}"] = float(as_mean(losses.shown["letters"])[0])
        return figures

    def _error(self, items: list[AlignmentItem]) -> float:
        wrong = wanted = 0
        for item in items:
            heard = self.greedy(self.store[f"{item.name}.frames"].float())
            wrong += edit_distance(heard, list(item.tokens))
            wanted += len(item.tokens)
        return wrong / max(wanted, 1)

    @torch.no_grad()
    def greedy(self, frames: Tensor) -> list[int]:
        """Token ids read from encoder frames `[E, width]` without a language model."""
        device = next(self.model.parameters()).device
        best = self.model["scorer"](self.model["adaptor"](frames[None].to(device)))[0].argmax(-1).tolist()
        merged = [one for one, before in zip(best, [0, *best], strict=False) if one != before and one != 0]
        return [self.vocabulary[place - 1] for place in merged]


def scale_loss(outputs: Tensor, size: float) -> Tensor:
    """How far outputs `[n, width]` are from having no mean and the root mean square `size`, in units of `size`.

    The scorer reads them through a layer norm, to which both are free; the language model reads them as embeddings.
    """
    wanted = size * F.layer_norm(outputs.float(), outputs.shape[-1:]).detach()
    return F.mse_loss(outputs.float(), wanted) / size**2


def edit_distance(heard: list[int], wanted: list[int]) -> int:
    """Insertions, deletions and substitutions between two sequences."""
    row = list(range(len(wanted) + 1))
    for i, one in enumerate(heard, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(wanted, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (one != other))
    return row[-1]
