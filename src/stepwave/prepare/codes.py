"""Runs a trained speech tokenizer over stored encoder states: `ID.codes` for every recording that has `ID.tap`."""

from collections.abc import Iterator
from pathlib import Path

import torch

from stepwave.data.store import StoreWriter, TensorStore
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer


@torch.inference_mode()
def store_codes(tokenizer: NanoSpeechTokenizer, features: TensorStore, folder: Path) -> Iterator[int]:
    """Store int16 codes `[n]` (25 a second) of everything not coded yet; yields how many are done."""
    tokenizer.eval()
    stored = TensorStore(folder)
    names = [name.removesuffix(".tap") for name in features if name.endswith(".tap")]
    with StoreWriter(folder) as writer:
        for done, name in enumerate(names, 1):
            if f"{name}.codes" not in stored:
                states = features[f"{name}.tap"].float()[None]
                codes, lengths = tokenizer.encode(states, torch.tensor([states.shape[1]]))
                writer.add(f"{name}.codes", codes[0, : int(lengths)].to(torch.int16))
            yield done
