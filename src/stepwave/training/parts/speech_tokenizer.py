"""Trains nano's speech tokenizer: codes from which words, sound and Whisper's own decoder can be read.

As in the S3 tokenizer (CosyVoice 2, section 2.2) a quantiser sits inside a speech recogniser and is trained with its
loss. Here the recogniser stays frozen and its frames are cached, so only the small stacks around the quantiser learn.
The recogniser's loss alone says too little per step for minutes of training (docs/log.md), so dense ones stand beside
it: letters by CTC, the frames themselves, and the mel that the codes shall later be turned into, given the
recording's mean mel, which leaves the voice out of the codes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from stepwave.data.batches import LengthBatches
from stepwave.data.examples import IGNORED
from stepwave.data.mels import MelCache
from stepwave.data.multi_store import Tensors
from stepwave.data.records import Clip
from stepwave.facts.rates import SPEECH_MEL_PER_TOKEN
from stepwave.layers.attention import length_mask
from stepwave.models.fsq import code_usage, codes_of, digit_entropy, quantise
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer
from stepwave.models.whisper_decoder import WhisperDecoder
from stepwave.training.experiment import Experiment, Losses
from stepwave.training.parts.spelling import LETTER_SCORES, letter_loss, letter_probabilities, spell

MEL_BANDS = 80


@dataclass(frozen=True)
class TokenizerItem:
    """A reading of a clip with stored frames, its text, and Whisper's ids of it, prompt first and end last."""

    name: str
    clip: Clip | None
    """Whose sound gives the mel; None for augmented readings, which codes should hear through."""
    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class TokenizerPlan:
    """Weights of the parts of the loss, and how often the dear one is paid for."""

    letters: float = 1.0
    """CTC loss per letter."""
    mel: float = 2.0
    """L1 of the natural-log mel."""
    frames: float = 0.5
    """Smooth L1 between rebuilt and original normalised frames."""
    text: float = 0.5
    """Whisper decoder's cross-entropy."""
    diversity: float = 0.1
    """1 minus the mean entropy of the digits' levels."""
    text_every: int = 4
    """Steps from one that computes the Whisper decoder's loss to the next."""
    continuous_steps: int = 100
    """Steps at the start without rounding: the stacks on both sides first agree on what to say."""
    heads_first: int = 0
    """Steps at the start in which codes stay as they are and only what reads them learns: for a tokenizer that was
    trained before, whose readers are new."""
    budget: int = 3_000
    """Padded 25 Hz frames per step."""


@dataclass(frozen=True)
class TokenizerBatch:
    """Frames `[b, n, w]`, valid counts `[b]`, and everything that shall be read from their codes."""

    frames: Tensor
    lengths: Tensor
    ids: Tensor
    """Whisper's input ids `[b, t]`."""
    labels: Tensor
    """What follows each of them `[b, t]`, -100 where nothing is asked."""
    mel: Tensor
    """Log mel `[b, 2n, 80]`, zeros where there is none."""
    letters: Tensor
    """CTC labels of all readings, joined."""
    letter_lengths: Tensor
    with_text: bool
    rounded: bool
    codes_stay: bool


