"""What speech tokens that share digits learn together.

A code is eight digits of three levels, and codes that differ in one digit sound alike. A few hours of speech show most
of the 6,561 codes only a handful of times, too seldom to learn a row of the embedding each. In training a speech
token's row is therefore its own row plus one vector per digit and level, which every frame of speech moves. `fold` adds
the vectors to the rows afterwards: the trained language model knows nothing of them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.models.decoder import Decoder
from stepwave.models.fsq import CODES, DIGITS, LEVELS, quantised_of


class SharedDigits(nn.Module):
    """One vector per digit and level, beside the rows of the speech tokens and of their padding token.

    The vectors are kept at a fraction `1 / haste` of their size: an optimiser whose steps know no size, such as Adam,
    then moves them `haste` times as fast as the model that they enter, which is already trained.
    """

    levels: Tensor

    def __init__(self, width: int, haste: float = 3.0) -> None:
        super().__init__()
        self.haste = haste
        self.parts = nn.Parameter(torch.zeros(DIGITS * LEVELS, width))
        self.register_buffer("levels", F.pad(digit_levels(), (0, 0, 0, 1)), persistent=False)

    def rows(self) -> Tensor:
        """What is added to the row of each code, `[6562, width]`; the padding token's row, the last, gets nothing."""
        return self.levels @ (self.haste * self.parts)

    def embed(self, ids: Tensor, rows: Tensor, speech_base: int) -> Tensor:
        """What is added to the embeddings of `ids` `[...]`: `[..., width]`, nothing for ids that are not speech."""
        places = ids - speech_base
        return F.embedding(torch.where((places >= 0) & (places < CODES), places, CODES), rows)


def digit_levels() -> Tensor:
    """Which level each digit of each code has, as ones and zeros `[6561, 24]`."""
    return F.one_hot(quantised_of(torch.arange(CODES)).long() + 1, LEVELS).flatten(1).float()


@torch.no_grad()
def share(decoder: Decoder, digits: SharedDigits, counts: Tensor, speech_base: int, trust: float = 5.0) -> None:
    """Move what the rows of codes have in common into `digits`, and the rest out of rows seldom seen.

    Args:
        decoder: its speech rows are changed in place.
        digits: receives the parts that fit the rows best, weighted by `counts`.
        counts: how often each code was seen `[6561]`.
        speech_base: id of the first speech token.
        trust: a row seen this often keeps half of what is its own.
    """
    rows = decoder.model.embed_tokens.weight[speech_base : speech_base + CODES]
    weights = counts.to(rows.dtype).sqrt()[:, None]
    levels = digit_levels()
    # The levels of each digit add up to one, so that the parts are known up to constants: the smallest are taken.
    parts = torch.linalg.lstsq(levels * weights, rows * weights, driver="gelsd").solution
    digits.parts.copy_(parts / digits.haste)
    rows.sub_(levels @ parts).mul_((counts / (counts + trust))[:, None])


@torch.no_grad()
def fold(decoder: Decoder, digits: SharedDigits, speech_base: int) -> None:
    """Add the shared parts to the decoder's speech rows, in place."""
    decoder.model.embed_tokens.weight[speech_base : speech_base + CODES] += digits.rows()[:CODES]
