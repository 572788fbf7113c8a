"""Our filters against the processors of transformers, alone and together in the order `generate` applies them."""

import pytest
import torch
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from stepwave.generation.sampling import SamplingSettings, filter_scores

VOCABULARY = 300
SETTINGS = [
    SamplingSettings(temperature=0.7),
    SamplingSettings(temperature=1.0, top_k=1),
    SamplingSettings(temperature=1.3, top_k=50),
    SamplingSettings(temperature=1.0, top_k=10_000),
    SamplingSettings(temperature=1.0, top_p=0.9),
    SamplingSettings(temperature=0.2, top_p=0.01),
    SamplingSettings(temperature=1.0, repetition_penalty=1.05),
    SamplingSettings(temperature=1.0, repetition_penalty=0.8),
    SamplingSettings(temperature=0.7, top_k=50, top_p=0.9, repetition_penalty=1.05),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("spread", [0.1, 1.0, 8.0])
def test_filtered_scores_are_the_references(settings: SamplingSettings, spread: float) -> None:
    generator = torch.Generator().manual_seed(int(spread * 10))
    scores = spread * torch.randn(4, VOCABULARY, generator=generator)
    scores[0, :60] = scores[0, 0]  # ties, also at the edge of top-k
    history = torch.randint(VOCABULARY, (4, 90), generator=generator)
    seen = torch.zeros(4, VOCABULARY, dtype=torch.bool).scatter(1, history, True)

    processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(settings.repetition_penalty)])
    processors.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k is not None:
        processors.append(TopKLogitsWarper(settings.top_k))
    if settings.top_p < 1:
        processors.append(TopPLogitsWarper(settings.top_p))
    expected = processors(history, scores.clone())

    filtered = filter_scores(scores, settings, seen)
    # among equal scores at the edge of top-p either may go: compare the tied row by its probabilities in order
    torch.testing.assert_close(filtered[1:], expected[1:], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        filtered[0].softmax(-1).sort()[0], expected[0].softmax(-1).sort()[0], rtol=1e-5, atol=1e-6
    )
