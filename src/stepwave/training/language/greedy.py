"""What a model in training would answer, the likeliest token at each step: for figures beside the loss.

Plain and slow beside `generation`, which needs a whole model; this reads a batch as the loss does. Only for parts that
are whole on this process.
"""

import torch
from torch import Tensor

from stepwave.data.collating import Batch
from stepwave.training.language.model import SpeechLanguageModel


@torch.no_grad()
def greedy_answers(model: SpeechLanguageModel, batch: Batch, most: int = 100) -> list[tuple[list[int], list[int]]]:
    """Text ids that the model gives, and those of the record, for the first answer of each row.

    Args:
        model: its `embed`, decoder and head are used.
        batch: one record a row, as `Feeder.checks` makes them; on the model's device.
        most: tokens after which an answer is cut off.
    """
    embeddings = model.embed(batch)
    answers = []
    for row, labels in enumerate(batch.labels):
        wanted = _first_answer(labels, model.special.speech_base)
        begin = int((labels >= 0).nonzero()[0, 0])
        said = _answer(model, embeddings[row : row + 1, : begin + 1], most)
        answers.append((said, [token for token in wanted if model.special.is_text(token)]))
    return answers


def _first_answer(labels: Tensor, speech_base: int) -> list[int]:
    """Labels of a row up to the first position without one."""
    begin = int((labels >= 0).nonzero()[0, 0])
    rest = labels[begin:]
    gaps = (rest < 0).nonzero()
    end = int(gaps[0, 0]) if len(gaps) else len(rest)
    return [token for token in rest[:end].tolist() if token < speech_base]


def _answer(model: SpeechLanguageModel, prompt: Tensor, most: int) -> list[int]:
    """The likeliest text after embeddings `[1, n, h]`, without the token that ends it."""
    decoder, special = model.decoder, model.special
    cache = decoder.new_cache(capacity=prompt.shape[1] + most)
    hidden = decoder(prompt, cache=cache)[:, -1]
    said: list[int] = []
    while len(said) < most:
        token = int(decoder.head(hidden, slice(0, special.speech_base)).argmax())
        if not special.is_text(token):
            break
        said.append(token)
        hidden = decoder(decoder.embed(torch.tensor([[token]], device=prompt.device)), cache=cache)[:, -1]
    return said
