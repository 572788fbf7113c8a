"""Trains the vocoder: first by spectral distances alone, then against discriminators as well (HiFi-GAN, iSTFTNet).

Spectral distances are cheap and bring intelligible sound within minutes on a CPU; the discriminators then remove the
buzz. The f0 predictor learns from a pitch tracker, and the source follows the tracked f0 so that phases can match.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from stepwave.data.clips import SpokenClip
from stepwave.data.manifests import read_clip
from stepwave.data.multi_store import Tensors
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE, SPEECH_MEL_HOP
from stepwave.models.discriminators import Discriminators
from stepwave.models.vocoder import Vocoder
from stepwave.signal.mel import speech_mel
from stepwave.signal.resample import resample
from stepwave.training.experiment import Experiment, Losses
from stepwave.training.parts.spectral_losses import (
    discriminator_loss,
    feature_loss,
    generator_loss,
    mel_loss,
    multi_resolution_stft_loss,
)

KEPT_BAND = 0.975
"""Share of its own band that counts of a recording at less than 24 kHz: 0.65 of 12 kHz at 16 kHz."""


@dataclass(frozen=True)
class VocoderPlan:
    """Segments, loss weights and when the discriminators join."""

    frames: int = 40
    """Mel frames per segment (50 a second)."""
    batch: int = 8
    shifted: float = 0.6
    """Share of segments played slower or faster, which moves their pitch: a few voices don't cover its range."""
    shift_octaves: tuple[float, float] = (-0.6, 0.9)
    discriminators_from: int = 6_000
    """First step at which discriminators are trained."""
    adversarial_from: int = 6_000
    """First step at which the vocoder heeds them: later than that where it knows more than they do."""
    spectral: float = 1.0
    mel: float = 2.0
    f0: float = 0.02
    """Weight of the f0 error, which is in units of 10 Hz where voiced."""
    adversarial: float = 0.3
    features: float = 1.0


@dataclass(frozen=True)
class VocoderBatch:
    """Waveforms `[b, 480 t]` at 24 kHz, tracked f0 `[b, t]` in Hz, the band share that counts `[b]`, the step."""

    waveform: Tensor
    f0: Tensor
    highest: Tensor
    step: int


