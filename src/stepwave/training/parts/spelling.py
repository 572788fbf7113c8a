"""A training aid for whatever hears: its outputs must also spell what is said, letter by letter.

Near-words are quick to learn but hide how a word sounded once it is not among those of the training texts ("differs"
becomes "dividends"). A CTC loss over letters keeps that in the outputs, for the language model to read.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LETTERS = " 'abcdefghijklmnopqrstuvwxyz"
"""What is spelled; CTC's blank is 0 and a letter's label is 1 + its place here."""

LETTERS_PER_POSITION = 2
"""Letters that one position may spell: at 12.5 positions a second, 25 a second, where people speak about 15."""


def spell(text: str) -> list[int]:
    """Letters of a text as CTC labels; whatever is not a letter, an apostrophe or a space is left out."""
    return [1 + LETTERS.index(letter) for letter in " ".join(text.lower().split()) if letter in LETTERS]


LETTER_SCORES = LETTERS_PER_POSITION * (1 + len(LETTERS))
"""Scores that a position gives: the blank's and the letters', for each letter that it may spell."""


def letter_probabilities(scores: Tensor) -> Tensor:
    """Scores `[b, n, LETTER_SCORES]` -> log-probabilities `[b, 2 n, 1 + letters]`, blank first, float32."""
    b, n, _ = scores.shape
    return F.log_softmax(scores.view(b, LETTERS_PER_POSITION * n, -1).float(), -1)


def letter_loss(probabilities: Tensor, lengths: Tensor, targets: Tensor, counts: Tensor) -> Tensor:
    """CTC loss per letter of `letter_probabilities` of n positions, `lengths` `[b]` of which are valid.

    `targets` are the labels of all rows, joined; `counts` `[b]` says how many each row has.
    """
    summed = F.ctc_loss(
        probabilities.transpose(0, 1),
        targets.to(probabilities.device),
        LETTERS_PER_POSITION * lengths,
        counts.to(lengths.device),
        reduction="sum",
        zero_infinity=True,
    )
    return summed / counts.sum()


class SpellingHead(nn.Module):
    """Scores letters from a model's outputs; used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, LETTER_SCORES)

    def forward(self, outputs: Tensor) -> Tensor:
        """`[b, n, width]` -> log-probabilities `[b, 2 n, 1 + letters]`, blank first, float32."""
        return letter_probabilities(self.scores(self.norm(outputs)))

    def loss(self, outputs: Tensor, lengths: Tensor, letters: Sequence[Sequence[int]]) -> Tensor:
        """CTC loss per letter of outputs `[b, n, width]`, `lengths` `[b]` of which are valid.

        A row without letters is one whose text is not known: it counts nothing.
        """
        known = [row for row, word in enumerate(letters) if word]
        if not known:
            return outputs.new_zeros(())
        targets = torch.tensor([letter for row in known for letter in letters[row]])
        counts = torch.tensor([len(letters[row]) for row in known])
        return letter_loss(self(outputs[known]), lengths[known], targets, counts)
