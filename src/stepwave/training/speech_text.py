"""Trains the language model on text and speech tokens together: transcribing, reading aloud, answering aloud.

The report's stage with text and speech tokens (section 3.2) scaled down. The encoder stays frozen (its frames are
cached); adaptor and language model learn, with learning rates of their own. As in generation, a speech slot is scored
over the speech rows of the head only and a text slot over the others, which also saves most of the head's cost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from stepwave.data.batches import LengthBatches
from stepwave.data.rendering import IGNORED, TrainingExample
from stepwave.data.store import TensorStore
from stepwave.facts.tokens import SpecialTokens
from stepwave.models.adaptor import Adaptor
from stepwave.models.decoder import Decoder


@dataclass(frozen=True)
class SpeechTextBatch:
    """Right-padded ids and labels `[b, s]`, frames `[k, E, width]` of the k rows that hear something, and where."""

    ids: Tensor
    labels: Tensor
    frames: Tensor | None
    rows: Tensor
    """Row and column of every placeholder in the batch, `[2, p]`."""
    sources: Tensor
    """Clip and position among the adaptor's outputs for each of them, `[2, p]`."""
    tasks: tuple[str, ...]


def collate(examples: Sequence[TrainingExample], store: TensorStore, padding: int) -> SpeechTextBatch:
    """Pad examples to one batch and note where adaptor outputs go."""
    frames: list[Tensor] = []
    rows: list[Tensor] = []
    sources: list[Tensor] = []
    for row, example in enumerate(examples):
        if example.sound is None:
            continue
        places = torch.arange(example.positions)
        rows.append(torch.stack([torch.full_like(places, row), places + example.start]))
        sources.append(torch.stack([torch.full_like(places, len(frames)), places]))
        frames.append(store[f"{example.sound}.frames"].float())
    nothing = torch.zeros(2, 0, dtype=torch.long)
    return SpeechTextBatch(
        pad_sequence([torch.tensor(e.ids) for e in examples], batch_first=True, padding_value=padding),
        pad_sequence([torch.tensor(e.labels) for e in examples], batch_first=True, padding_value=IGNORED),
        pad_sequence(frames, batch_first=True) if frames else None,
        torch.cat(rows, 1) if rows else nothing,
        torch.cat(sources, 1) if sources else nothing,
        tuple(example.task for example in examples),
    )


class SpeechTextTraining:
    """The experiment."""

    def __init__(
        self,
        decoder: Decoder,
        adaptor: Adaptor,
        special: SpecialTokens,
        store: TensorStore,
        examples: list[TrainingExample],
        checks: dict[str, list[TrainingExample]],
        budget: int = 1_000,
        text_weight: float = 2.0,
        seed: int = 0,
    ) -> None:
        """`budget` is in padded positions per step; `text_weight` is how many speech tokens a text token is worth."""
        self.decoder, self.adaptor = decoder, adaptor
        self.model = nn.ModuleDict({"decoder": decoder, "adaptor": adaptor})
        self.special, self.store, self.examples, self.checks = special, store, examples, checks
        self.text_weight = text_weight
        self.batches = LengthBatches([len(example.ids) for example in examples], budget, seed)

    def module(self) -> nn.Module:
        """See `Experiment.module`."""
        return self.model

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """Language model and adaptor together: one loss moves both."""
        return {"decoder": list(self.model.parameters())}

    def batch(self, step: int) -> SpeechTextBatch:
        """See `Experiment.batch`."""
        return collate([self.examples[index] for index in self.batches(step)], self.store, self.special.end_of_text)

    def losses(self, batch: SpeechTextBatch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Mean loss per labelled token, text counting `text_weight` times."""
        text, speech = self.token_losses(batch)
        weight = self.text_weight * len(text) + len(speech)
        loss = (self.text_weight * text.sum() + speech.sum()) / weight
        shown = {"loss": loss}
        if len(text):
            shown["text"] = text.mean()
        if len(speech):
            shown["speech"] = speech.mean()
        yield "decoder", shown

    def token_losses(self, batch: SpeechTextBatch) -> tuple[Tensor, Tensor]:
        """Cross-entropy of every text label and of every speech label in a batch, each `[n]`."""
        decoder = self.decoder
        device = next(decoder.parameters()).device
        embeddings = decoder.embed(batch.ids.to(device))
        if batch.frames is not None:
            heard = self.adaptor(batch.frames.to(device)).to(embeddings.dtype)
            rows, sources = batch.rows.to(device), batch.sources.to(device)
            embeddings = embeddings.index_put((rows[0], rows[1]), heard[sources[0], sources[1]])
        hidden = decoder(embeddings)
        labels = batch.labels.to(device)
        base = self.special.speech_base
        is_text, is_speech = (labels >= 0) & (labels < base), labels >= base
        # Each slot competes only with what may stand in it; speech rows are an eighth of the head.
        text = F.cross_entropy(decoder.head(hidden[is_text], slice(0, base)).float(), labels[is_text], reduction="none")
        speech = F.cross_entropy(
            decoder.head(hidden[is_speech], slice(base, self.special.speech_padding_id + 1)).float(),
            labels[is_speech] - base,
            reduction="none",
        )
        return text, speech

    def size(self, batch: SpeechTextBatch) -> int:
        """Positions without padding."""
        return int((batch.ids != self.special.end_of_text).sum())

    def validate(self) -> dict[str, float]:
        """Mean text and speech loss of each check."""
        figures = {}
        for name, examples in self.checks.items():
            sums = torch.zeros(2)
            counts = torch.zeros(2)
            for start in range(0, len(examples), 4):
                parts = self.token_losses(collate(examples[start : start + 4], self.store, self.special.end_of_text))
                for kind, part in enumerate(parts):
                    sums[kind] += float(part.sum())
                    counts[kind] += len(part)
            for kind, label in enumerate(("text", "speech")):
                if counts[kind]:
                    figures[f"{label}_{name}"] = float(sums[kind] / counts[kind])
        return figures
