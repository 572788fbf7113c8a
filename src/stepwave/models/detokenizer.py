"""Speech codes to sound: flow matching and vocoder joined, for whole utterances and for streams, in a given voice.

Not here: where voices come from (their codes, mel and speaker vector are computed by other models), reading files, and
the cutting of a reply into codes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import SPEECH_MEL_PER_TOKEN
from stepwave.facts.tokens import SPEECH_CODES
from stepwave.models.flow import FlowMatching
from stepwave.models.flow_stream import FlowStream
from stepwave.models.heard_prompts import HeardPrompts
from stepwave.models.vocoder import Vocoder
from stepwave.models.vocoder_stream import ReleasedVocoderStream, VocoderStream
from stepwave.signal.resample import Samples

Mode = Literal["seamless", "released"]
"""seamless: the pieces make the whole. released: the released client's chunks, caches and cross-fades."""


@dataclass(frozen=True, eq=False)
class Voice:
    """Whose voice it is and how it sounded: what flow matching goes on from (reference facts 6.1)."""

    name: str
    """Shown to people."""
    speaker: Tensor
    """Speaker vector `[s]`, of any length."""
    prompt_codes: Tensor
    """Speech codes `[p]` of the prompt recording; p may be 0."""
    prompt_mel: Tensor
    """Its mel `[2p, bands]`: natural log, 50 frames per second."""

    def __post_init__(self) -> None:
        codes, frames = self.prompt_codes.shape[0], self.prompt_mel.shape[0]
        if frames != SPEECH_MEL_PER_TOKEN * codes:
            raise ConfigError(
                f"voice '{self.name}' has {codes} prompt codes and {frames} mel frames; "
                f"give {SPEECH_MEL_PER_TOKEN} frames per code (Voice.fitted repeats or cuts the mel's end)"
            )

    @classmethod
    def fitted(cls, name: str, speaker: Tensor, prompt_codes: Tensor, prompt_mel: Tensor) -> "Voice":
        """A voice whose mel `[t, bands]` is brought to two frames per code: its last frame repeated, or its end cut."""
        frames = SPEECH_MEL_PER_TOKEN * prompt_codes.shape[0]
        if frames and not prompt_mel.shape[0]:
            raise ConfigError(f"voice '{name}' has prompt codes but no mel; compute both from the same recording")
        missing = max(0, frames - prompt_mel.shape[0])
        return cls(name, speaker, prompt_codes, torch.cat([prompt_mel[:frames], prompt_mel[-1:].expand(missing, -1)]))


class Detokenizer:
    """Makes sound from codes. Holds the two models and no state of any utterance; both must be in evaluation mode.

    What a voice's prompt leaves in the flow's caches is computed once and kept as long as the `Voice` object lives and
    there is room for it (`HeardPrompts`).
    """

    def __init__(self, flow: FlowMatching, vocoder: Vocoder) -> None:
        self.flow = flow
        self.vocoder = vocoder
        self.heard: HeardPrompts[Voice] = HeardPrompts()

    @torch.no_grad()
    def whole(self, codes: Iterable[int] | Tensor, voice: Voice) -> Samples:
        """Samples `[960 n]` (float32, 24 kHz) of n codes at once; codes of 6561 and more are padding and dropped.

        A model that isn't causal sees all codes from everywhere here (the released offline computation), so it equals
        its streams only if its configuration says "chunk" visibility. Raises ValueError for a negative code.
        """
        kept = speech_codes(codes)
        if not kept:
            return np.zeros(0, dtype=np.float32)
        speaker, prompt_codes, prompt_mel = self._prompt(voice)
        row = torch.tensor([kept], device=speaker.device)
        mel = self.flow.generate(row, prompt_codes, prompt_mel, speaker)
        return _samples(self.vocoder(mel.float())[0])

    def stream(self, voice: Voice, mode: Mode = "seamless") -> "DetokenizerStream":
        """A new utterance in `voice`. Raises ConfigError for "released" with a causal model, which nothing released is.

        Opening a voice for the first time computes its prompt.
        """
        if mode not in get_args(Mode):
            raise ConfigError(f"unknown streaming mode '{mode}'; choose seamless or released")

        def hear() -> FlowStream:
            speaker, prompt_codes, prompt_mel = self._prompt(voice)
            return FlowStream(self.flow, prompt_codes, prompt_mel, speaker, mode=mode)

        heard = self.heard.stream(voice, mode, hear)
        return DetokenizerStream(heard.fork(), self.vocoder, mode, SPEECH_MEL_PER_TOKEN * self.flow.config.chunk_codes)

    def _prompt(self, voice: Voice) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Speaker `[1, s]`, codes `[1, p]` and mel `[1, 2p, bands]` on the flow's device; None for an empty prompt."""
        weight = self.flow.encoder_proj.weight
        speaker = voice.speaker.to(weight)[None]
        if not voice.prompt_codes.shape[0]:
            return speaker, None, None
        return speaker, voice.prompt_codes.to(weight.device)[None], voice.prompt_mel.to(weight)[None]


class DetokenizerStream:
    """One utterance: codes in as they come, samples out as soon as they are certain. Made by `Detokenizer.stream`."""

    def __init__(self, flow: FlowStream, vocoder: Vocoder, mode: Mode, chunk_frames: int) -> None:
        self._flow = flow
        self._vocoder = ReleasedVocoderStream(vocoder) if mode == "released" else VocoderStream(vocoder)
        # The released vocoder's result depends on its chunks; the seamless one takes what comes.
        self._chunk = chunk_frames if mode == "released" else None

    def push(self, codes: Iterable[int] | Tensor) -> Samples:
        """Next codes to the samples `[n]` (float32, 24 kHz) that are certain now, often none.

        Codes of 6561 and more are dropped. Raises ValueError for a negative code and after `finish`.
        """
        mel = self._flow.push(speech_codes(codes))[0].float()
        pieces = [mel] if self._chunk is None else torch.split(mel, self._chunk, dim=1)
        return _samples(torch.cat([self._vocoder.push(piece) for piece in pieces]))

    def finish(self) -> Samples:
        """The samples that are left `[n]`: then 960 per code have been given. The stream takes nothing more."""
        return _samples(self._vocoder.push(self._flow.finish()[0].float(), final=True))


def speech_codes(codes: Iterable[int] | Tensor) -> list[int]:
    """The codes that stand for sound: those of 6561 and more (padding) are left out. ValueError for negative ones."""
    values = [int(code) for code in (codes.flatten().tolist() if isinstance(codes, Tensor) else codes)]
    if values and min(values) < 0:
        raise ValueError(f"speech code {min(values)} is negative; codes go from 0 to {SPEECH_CODES - 1}")
    return [code for code in values if code < SPEECH_CODES]


def _samples(tensor: Tensor) -> Samples:
    array: Samples = tensor.detach().float().cpu().numpy()
    return array
