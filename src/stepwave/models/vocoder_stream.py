"""Mel frames in, samples out, piece by piece: the vocoder's streams. All state belongs to the stream object.

* `VocoderStream` ("seamless"): the pieces laid end to end are `Vocoder.forward`'s result, whatever the cutting. Every
  layer carries on where it stopped; what a look-ahead still lacks comes with the next piece.
* `ReleasedVocoderStream` ("released"): the released model's procedure (reference facts 6.6), whose pieces overlap and
  are cross-faded, and whose phases start again in every piece.
"""

import torch
from torch import Tensor

from stepwave.models.vocoder import Vocoder
from stepwave.models.vocoder_layers import StreamState
from stepwave.models.vocoder_source import positioned_noise

OVERLAP_FRAMES = 8
"""Mel frames of the piece before that the released procedure computes again."""


class VocoderStream:
    """Seamless stream of one utterance (batch of one).

    Args:
        vocoder: in evaluation mode; may serve any number of streams.
        seed: of the source's noise, the same as given to `Vocoder.forward`.
    """

    def __init__(self, vocoder: Vocoder, seed: int = 0) -> None:
        self._vocoder = vocoder
        self._seed = seed
        self._state = StreamState()
        self._position = 0  # samples of the source made so far
        self._started = False

    @torch.no_grad()
    def push(self, mel: Tensor, *, final: bool = False) -> Tensor:
        """Next mel frames `[80, t]`, t >= 0, to the samples `[n]` that they make final (float32).

        `final` says that no more follow: all 480 samples per frame are out then, and the stream is used up.
        """
        if self._state.final:
            raise ValueError("this vocoder stream has been finished; open another for the next utterance")
        if not mel.shape[-1] and not (final and self._started):
            self._state.final = final
            return mel.new_zeros(0)
        self._started = True
        self._state.final = final
        vocoder, state = self._vocoder, self._state
        mel = mel[None]
        f0 = vocoder.f0(mel.double(), state)
        samples = vocoder.m_source.ready_samples(f0.shape[1], state)
        noise = positioned_noise(self._seed, self._position, samples)[None, :, None].to(mel.device)
        self._position += samples
        return vocoder.waveform(mel, vocoder.source(f0, noise, state), state)[0]

    def finish(self) -> Tensor:
        """The samples still held back `[n]`."""
        bands = self._vocoder.config.mel_bands
        return self.push(torch.zeros(bands, 0, device=next(self._vocoder.parameters()).device), final=True)


class ReleasedVocoderStream:
    """The released chunk procedure for one utterance; chunks of 50 frames are usual, 8 or more are needed.

    Each call computes the last 8 frames of the call before again, with that call's source, and cross-fades 3840
    samples with a symmetric Hamming window, whose halves add up to 1.08 (so the sound is 0.7 dB louder there).

    Args:
        vocoder: in evaluation mode.
        generator: for the source's noise; None takes PyTorch's default generator.
    """

    def __init__(self, vocoder: Vocoder, generator: torch.Generator | None = None) -> None:
        self._vocoder = vocoder
        self._generator = generator
        self._held = OVERLAP_FRAMES * vocoder.config.samples_per_frame
        self.window = torch.hamming_window(2 * self._held, periodic=False, dtype=torch.float64).float()
        self._mel: Tensor | None = None
        self._source: Tensor | None = None
        self._tail: Tensor | None = None

    @torch.no_grad()
    def push(self, mel: Tensor, *, final: bool = False, noise: Tensor | None = None) -> Tensor:
        """Next mel frames `[80, t]` to samples `[n]`: 480 per frame, 3840 of them held back until `final`.

        `noise` `[1, 480 (8 + t), partials]` (480 t in the first call) replaces the drawn one.
        """
        if not mel.shape[-1]:
            return self.finish() if final else mel.new_zeros(0)
        vocoder, held = self._vocoder, self._held
        mel = mel[None] if self._mel is None else torch.cat([self._mel, mel[None]], dim=2)
        if noise is None:
            samples = mel.shape[2] * vocoder.config.samples_per_frame
            noise = torch.randn(1, samples, vocoder.config.partials, generator=self._generator).to(mel.device)
        source = vocoder.m_source.released(vocoder.f0(mel), noise)
        if self._source is not None:
            source[..., :held] = self._source
        samples_out = vocoder.waveform(mel, source)[0]
        if self._tail is not None:
            window = self.window.to(samples_out.device)
            samples_out[:held] = samples_out[:held] * window[:held] + self._tail * window[held:]
        self._mel, self._source = mel[..., -OVERLAP_FRAMES:], source[..., -held:]
        self._tail = None if final else samples_out[-held:].clone()
        return samples_out if final else samples_out[:-held]

    def finish(self) -> Tensor:
        """The samples still held back, for a stream whose last `push` was not `final`."""
        tail, self._tail = self._tail, None
        return torch.zeros(0) if tail is None else tail
