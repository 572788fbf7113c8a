"""The spelling aid: letters as labels, and a CTC loss that falls when the right letters are scored."""

import torch

from stepwave.training.parts.spelling import LETTERS, SpellingHead, spell


def test_only_letters_are_spelled() -> None:
    assert spell("A b,  9") == [1 + 2, 1, 1 + 3, 1]
    assert "".join(LETTERS[label - 1] for label in spell("Don't  STOP!")) == "don't stop"


def test_outputs_that_score_the_letters_cost_little() -> None:
    torch.manual_seed(0)
    head = SpellingHead(8)
    outputs = torch.randn(2, 6, 8, requires_grad=True)
    letters = [spell("cab"), spell("a bed")]
    lengths = torch.tensor([4, 6])
    before = head.loss(outputs, lengths, letters)
    optimiser = torch.optim.Adam([outputs, *head.parameters()], 0.1)
    for _ in range(150):
        optimiser.zero_grad()
        loss = head.loss(outputs, lengths, letters)
        loss.backward()
        optimiser.step()
    assert loss < 0.1 < before
    best = head(outputs).argmax(-1)[0, :8].tolist()
    spelled = [one for one, last in zip(best, [0, *best], strict=False) if one not in (0, last)]
    assert spelled == letters[0]


def test_a_text_without_letters_costs_nothing() -> None:
    assert SpellingHead(4).loss(torch.randn(1, 3, 4), torch.tensor([3]), [[]]) == 0
