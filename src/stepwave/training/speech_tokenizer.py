"""Trains nano's speech tokenizer: codes from which Whisper's own decoder can still read what was said.

As in the S3 tokenizer (CosyVoice 2, section 2.2) a quantiser sits inside a speech recogniser and is trained with its
loss. Here the recogniser stays frozen and its states are cached, so only the small stacks around the quantiser learn:
rebuilt states shall be like the original ones (regression), and the frozen rest of the recogniser shall read the same
text from them (cross-entropy).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from stepwave.data.batches import LengthBatches
from stepwave.data.store import TensorStore
from stepwave.layers.attention import length_mask
from stepwave.models.encoder import AudioEncoder
from stepwave.models.fsq import code_usage, codes_of, digit_entropy, quantise
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer
from stepwave.models.whisper_decoder import WhisperDecoder

IGNORED = -100


@dataclass(frozen=True)
class TokenizerItem:
    """A recording with stored tap states, and Whisper's ids of its text, prompt first and end last."""

    name: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class TokenizerWeights:
    """Weights of the parts of the loss."""

    states: float = 1.0
    """Smooth L1 between rebuilt and original normalised states."""
    text: float = 0.3
    """Whisper decoder's cross-entropy."""
    diversity: float = 0.1
    """1 minus the mean entropy of the digits' levels."""


@dataclass(frozen=True)
class TokenizerBatch:
    """States `[b, S, w]` (S even), valid counts `[b]`, input ids `[b, t]`, labels `[b, t]` (-100 where none)."""

    states: Tensor
    lengths: Tensor
    ids: Tensor
    labels: Tensor


class SpeechTokenizerTraining:
    """The experiment; `encoder` and `decoder` are Whisper's and stay frozen."""

    def __init__(
        self,
        tokenizer: NanoSpeechTokenizer,
        encoder: AudioEncoder,
        decoder: WhisperDecoder,
        store: TensorStore,
        items: list[TokenizerItem],
        checks: list[TokenizerItem],
        weights: TokenizerWeights,
        prompt_length: int = 4,
        budget: int = 6_000,
        seed: int = 0,
    ) -> None:
        """`prompt_length` ids at the start of every item carry no loss; `budget` is in padded 50 Hz states."""
        self.tokenizer, self.encoder, self.decoder = tokenizer, encoder.requires_grad_(False), decoder
        self.decoder.requires_grad_(False)
        self.store, self.items, self.checks, self.weights = store, items, checks, weights
        self.prompt_length = prompt_length
        self.batches = LengthBatches([store.length(f"{item.name}.tap") for item in items], budget, seed)
        sample = torch.cat([store[f"{item.name}.tap"].float() for item in items[:: max(1, len(items) // 100)]])
        tokenizer.set_statistics(sample)

    def module(self) -> nn.Module:
        """See `Experiment.module`; the frozen recogniser is not saved with it."""
        return self.tokenizer

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """The stacks on both sides of the quantiser."""
        return {"tokenizer": list(self.tokenizer.parameters())}

    def batch(self, step: int) -> TokenizerBatch:
        """See `Experiment.batch`."""
        return self._collate([self.items[index] for index in self.batches(step)])

    def _collate(self, items: list[TokenizerItem]) -> TokenizerBatch:
        states = [self.store[f"{item.name}.tap"].float() for item in items]
        ids = [torch.tensor(item.ids[:-1]) for item in items]
        labels = [torch.tensor(item.ids[1:]) for item in items]
        for label in labels:
            label[: self.prompt_length - 1] = IGNORED
        return TokenizerBatch(
            pad_sequence(states, batch_first=True),
            torch.tensor([len(state) for state in states]),
            pad_sequence(ids, batch_first=True, padding_value=0),
            pad_sequence(labels, batch_first=True, padding_value=IGNORED),
        )

    def losses(self, batch: TokenizerBatch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Weighted sum of the three parts."""
        parts, _ = self._parts(batch)
        total = (
            self.weights.states * parts["states"]
            + self.weights.text * parts["text"]
            + self.weights.diversity * parts["diversity"]
        )
        yield "tokenizer", {"loss": total, **parts}

    def _parts(self, batch: TokenizerBatch) -> tuple[dict[str, Tensor], Tensor]:
        device = next(self.tokenizer.parameters()).device
        self.encoder.to(device), self.decoder.to(device)
        states, lengths = batch.states.to(device), batch.lengths.to(device)
        bounded, code_lengths = self.tokenizer.bounded(states, lengths)
        quantised = quantise(bounded)
        rebuilt = self.tokenizer.reconstruct(quantised, code_lengths)
        size = rebuilt.shape[1]
        valid = length_mask(2 * code_lengths, size)
        target = self.tokenizer.normalise(states[:, :size])
        state_loss = F.smooth_l1_loss(rebuilt.float(), target, reduction="none").mean(-1)[valid].mean()
        deep = self.encoder.run_blocks(self.tokenizer.denormalise(rebuilt), valid, self.tokenizer.config.tap_layer)
        hidden = self.decoder(batch.ids.to(device), self.encoder.after_norm(deep), 2 * code_lengths)
        labels = batch.labels.to(device)
        labelled = labels != IGNORED
        text_loss = F.cross_entropy(self.decoder.logits(hidden[labelled]).float(), labels[labelled])
        code_valid = length_mask(code_lengths, bounded.shape[1])
        diversity = 1 - digit_entropy(bounded[code_valid].float()).mean()
        parts = {"states": state_loss, "text": text_loss, "diversity": diversity}
        return parts, codes_of(quantised)[code_valid]

    def size(self, batch: TokenizerBatch) -> int:
        """Valid 50 Hz states."""
        return int(batch.lengths.sum())

    def validate(self) -> dict[str, float]:
        """The parts of the loss on held-out recordings, and how much of the codebook they use."""
        sums: dict[str, float] = {}
        codes = []
        groups = [self.checks[start : start + 8] for start in range(0, len(self.checks), 8)]
        for group in groups:
            parts, used = self._parts(self._collate(group))
            codes.append(used)
            for name, value in parts.items():
                sums[name] = sums.get(name, 0.0) + float(value) / len(groups)
        usage = code_usage(torch.cat(codes))
        return {**sums, "codes_used": float(usage.used), "perplexity": usage.perplexity}
