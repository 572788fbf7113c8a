"""Runs a trained speech tokenizer over stored encoder frames: `ID.codes` for every recording, `ID.frames` given."""

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
    # Augmented readings (`ID~1`) are only heard; what nano says is coded from clean sound.
    names = [name.removesuffix(".frames") for name in features if name.endswith(".frames") and "~" not in name]
    with StoreWriter(folder) as writer:
        for done, name in enumerate(names, 1):
            if f"{name}.codes" not in stored:
                frames = features[f"{name}.frames"].float()[None]
                codes = tokenizer.encode(frames, torch.tensor([frames.shape[1]]))
                writer.add(f"{name}.codes", codes[0].to(torch.int16))
            yield done
