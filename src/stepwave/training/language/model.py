"""The speech language model as it is trained: sound and ids in, summed losses of text and speech labels out.

One `forward` holds everything from encoder to cross-entropy, so that sharded parameters are gathered once for it.
Generation uses `models.audio_language_model` over the same parts.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stepwave.data.collating import Batch, SoundGroup
from stepwave.facts.tokens import SpecialTokens
from stepwave.layers.packed_documents import PackedDocuments, Way
from stepwave.models.adaptor import Adaptor
from stepwave.models.decoder import Decoder
from stepwave.models.encoder import AudioEncoder
from stepwave.training.language.run import LossSettings
from stepwave.training.language.speech_rows import SharedDigits
from stepwave.training.language.stages import Part

CHUNK = 4096
"""Labelled positions whose scores are held at a time: 0.9 GB of float32 over nano's text rows, 2.6 GB over mini's."""


class SpeechLanguageModel(nn.Module):
    """Encoder (frozen), adaptor, decoder, and what speech tokens share, with their losses.

    Args:
        adaptor: leads from encoder frames to the decoder's width.
        decoder: the language model.
        special: ids of special and speech tokens.
        losses: what is minimised.
        encoder: reads log-mels; None where batches bring its stored frames.
        digits: what rows of speech tokens share while training.
    """

    def __init__(
        self,
        adaptor: Adaptor,
        decoder: Decoder,
        special: SpecialTokens,
        losses: LossSettings,
        encoder: AudioEncoder | None = None,
        digits: SharedDigits | None = None,
    ) -> None:
        super().__init__()
        self.adaptor, self.decoder, self.special, self.settings = adaptor, decoder, special, losses
        self.encoder, self.digits = encoder, digits
        self.attention: Way | None = None
        """How packed documents are attended to (`layers.packed_documents`); None for what suits the device."""

    def part_parameters(self, part: Part) -> Iterator[nn.Parameter]:
        """Parameters of one part."""
        decoder = self.decoder
        if part == "adaptor":
            yield from self.adaptor.parameters()
        elif part == "encoder" and self.encoder is not None:
            yield from self.encoder.parameters()
        elif part == "decoder":
            yield from decoder.model.layers.parameters()
            yield from decoder.model.norm.parameters()
        elif part == "embedding":
            yield from decoder.model.embed_tokens.parameters()
            if self.digits is not None:
                yield from self.digits.parameters()
        elif part == "head" and decoder.lm_head is not None:
            yield from decoder.lm_head.parameters()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Sums over the batch's labelled positions: cross-entropy `text` and `speech`, `z_loss` over both, and how many
        labels were given the highest score, `text_right` and `speech_right`."""
        hidden = self.decoder(self.embed(batch), mask=PackedDocuments(batch.segments, self.attention))
        base, end = self.special.speech_base, self.special.speech_padding_id + 1
        labels = batch.labels
        is_text, is_speech = (labels >= 0) & (labels < base), (labels >= base) & (labels < end)
        every = slice(0, self.decoder.config.vocab_size)
        text_rows, speech_rows = (slice(0, base), slice(base, end)) if self.settings.by_slot else (every, every)
        text, text_z, text_right = self._score(hidden[is_text], labels[is_text], text_rows)
        speech, speech_z, speech_right = self._score(hidden[is_speech], labels[is_speech], speech_rows)
        return {
            "text": text,
            "speech": speech,
            "z_loss": text_z + speech_z,
            "text_right": text_right,
            "speech_right": speech_right,
        }

    def embed(self, batch: Batch) -> Tensor:
        """Ids `[b, s]` with adaptor outputs in place of placeholders -> `[b, s, h]`."""
        embeddings = self.decoder.embed(batch.ids)
        if self.digits is not None:
            rows = self.digits.rows()
            embeddings = embeddings + self.digits.embed(batch.ids, rows, self.special.speech_base)
        if not batch.sounds and torch.is_grad_enabled():
            # As on the processes that hear something (see `_score`).
            silence = embeddings.new_zeros(1, 2, self.adaptor.config.width)
            embeddings = embeddings + 0.0 * self.adaptor(silence).sum()
        for group in batch.sounds:
            heard: Tensor = self.adaptor(self._frames(group))
            taken = heard[group.sources[0], group.sources[1]].to(embeddings.dtype)
            embeddings = embeddings.index_put((group.rows[0], group.rows[1]), taken)
        return embeddings

    def _frames(self, group: SoundGroup) -> Tensor:
        """Encoder frames `[k, E, width]` of a group of sounds; the encoder never learns here."""
        if group.kind == "frames":
            return group.features
        assert self.encoder is not None, "log-mels came and there is no encoder"
        with torch.no_grad():
            frames: Tensor = self.encoder(group.features, group.lengths)[0]
        return frames

    def _score(self, hidden: Tensor, labels: Tensor, rows: slice) -> tuple[Tensor, Tensor, Tensor]:
        """Summed cross-entropy, squared log-partition and number of right labels of positions `[n, h]`."""
        sums: list[Tensor] = []
        # Without any label the head takes part all the same, as sharded parameters must on all processes alike.
        for start in range(0, max(1, len(labels)), CHUNK):
            chosen = (hidden[start : start + CHUNK], labels[start : start + CHUNK])
            if torch.is_grad_enabled() and len(labels) > CHUNK:
                each = checkpoint(self._score_chunk, *chosen, rows, use_reentrant=False)
            else:
                each = self._score_chunk(*chosen, rows)
            sums.append(each)
        total = torch.stack(sums).sum(0)
        # Not views of one tensor: sharding hangs its hooks on what `forward` returns.
        return total[0].clone(), total[1].clone(), total[2].clone()

    def _score_chunk(self, hidden: Tensor, labels: Tensor, rows: slice) -> Tensor:
        scores = self.decoder.head(hidden, rows).float()
        base = self.special.speech_base
        if self.digits is not None and rows.stop > base:
            first = base - rows.start
            shared = F.linear(hidden, self.digits.rows()).float()
            after = scores.shape[1] - first - shared.shape[1]
            scores = scores + F.pad(shared, (first, after))
        wanted = labels - rows.start
        partition = scores.logsumexp(-1)
        loss = partition - scores.gather(1, wanted[:, None])[:, 0]
        right = (scores.detach().argmax(-1) == wanted).sum()
        return torch.stack([loss.sum(), partition.square().sum(), right.to(loss.dtype)])
