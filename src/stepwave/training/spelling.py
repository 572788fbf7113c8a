"""A training aid for whatever hears: its outputs must also spell what is said, letter by letter.

Near-words are quick to learn but hide how a word sounded once it is not among those of the training texts ("differs"
becomes "dividends"). A CTC loss over letters keeps that in the outputs, for the language model to read.
"""

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


class SpellingHead(nn.Module):
    """Scores letters from a model's outputs; used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.scores = nn.Linear(width, LETTERS_PER_POSITION * (1 + len(LETTERS)))

    def forward(self, outputs: Tensor) -> Tensor:
        """`[b, n, width]` -> log-probabilities `[b, 2 n, 1 + letters]`, blank first, float32."""
        b, n, _ = outputs.shape
        scores: Tensor = self.scores(self.norm(outputs))
        return F.log_softmax(scores.view(b, LETTERS_PER_POSITION * n, -1).float(), -1)

    def loss(self, outputs: Tensor, lengths: Tensor, letters: list[list[int]]) -> Tensor:
        """CTC loss per letter of outputs `[b, n, width]`, `lengths` `[b]` of which are valid.

        A row without letters is one whose text is not known: it counts nothing.
        """
        known = [row for row, word in enumerate(letters) if word]
        if not known:
            return outputs.new_zeros(())
        outputs, lengths = outputs[known], lengths[known]
        targets = torch.tensor([letter for row in known for letter in letters[row]], device=outputs.device)
        counts = torch.tensor([len(letters[row]) for row in known])
        summed = F.ctc_loss(
            self(outputs).transpose(0, 1),
            targets,
            LETTERS_PER_POSITION * lengths.cpu(),
            counts,
            reduction="sum",
            zero_infinity=True,
        )
        return summed / counts.sum()