class SpeechTokenizerTraining(Experiment):
    """The experiment; `decoder` is Whisper's text decoder and stays frozen."""

    def __init__(
        self,
        tokenizer: NanoSpeechTokenizer,
        decoder: WhisperDecoder,
        store: Tensors,
        items: list[TokenizerItem],
        checks: list[TokenizerItem],
        plan: TokenizerPlan,
        prompt_length: int = 4,
        seed: int = 0,
    ) -> None:
        """`prompt_length` ids at the start of every item carry no loss."""
        self.decoder = decoder.requires_grad_(False)
        self.store, self.items, self.checks, self.plan = store, items, checks, plan
        self.prompt_length = prompt_length
        self.tokenizer = tokenizer
        width = tokenizer.config.width
        self.model = nn.ModuleDict(
            {
                "tokenizer": tokenizer,
                # CTC needs more places than letters: two per code
                "letters": nn.Linear(width, LETTER_SCORES),
                "mel": nn.Sequential(
                    nn.Linear(width + MEL_BANDS, width), nn.SiLU(), nn.Linear(width, SPEECH_MEL_PER_TOKEN * MEL_BANDS)
                ),
            }
        )
        self.batches = LengthBatches([store.length(f"{item.name}.frames") for item in items], plan.budget, seed)
        self.mels = MelCache()
        if tokenizer.frame_mean.any():
            # One that was trained before keeps the statistics that its weights have got used to.
            return
        sample = torch.cat([store[f"{item.name}.frames"].float() for item in items[:: max(1, len(items) // 200)]])
        tokenizer.set_statistics(sample)

    def module(self) -> nn.Module:
        """See `Experiment.module`; the frozen recogniser is not saved with it."""
        return self.model

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """The stacks on both sides of the quantiser, and the heads."""
        return {"tokenizer": list(self.model.parameters())}

    def batch(self, step: int) -> TokenizerBatch:
        """See `Experiment.batch`."""
        items = [self.items[index] for index in self.batches(step)]
        plan = self.plan
        return self._collate(
            items, step % plan.text_every == 0, step >= plan.continuous_steps, codes_stay=step < plan.heads_first
        )

    def _collate(
        self, items: list[TokenizerItem], with_text: bool = True, rounded: bool = True, codes_stay: bool = False
    ) -> TokenizerBatch:
        frames = [self.store[f"{item.name}.frames"].float() for item in items]
        ids = [torch.tensor(item.ids[:-1]) for item in items]
        labels = [torch.tensor(item.ids[1:]) for item in items]
        for label in labels:
            label[: self.prompt_length - 1] = IGNORED
        padded = pad_sequence(frames, batch_first=True)
        mel = torch.zeros(len(items), SPEECH_MEL_PER_TOKEN * padded.shape[1], MEL_BANDS)
        for row, item in enumerate(items):
            if item.clip is not None:
                sound = self.mels[item.clip][: SPEECH_MEL_PER_TOKEN * len(frames[row])]
                mel[row, : len(sound)] = sound.float()
        spelled = [torch.tensor(spell(item.text)) for item in items]
        return TokenizerBatch(
            padded,
            torch.tensor([len(frame) for frame in frames]),
            pad_sequence(ids, batch_first=True, padding_value=0),
            pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            mel,
            torch.cat(spelled),
            torch.tensor([len(word) for word in spelled]),
            with_text,
            rounded,
            codes_stay,
        )

    def losses(self, batch: TokenizerBatch) -> Iterator[Losses]:
        """Weighted sum of the parts."""
        parts, _ = self._parts(batch)
        loss = torch.stack([getattr(self.plan, name) * part for name, part in parts.items()]).sum()
        yield Losses.of("tokenizer", {"loss": loss, **parts})

    def _parts(self, batch: TokenizerBatch) -> tuple[dict[str, Tensor], Tensor]:
        device = next(self.tokenizer.parameters()).device
        frames, lengths = batch.frames.to(device), batch.lengths.to(device)
        bounded = self.tokenizer.bounded(frames, lengths)
        if batch.codes_stay:
            bounded = bounded.detach()
        hidden, rebuilt = self.tokenizer.rebuild(quantise(bounded) if batch.rounded else bounded, lengths)
        valid = length_mask(lengths, frames.shape[1])
        distance = F.smooth_l1_loss(rebuilt.float(), self.tokenizer.normalise(frames), reduction="none")
        spelled = letter_probabilities(self.model["letters"](hidden))
        parts = {
            "letters": letter_loss(spelled, lengths, batch.letters, batch.letter_lengths),
            "mel": self._mel_loss(hidden, batch.mel.to(device)),
            "frames": distance.mean(-1)[valid].mean(),
            "diversity": 1 - digit_entropy(bounded[valid].float()).mean(),
        }
        if batch.with_text:
            parts["text"] = self._text_loss(rebuilt, lengths, batch)
        return parts, codes_of(quantise(bounded))[valid]

    def _mel_loss(self, hidden: Tensor, mel: Tensor) -> Tensor:
        present = mel.abs().sum(-1) > 0
        if not present.any():
            return hidden.new_zeros(())
        mean = (mel * present[..., None]).sum(1, keepdim=True) / present.sum(1)[:, None, None].clamp_min(1)
        told = torch.cat([hidden, mean.expand(-1, hidden.shape[1], -1)], -1)
        made = mean + self.model["mel"](told).float().unflatten(-1, (SPEECH_MEL_PER_TOKEN, -1)).flatten(1, 2)
        return F.l1_loss(made[present], mel[present])

    def _text_loss(self, rebuilt: Tensor, lengths: Tensor, batch: TokenizerBatch) -> Tensor:
        self.decoder.to(rebuilt.device)
        labels = batch.labels.to(rebuilt.device)
        hidden = self.decoder(batch.ids.to(rebuilt.device), self.tokenizer.denormalise(rebuilt), lengths)
        labelled = labels != IGNORED
        return F.cross_entropy(self.decoder.logits(hidden[labelled]).float(), labels[labelled])

    def size(self, batch: TokenizerBatch) -> int:
        """Valid frames."""
        return int(batch.lengths.sum())

    def validate(self) -> dict[str, float]:
        """The parts of the loss on held-out clips, and how much of the codebook they use."""
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
