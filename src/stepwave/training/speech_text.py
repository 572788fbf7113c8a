"""Trains the language model on text and speech tokens together: transcribing, reading aloud, answering aloud.

The report's stage with text and speech tokens (section 3.2) scaled down. The encoder stays frozen (its frames are
cached); adaptor and language model learn, with learning rates of their own. As in generation, a speech slot is scored
over the speech rows of the head only and a text slot over the others, which also saves most of the head's cost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from stepwave.data.batches import LengthBatches
from stepwave.data.joining import heard_frames
from stepwave.data.rendering import IGNORED, TrainingExample
from stepwave.data.store import TensorStore
from stepwave.facts.tokens import SpecialTokens
from stepwave.models.adaptor import Adaptor, adaptor_lengths
from stepwave.models.decoder import Decoder
from stepwave.training.speech_rows import SharedDigits
from stepwave.training.spelling import SpellingHead


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
    lengths: Tensor
    """Valid frames of each clip `[k]`."""
    sounds: tuple[str, ...]
    """Names of the k clips."""


def collate(examples: Sequence[TrainingExample], store: TensorStore, padding: int) -> SpeechTextBatch:
    """Pad examples to one batch and note where adaptor outputs go."""
    frames: list[Tensor] = []
    sounds: list[str] = []
    rows: list[Tensor] = []
    sources: list[Tensor] = []
    for row, example in enumerate(examples):
        if example.sound is None:
            continue
        places = torch.arange(example.positions)
        rows.append(torch.stack([torch.full_like(places, row), places + example.start]))
        sources.append(torch.stack([torch.full_like(places, len(frames)), places]))
        frames.append(heard_frames(store, example.sound))
        sounds.append(example.sound)
    nothing = torch.zeros(2, 0, dtype=torch.long)
    return SpeechTextBatch(
        pad_sequence([torch.tensor(e.ids) for e in examples], batch_first=True, padding_value=padding),
        pad_sequence([torch.tensor(e.labels) for e in examples], batch_first=True, padding_value=IGNORED),
        pad_sequence(frames, batch_first=True) if frames else None,
        torch.cat(rows, 1) if rows else nothing,
        torch.cat(sources, 1) if sources else nothing,
        tuple(example.task for example in examples),
        torch.tensor([len(clip) for clip in frames]),
        tuple(sounds),
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
        letters: Mapping[str, list[int]] | None = None,
        budget: int = 2_000,
        text_weight: float = 6.0,
        spelling: float = 0.3,
        digits: SharedDigits | None = None,
        seed: int = 0,
    ) -> None:
        """What to learn from, and how much each part counts.

        Args:
            decoder: the language model.
            adaptor: an aligned one.
            special: ids of special and speech tokens.
            store: encoder frames of the clips that examples hear.
            examples: what to train on.
            checks: held-out examples by name.
            letters: what is said in a clip, as `spelling.spell` labels it, by the clip's name.
            budget: padded positions per step.
            text_weight: how many speech tokens a text token is worth.
            spelling: what the loss per letter of the clips heard counts beside the loss per token.
            digits: what rows of speech tokens share, where speech is learnt; to be folded into them afterwards.
            seed: of the order of examples.
        """
        self.decoder, self.adaptor = decoder, adaptor
        self.letters, self.spelling = letters or {}, spelling
        # The aid comes last, so that the optimiser's numbering of the others does not depend on it.
        self.model = nn.ModuleDict(
            {"decoder": decoder, "adaptor": adaptor, "spelling": SpellingHead(decoder.config.hidden_size)}
        )
        self.digits = digits
        if digits is not None:
            self.model["digits"] = digits
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
        heard = self.hear(batch)
        text, speech = self.token_losses(batch, heard)
        weight = self.text_weight * len(text) + len(speech)
        loss = (self.text_weight * text.sum() + speech.sum()) / weight
        shown = {}
        if heard is not None and self.letters:
            spelled = [self.letters.get(name, []) for name in batch.sounds]
            head = cast(SpellingHead, self.model["spelling"])
            shown["letters"] = head.loss(heard, adaptor_lengths(batch.lengths), spelled)
            loss = loss + self.spelling * shown["letters"]
        shown["loss"] = loss
        if len(text):
            shown["text"] = text.mean()
        if len(speech):
            shown["speech"] = speech.mean()
        yield "decoder", shown

    def hear(self, batch: SpeechTextBatch) -> Tensor | None:
        """The adaptor's outputs `[k, n, hidden]` of the batch's clips, or None where nothing is heard."""
        if batch.frames is None:
            return None
        heard: Tensor = self.adaptor(batch.frames.to(next(self.decoder.parameters()).device))
        return heard

    def token_losses(self, batch: SpeechTextBatch, heard: Tensor | None) -> tuple[Tensor, Tensor]:
        """Cross-entropy of every text label and of every speech label in a batch, each `[n]`."""
        decoder = self.decoder
        device = next(decoder.parameters()).device
        ids = batch.ids.to(device)
        embeddings = decoder.embed(ids)
        base = self.special.speech_base
        shared = None
        if self.digits is not None:
            shared = self.digits.rows()
            embeddings = embeddings + self.digits.embed(ids, shared, base)
        if heard is not None:
            rows, sources = batch.rows.to(device), batch.sources.to(device)
            embeddings = embeddings.index_put((rows[0], rows[1]), heard.to(embeddings.dtype)[sources[0], sources[1]])
        hidden = decoder(embeddings)
        labels = batch.labels.to(device)
        is_text, is_speech = (labels >= 0) & (labels < base), labels >= base
        # Each slot competes only with what may stand in it; speech rows are an eighth of the head.
        text = F.cross_entropy(decoder.head(hidden[is_text], slice(0, base)).float(), labels[is_text], reduction="none")
        scores = decoder.head(hidden[is_speech], slice(base, self.special.speech_padding_id + 1)).float()
        if shared is not None:
            scores = scores + F.linear(hidden[is_speech], shared).float()
        return text, F.cross_entropy(scores, labels[is_speech] - base, reduction="none")

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
                batch = collate(examples[start : start + 4], self.store, self.special.end_of_text)
                parts = self.token_losses(batch, self.hear(batch))
                for kind, part in enumerate(parts):
                    sums[kind] += float(part.sum())
                    counts[kind] += len(part)
            for kind, label in enumerate(("text", "speech")):
                if counts[kind]:
                    figures[f"{label}_{name}"] = float(sums[kind] / counts[kind])
        return figures
