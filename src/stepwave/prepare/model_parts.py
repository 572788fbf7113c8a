"""The parts of a model that turn sound into what training reads: speech tokenizer, speaker embedding, audio encoder.

Nano's tokenizer works on its encoder's frames, so both come from one pass; the released S3 tokenizer has its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stepwave.checkpoints.campplus import CamPlus
from stepwave.checkpoints.layouts import SPEAKER_FILE, Layout, load_modules, open_layout
from stepwave.checkpoints.locate import locate
from stepwave.checkpoints.reader import Placement
from stepwave.dialogue.engine import device_named
from stepwave.dialogue.voices import released_codes, released_speaker
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import valid_mel_frames
from stepwave.models.encoder import AudioEncoder
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer
from stepwave.models.speaker import SpeakerEncoder
from stepwave.models.speech_tokenizer import SpeechTokenizer
from stepwave.signal.mel import log_mel
from stepwave.signal.pieces import cut
from stepwave.signal.resample import Samples

What: TypeAlias = Literal["codes", "speaker", "frames"]
Arrays: TypeAlias = dict[str, NDArray[Any]]


class Parts(Protocol):
    """What a model's parts compute."""

    def __call__(self, sounds: Sequence[Samples], what: Sequence[What]) -> list[Arrays]:
        """For each sound `[n]` at 16 kHz what is asked for: `codes` int16, `speaker` and `frames` float16."""
        ...


def open_parts(model: str, device: str, what: Sequence[What] = get_args(What)) -> Parts:
    """The parts of `model` that can compute `what`, in float32 on `device`.

    Raises ConfigError (a device that cannot be used), CheckpointError (a part that is not there), MissingExtraError.
    """
    place = device_named(device)
    layout = open_layout(locate(model))
    return ReleasedParts(layout, place) if layout.kind == "released" else NanoParts(layout, place, what)


class NanoParts:
    """Encoder, speech tokenizer and speaker embedding of a model trained here."""

    def __init__(self, layout: Layout, device: torch.device, what: Sequence[What]) -> None:
        """Parts that `what` does not need are left out: before the first training there is no speech tokenizer."""
        needed = {
            "encoder": "codes" in what or "frames" in what,
            "speech_tokenizer": "codes" in what,
            "speaker": "speaker" in what,
        }
        parts = _loaded(layout, [name for name, wanted in needed.items() if wanted], device)
        self.encoder = cast(AudioEncoder, parts.get("encoder"))
        self.tokenizer = cast(NanoSpeechTokenizer, parts.get("speech_tokenizer"))
        self.speaker = cast(SpeakerEncoder, parts.get("speaker"))
        self.device = device

    @torch.inference_mode()
    def __call__(self, sounds: Sequence[Samples], what: Sequence[What]) -> list[Arrays]:
        """See `Parts`. What is longer than the encoder takes goes through in pieces of 25 s."""
        found: list[Arrays] = [{} for _ in sounds]
        if "codes" in what or "frames" in what:
            pieces = [(index, piece) for index, samples in enumerate(sounds) for piece in cut(samples)]
            done = self._encoded([piece for _, piece in pieces], "codes" in what)
            for index, arrays in enumerate(found):
                own = [each for (owner, _), each in zip(pieces, done, strict=True) if owner == index]
                if "codes" in what:
                    arrays["codes"] = np.concatenate([codes for codes, _ in own])
                if "frames" in what:
                    arrays["frames"] = np.concatenate([frames for _, frames in own])
        if "speaker" in what:
            for arrays, samples in zip(found, sounds, strict=True):
                arrays["speaker"] = _half(self.speaker.embed(samples))
        return found

    def _encoded(self, pieces: Sequence[Samples], coded: bool) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Codes (none unless `coded`) and frames of each piece; pieces of several lengths are padded and masked."""
        mels = [log_mel(torch.from_numpy(piece), self.encoder.config.bands) for piece in pieces]
        longest = max(mel.shape[1] for mel in mels)
        batch = torch.stack([torch.nn.functional.pad(mel, (0, longest - mel.shape[1])) for mel in mels])
        lengths = torch.tensor([valid_mel_frames(len(piece)) for piece in pieces], device=self.device)
        frames, counts = self.encoder(batch.to(self.device), lengths)
        codes = self.tokenizer.encode(frames, counts) if coded else frames.new_zeros(len(pieces), 0)
        return [
            (each[:count].to(torch.int16).cpu().numpy(), _half(row[:count]))
            for each, row, count in zip(codes, frames, counts.tolist(), strict=True)
        ]


class ReleasedParts:
    """The S3 tokenizer and CAM++ of a model in the released layout."""

    def __init__(self, layout: Layout, device: torch.device) -> None:
        tokenizer = _loaded(layout, ("speech_tokenizer",), device)["speech_tokenizer"]
        self.codes: Callable[[Samples], Tensor] = released_codes(cast(SpeechTokenizer, tokenizer))
        self.speaker = released_speaker(CamPlus(layout.folder / SPEAKER_FILE))

    def __call__(self, sounds: Sequence[Samples], what: Sequence[What]) -> list[Arrays]:
        """See `Parts`. Raises ConfigError for frames: nothing in the released model's training reads them."""
        if "frames" in what:
            raise ConfigError("frames of the released model's encoder are not stored; ask for codes and speaker")
        found: list[Arrays] = []
        for samples in sounds:
            arrays: Arrays = {}
            if "codes" in what:
                arrays["codes"] = self.codes(samples).to(torch.int16).numpy()
            if "speaker" in what:
                arrays["speaker"] = _half(self.speaker(samples))
            found.append(arrays)
        return found


def _loaded(layout: Layout, parts: Sequence[str], device: torch.device) -> dict[str, torch.nn.Module]:
    return load_modules(layout, parts, Placement(torch.float32, device))


def _half(tensor: Tensor) -> NDArray[Any]:
    return tensor.to(torch.float16).cpu().numpy()
