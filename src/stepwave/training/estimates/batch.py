"""FLOPs that a model asks for in one batch, from what is in it.

`estimates` tells what a position costs where the makeup of a mix is assumed; here it is counted: labels, what is heard,
how long documents and pieces of sound are. Padding costs nothing, as no model asks for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from stepwave.data.collating import Batch
from stepwave.facts.rates import PIECE_SECONDS, POSITION_RATE
from stepwave.facts.tokens import SpecialTokens
from stepwave.models.encoder import EncoderConfig
from stepwave.training.estimates.computation import Makeup, position_flops
from stepwave.training.estimates.sizes import SPEECH_ROWS, ModelSizes
from stepwave.training.language.modelling import LanguageModelling, label_counts
from stepwave.training.language.run import LanguageRun


def flops_counter(experiment: LanguageModelling) -> Callable[[Sequence[Batch]], float | None]:
    """What counts the FLOPs of an experiment's batches."""
    sizes = sizes_of_model(experiment)
    run, special = experiment.run, experiment.model.special

    def count(batch: Sequence[Batch]) -> float | None:
        return sum(batch_flops(each, sizes, run, special) for each in batch)

    return count


def sizes_of_model(experiment: LanguageModelling) -> ModelSizes:
    """Sizes of the model that an experiment holds; an encoder that it does not hold has any."""
    model = experiment.model
    decoder = model.decoder.config
    by_slot = experiment.run.losses.by_slot
    rows = (model.special.speech_base, SPEECH_ROWS) if by_slot else (decoder.vocab_size, decoder.vocab_size)
    adaptor = model.adaptor.config
    encoder = EncoderConfig(width=adaptor.width, heads=1) if model.encoder is None else model.encoder.config
    return ModelSizes(decoder, encoder, adaptor, *rows)


def batch_flops(batch: Batch, sizes: ModelSizes, run: LanguageRun, special: SpecialTokens) -> float:
    """FLOPs forward and backward over a batch; see `position_flops` for what is counted."""
    positions = batch.positions
    if not positions:
        return 0.0
    text, speech = label_counts([batch], special).tolist()
    pieces = torch.cat([torch.bincount(group.sources[0]) for group in batch.sounds] or [torch.zeros(0)])
    of = Makeup(float(pieces.sum()) / positions, text / positions, speech / positions)
    seconds = mean_length(pieces) / POSITION_RATE if len(pieces) else PIECE_SECONDS
    documents = document_lengths(batch.segments)
    stage = replace(run.stage, sequence_length=batch.ids.shape[1])
    by_part = position_flops(sizes, stage, run.lora, mean_length(documents), run.feeding.heard == "frames", of, seconds)
    return positions * sum(by_part.values())


def document_lengths(segments: Tensor) -> Tensor:
    """Positions of each document of packed rows `[b, s]`, padding left out."""
    rows = torch.arange(len(segments), device=segments.device)[:, None]
    named = rows * (segments.max() + 1) + segments
    counts: Tensor = torch.unique(named[segments > 0], return_counts=True)[1]
    return counts


def mean_length(lengths: Tensor) -> float:
    """The length in which a position stands on average: attention costs as much as if all were so long."""
    lengths = lengths.double()
    return float(lengths.square().sum() / lengths.sum())
