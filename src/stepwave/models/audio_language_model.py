"""Encoder, adaptor and decoder as one model that reads text and sound.

Sound becomes rows of the decoder's width once (`encode`); they take the place of the `<audio_patch>` positions after
each `<audio_start>` (`embed`, reference facts 3.3); from then on the decoder's cache is all that is kept of it.
Sampling and conversations are the business of `generation` and `dialogue`, prompts of `text.template`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError, TemplateError
from stepwave.facts.tokens import SpecialTokens
from stepwave.layers.cache import KVCache
from stepwave.layers.cache_group import CacheGroup
from stepwave.layers.packed_documents import PackedDocuments
from stepwave.models.adaptor import Adaptor, adaptor_lengths
from stepwave.models.decoder import Decoder
from stepwave.models.encoder import AudioEncoder
from stepwave.models.fast_decoder import FastDecoder
from stepwave.signal.mel import log_mel_batch


class AudioLanguageModel(nn.Module):
    """The audio language model. `decoder` is a `Decoder` for training, or a `FastDecoder` to generate quickly.

    Raises ConfigError where the parts do not fit together.
    """

    def __init__(
        self, encoder: AudioEncoder, adaptor: Adaptor, decoder: Decoder | FastDecoder, special: SpecialTokens
    ) -> None:
        super().__init__()
        widths = (adaptor.config.width, adaptor.config.llm_width)
        wanted = (encoder.config.width, decoder.config.hidden_size)
        if widths != wanted:
            raise ConfigError(
                f"the adaptor leads from width {widths[0]} to {widths[1]}; the encoder gives {wanted[0]} and the "
                f"decoder takes {wanted[1]}: build it with width={wanted[0]}, llm_width={wanted[1]}."
            )
        if special.speech_padding_id >= decoder.config.vocab_size:
            raise ConfigError(
                f"the speech tokens end at id {special.speech_padding_id}, the decoder has "
                f"{decoder.config.vocab_size} rows; use the tokenizer and the weights of one checkpoint."
            )
        self.encoder = encoder
        self.adaptor = adaptor
        self.decoder = decoder
        self.special = special

    def encode(self, pieces: Sequence[NDArray[np.float32] | Tensor], *, together: bool = False) -> list[Tensor]:
        """Pieces of sound (16 kHz, [samples], at most 25 s) -> one tensor [n, h] each, n as `facts.rates.placeholders`.

        Each piece is computed by itself, so that its rows don't depend on its neighbours. The released wrapper computes
        all pieces of a conversation in one padded batch, where they do (facts 3.2); `together` does that.
        """
        weight = self.encoder.conv1.weight
        waves = [torch.as_tensor(piece).to(weight.device) for piece in pieces]
        groups = [waves] if together and waves else [[wave] for wave in waves]
        rows: list[Tensor] = []
        for group in groups:
            mel, lengths = log_mel_batch(group, self.encoder.config.bands)
            rows += self.encode_mel(mel.to(weight.dtype), lengths)
        return rows

    def encode_mel(self, mel: Tensor, lengths: Tensor) -> list[Tensor]:
        """Log-mel [b, bands, T] with `lengths` [b] valid frames -> b tensors [n, h]."""
        frames, frame_counts = self.encoder(mel, lengths)
        return self.adapt(frames, frame_counts)

    def adapt(self, frames: Tensor, lengths: Tensor) -> list[Tensor]:
        """Encoder frames [b, E, w] (stored ones, say) with `lengths` [b] valid -> b tensors [n, h]."""
        rows = self.adaptor(frames)
        return [row[:count] for row, count in zip(rows, adaptor_lengths(lengths).tolist(), strict=True)]

    def embed(self, ids: Tensor, audio: Sequence[Tensor] = ()) -> Tensor:
        """Ids [b, s] and the rows of every piece of sound, in reading order over the batch -> embeddings [b, s, h].

        Raises TemplateError where pieces and placeholders do not agree in number.
        """
        embeddings = self.decoder.embed(ids)
        starts = (ids.flatten() == self.special.audio_start).nonzero().flatten()
        if len(starts) != len(audio):
            raise TemplateError(
                f"the prompt has {len(starts)} <audio_start>, {len(audio)} pieces of sound came; give one for each."
            )
        if not audio:
            return embeddings
        counts = torch.tensor([len(rows) for rows in audio], device=ids.device)
        first = counts.cumsum(0) - counts
        offsets = torch.arange(int(counts.sum()), device=ids.device)
        places = offsets + (starts + 1 - first).repeat_interleave(counts)
        patches = (ids.flatten() == self.special.audio_patch).nonzero().flatten()
        if not torch.equal(places, patches):
            raise TemplateError(
                f"the pieces of sound have {counts.tolist()} positions, which are not the prompt's {len(patches)} "
                "<audio_patch>; render the prompt again from the same recordings."
            )
        flat = embeddings.flatten(0, 1)
        return flat.index_copy(0, places, torch.cat(list(audio)).to(flat.dtype)).view_as(embeddings)

    def forward(
        self,
        ids: Tensor,
        audio: Sequence[Tensor] = (),
        *,
        positions: Tensor | None = None,
        mask: Tensor | PackedDocuments | None = None,
    ) -> Tensor:
        """Training: ids [b, s] and rows of sound -> hidden states [b, s, h]; `positions`, `mask` as
        `Decoder.forward`."""
        if isinstance(self.decoder, FastDecoder):
            raise ConfigError("a model made for generation can't be trained; build it with a plain Decoder.")
        hidden: Tensor = self.decoder(self.embed(ids, audio), positions, mask=mask)
        return hidden

    @torch.inference_mode()
    def prefill(self, cache: KVCache, ids: Tensor, audio: Sequence[Tensor] = (), valid: Tensor | None = None) -> Tensor:
        """Read ids [b, s] and their sound onto `cache`; returns the hidden state of each row's last real position [b,
        h].

        Rows of different lengths are padded on either side, and `valid` [b, s] tells real positions from padding, of
        which nothing enters the cache. Every row needs at least one real position.
        """
        device = cache.keys.device
        embeddings = self.embed(ids.to(device), audio)
        if valid is None:
            hidden = self.decoder(embeddings, cache=cache)
            return hidden[:, -1]
        # real positions to the front, in order: the cache numbers them, wherever the padding was
        valid = valid.to(device)
        order = torch.argsort((~valid).to(torch.int8), dim=1, stable=True)
        embeddings = embeddings.gather(1, order.unsqueeze(-1).expand_as(embeddings))
        counts = valid.sum(dim=1)
        if int(counts.min()) < 1:
            raise ConfigError("a row of the batch has no real position; leave it out.")
        hidden = self.decoder(embeddings[:, : int(counts.max())], cache=cache, counts=counts.tolist())
        return hidden[torch.arange(len(counts), device=device), counts - 1]

    @torch.inference_mode()
    def step(self, cache: KVCache, tokens: Sequence[int]) -> Tensor:
        """Append one token to each row of `cache` -> hidden states [b, h]."""
        ids = torch.tensor(tokens, device=cache.keys.device).unsqueeze(1)
        hidden: Tensor = self.decoder(self.decoder.embed(ids), cache=cache)
        return hidden[:, 0]

    @torch.inference_mode()
    def step_together(self, caches: Sequence[KVCache], tokens: Sequence[Sequence[int]]) -> list[Tensor]:
        """Append one or more tokens to each of several conversations' caches, in one pass over the weights -> hidden
        state [1, h] of each one's last. Up to rounding they are those of conversations computed alone."""
        group = CacheGroup(caches, [len(one) for one in tokens])
        ids = torch.tensor([[token for one in tokens for token in one]], device=caches[0].keys.device)
        hidden: Tensor = self.decoder(self.decoder.embed(ids), cache=group)
        return [part[:, -1] for part in torch.split(hidden, group.counts, dim=1)]