class VocoderTraining(Experiment):
    """The experiment."""

    def __init__(
        self,
        vocoder: Vocoder,
        discriminators: Discriminators,
        clips: Sequence[SpokenClip],
        checks: Sequence[SpokenClip],
        pitch: Tensors,
        plan: VocoderPlan,
        seed: int = 0,
    ) -> None:
        """Reads all clips into memory (24 kHz, 16 bit). Many of people's are of 16 kHz: their upper band is empty.

        Raises AudioError where a sound cannot be read, ConfigError where no clip has a known pitch and is long enough.
        """
        self.vocoder, self.discriminators = vocoder, discriminators
        self.model = nn.ModuleDict({"vocoder": vocoder, "discriminators": discriminators})
        self.plan, self.seed, self.pitch = plan, seed, pitch
        self.look_ahead = vocoder.config.look_ahead or 0
        self.checks = [one for one in checks if f"{one.id}.f0" in pitch]
        known = [one for one in clips if f"{one.id}.f0" in pitch and pitch.length(f"{one.id}.f0") > plan.frames]
        if not known:
            raise ConfigError(
                f"of {len(clips)} clips none has a known pitch and {plan.frames} mel frames; run "
                "`stepwave prepare nano --step pitch` first"
            )
        self.sounds = [_whole_frames(one) for one in known]
        self.tracks = [pitch[f"{one.id}.f0"].float() for one in known]

    def module(self) -> nn.Module:
        """See `Experiment.module`."""
        return self.model

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """Vocoder and discriminators have an optimiser each."""
        return {
            "vocoder": list(self.vocoder.parameters()),
            "discriminators": list(self.discriminators.parameters()),
        }

    def batch(self, step: int) -> VocoderBatch:
        """Random segments, equally many from every clip in the long run."""
        chooser = np.random.default_rng((self.seed, step))
        waveforms, tracks, highest = [], [], []
        for index in chooser.integers(len(self.sounds), size=self.plan.batch):
            shift = 1.0
            if chooser.random() < self.plan.shifted:
                shift = float(2 ** chooser.uniform(*self.plan.shift_octaves))
            waveform, track = self._segment(int(index), shift, chooser)
            waveforms.append(waveform)
            tracks.append(track)
            highest.append(min(1.0, shift) * self.sounds[index].band)
        waveform = torch.stack(waveforms) / 32768
        gain = torch.from_numpy(10 ** chooser.uniform(-0.7, 0.1, (self.plan.batch, 1))).float()
        loudest = waveform.abs().amax(1, keepdim=True).clamp_min(1e-4)
        gain = torch.minimum(gain, 0.98 / loudest)
        return VocoderBatch(waveform * gain, torch.stack(tracks), torch.tensor(highest), step)

    def _segment(self, index: int, shift: float, chooser: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A random segment of a clip played `shift` times as fast, and its f0: `[480 frames]`, `[frames]`."""
        sound, track, frames = self.sounds[index].samples, self.tracks[index], self.plan.frames
        shift = min(shift, (len(track) - 1) / frames)
        needed = int(np.ceil(shift * frames))
        start = int(chooser.integers(len(track) - needed))
        stop = start + needed
        samples = sound[start * SPEECH_MEL_HOP : stop * SPEECH_MEL_HOP].astype(np.float32)
        if shift == 1.0:
            return torch.from_numpy(samples), track[start:stop]
        wanted = frames * SPEECH_MEL_HOP
        played = resample(samples, round(OUTPUT_SAMPLE_RATE * shift), OUTPUT_SAMPLE_RATE)[:wanted]
        played = np.pad(played, (0, wanted - len(played)))
        places = ((np.arange(frames) + 0.5) * shift).astype(int).clip(max=needed - 1)
        return torch.from_numpy(played), track[start + places] * shift

    def losses(self, batch: VocoderBatch) -> Iterator[Losses]:
        """First the discriminators' loss (once they take part), then the vocoder's."""
        plan, device = self.plan, next(self.model.parameters()).device
        vocoder, discriminators = self.vocoder, self.discriminators
        real, f0, highest = batch.waveform.to(device), batch.f0.to(device), batch.highest.to(device)
        made, predicted = vocoder.waveform_and_f0(speech_mel(real), f0)
        # The last frames lack what the look-ahead would show them in a longer signal.
        kept = (self.plan.frames - self.look_ahead) * SPEECH_MEL_HOP
        made, real = made[:, :kept], real[:, :kept]
        full_band = highest == 1.0
        judging = batch.step >= plan.discriminators_from and bool(full_band.any())
        if judging:
            yield Losses.of(
                "discriminators",
                {"loss": discriminator_loss(discriminators(real[full_band]), discriminators(made[full_band].detach()))},
            )
        parts = {
            "spectral": multi_resolution_stft_loss(made, real, highest),
            "mel": mel_loss(made, real),
            "f0": _f0_loss(predicted, f0),
        }
        loss = plan.spectral * parts["spectral"] + plan.mel * parts["mel"] + plan.f0 * parts["f0"]
        if judging and batch.step >= plan.adversarial_from:
            with torch.no_grad():
                judged_real = discriminators(real[full_band])
            judged = discriminators(made[full_band])
            parts["adversarial"], parts["features"] = generator_loss(judged), feature_loss(judged_real, judged)
            loss = loss + plan.adversarial * parts["adversarial"] + plan.features * parts["features"]
        yield Losses.of("vocoder", {"loss": loss, **parts})

    def size(self, batch: VocoderBatch) -> int:
        """Mel frames."""
        return batch.f0.numel()

    def validate(self) -> dict[str, float]:
        """Spectral distances and f0 error on whole held-out clips, the source following the predicted f0."""
        device = next(self.model.parameters()).device
        sums = {"spectral": 0.0, "mel": 0.0, "f0": 0.0}
        for clip in self.checks:
            sound = _whole_frames(clip)
            real = torch.from_numpy(sound.samples.astype(np.float32))[None].to(device) / 32768
            made, predicted = self.vocoder.waveform_and_f0(speech_mel(real))
            band = torch.tensor([sound.band], device=device)
            sums["spectral"] += float(multi_resolution_stft_loss(made, real, band)) / len(self.checks)
            sums["mel"] += float(mel_loss(made, real)) / len(self.checks)
            track = self.pitch[f"{clip.id}.f0"].float()[None].to(device)
            sums["f0"] += float(_f0_loss(predicted, track)) / len(self.checks)
        return sums


def _f0_loss(predicted: Tensor, tracked: Tensor) -> Tensor:
    """Smooth L1 in units of 10 Hz; the track is 0 where unvoiced."""
    return F.smooth_l1_loss(predicted / 10, tracked / 10)


@dataclass(frozen=True, eq=False)
class _Sound:
    """Samples `[480 t]` at 24 kHz, 16 bit, and the share of the band that is not empty."""

    samples: NDArray[np.int16]
    band: float


def _whole_frames(clip: SpokenClip) -> _Sound:
    samples, rate = read_clip(clip.clip, sample_rate=None)
    samples = resample(samples, rate, OUTPUT_SAMPLE_RATE)
    whole = len(samples) // SPEECH_MEL_HOP * SPEECH_MEL_HOP
    # Filters before recording and after resampling take a little of the uppermost band.
    band = 1.0 if rate >= OUTPUT_SAMPLE_RATE else KEPT_BAND * rate / OUTPUT_SAMPLE_RATE
    return _Sound((samples[:whole].clip(-1, 1) * 32767).astype(np.int16), band)
