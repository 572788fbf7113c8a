"""SmolLM2 with nano's vocabulary, before any training here: tokenizer, embeddings, weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import tokenizers
import torch
from torch import Tensor

from stepwave.checkpoints.gguf import read_llama
from stepwave.checkpoints.layouts import load_modules, load_tokenizer, open_layout
from stepwave.checkpoints.reader import Placement
from stepwave.checkpoints.released_tokenizer import read_released_tokenizer
from stepwave.checkpoints.vocabulary import NANO_TOKENS, NANO_VOCABULARY, extend_embedding, extend_tokenizer
from stepwave.models.decoder import Decoder
from stepwave.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class LanguageStart:
    """A language model that speech is to be joined to."""

    vocabulary: tokenizers.Tokenizer
    """The tokenizer as it is stored."""
    tokenizer: Tokenizer
    embeddings: Tensor
    """`[vocabulary, width]`, rows for special and speech tokens included."""
    state: dict[str, Tensor]
    """All tensors of the language model by `models.decoder` names."""


def smollm2_start(path: Path) -> LanguageStart:
    """Read SmolLM2-135M-Instruct from its GGUF file and give it rows for the special and speech tokens.

    Raises CheckpointError where the file is missing or damaged.
    """
    start = read_llama(path)
    extend_tokenizer(start.tokenizer, NANO_TOKENS)
    embeddings = extend_embedding(
        start.state["model.embed_tokens.weight"], NANO_VOCABULARY, torch.Generator().manual_seed(0)
    )
    state = {**start.state, "model.embed_tokens.weight": embeddings}
    return LanguageStart(start.tokenizer, Tokenizer(start.tokenizer, NANO_TOKENS), embeddings, state)


def stored_language(model: Path) -> LanguageStart:
    """The language model of a model folder, in float32. Raises CheckpointError."""
    layout = open_layout(model)
    decoder = cast(Decoder, load_modules(layout, ("decoder",), Placement(torch.float32))["decoder"])
    embeddings = decoder.model.embed_tokens.weight.detach().clone()
    return LanguageStart(
        read_released_tokenizer(layout.folder), load_tokenizer(layout), embeddings, dict(decoder.state_dict())
    )
