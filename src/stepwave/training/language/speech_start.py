"""Starting values that spare detours: what speech tokens look like to whoever reads them."""

import torch
from torch import Tensor

from stepwave.data.multi_store import Tensors
from stepwave.models.adaptor import Adaptor
from stepwave.models.decoder import Decoder
from stepwave.models.flow import FlowMatching
from stepwave.models.fsq import CODES
from stepwave.training.language.speech_rows import digit_levels


@torch.no_grad()
def start_speech_embeddings(decoder: Decoder, adaptor: Adaptor, store: Tensors, speech_base: int) -> Tensor:
    """Set each speech token's embedding to the mean adaptor output over the frames that carry it.

    So a speech token enters the language model as the near-word that is heard while it sounds. Tokens that never
    occur in `store` (`CLIP.codes` beside `CLIP.frames`) keep their rows. Returns how often each code was seen `[6561]`.
    """
    table = decoder.model.embed_tokens.weight
    sums = torch.zeros(table.shape[0] - speech_base, table.shape[1])
    counts = torch.zeros(len(sums))
    for name in store:
        clip = name.removesuffix(".codes")
        if clip == name or f"{clip}.frames" not in store:
            continue
        outputs = adaptor(store[f"{clip}.frames"].float()[None])[0]
        ids = store[name].long()
        # An adaptor output covers two codes.
        per_code = outputs.repeat_interleave(2, 0)[: len(ids)]
        sums.index_add_(0, ids[: len(per_code)], per_code)
        counts.index_add_(0, ids[: len(per_code)], torch.ones(len(per_code)))
    seen = (counts > 0).nonzero()[:, 0]
    mean = sums[seen] / counts[seen, None]
    # Averages have much in common. Without it, and at half a word's size, a token is told apart from others both where
    # it is read and where it is predicted (the head is tied: full-sized rows start at a loss of 60 nats).
    size = 0.5 * table[:speech_base].norm(dim=-1).mean()
    rows = mean - mean.mean(0)
    table[speech_base + seen] = rows * (size / rows.norm(dim=-1, keepdim=True).clamp_min(1e-6))
    return counts[:CODES]


@torch.no_grad()
def start_code_embeddings(flow: FlowMatching, generator: torch.Generator) -> None:
    """Give flow matching's codes embeddings that are sums of one vector per digit and level, at their usual size.

    Codes that differ in one digit sound alike; most of the 6,561 are too rare to be learnt one by one.
    """
    table = flow.input_embedding.weight
    levels = digit_levels()
    parts = torch.randn(levels.shape[1], table.shape[1], generator=generator)
    rows = levels @ (parts - parts.mean(0))
    table[:CODES] = rows * (table.std() / rows.std())
