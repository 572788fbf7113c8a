"""Trains the vocoder: first by spectral distances alone, then against discriminators as well (HiFi-GAN, iSTFTNet).

Spectral distances are cheap and bring intelligible sound within minutes on a CPU; the discriminators then remove the
buzz. The f0 predictor learns from a pitch tracker, and the source follows the tracked f0 so that phases can match.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.data.recordings import Recording
from stepwave.data.store import TensorStore
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE, SPEECH_MEL_HOP
from stepwave.models.discriminators import Discriminators
from stepwave.models.vocoder import Vocoder
from stepwave.signal.files import read_audio
from stepwave.signal.mel import speech_mel
from stepwave.signal.resample import resample
from stepwave.training.spectral_losses import (
    discriminator_loss,
    feature_loss,
    generator_loss,
    mel_loss,
    multi_resolution_stft_loss,
)


@dataclass(frozen=True)
class VocoderPlan:
    """Segments, loss weights and when the discriminators join."""

    frames: int = 40
    """Mel frames per segment (50 a second)."""
    batch: int = 8
    shifted: float = 0.6
    """Share of segments played slower or faster, which moves their pitch: a few voices don't cover its range."""
    shift_octaves: tuple[float, float] = (-0.6, 0.9)
    adversarial_from: int = 6_000
    """First step at which discriminators are trained and heard."""
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


class VocoderTraining:
    """The experiment."""

    def __init__(
        self,
        vocoder: Vocoder,
        discriminators: Discriminators,
        recordings: list[Recording],
        checks: list[Recording],
        pitch: TensorStore,
        plan: VocoderPlan,
        seed: int = 0,
    ) -> None:
        """Reads all recordings into memory (24 kHz, 16 bit). People's are of 16 kHz: their upper band is empty."""
        self.vocoder, self.discriminators = vocoder, discriminators
        self.model = nn.ModuleDict({"vocoder": vocoder, "discriminators": discriminators})
        self.plan, self.seed, self.pitch = plan, seed, pitch
        self.look_ahead = vocoder.config.look_ahead or 0
        self.recordings = [r for r in recordings if pitch.length(f"{r.id}.f0") > plan.frames]
        self.checks = checks
        self.sounds = [_whole_frames(r) for r in self.recordings]
        self.tracks = [pitch[f"{r.id}.f0"].float() for r in self.recordings]

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
        """Random segments, equally many from every recording in the long run."""
        chooser = np.random.default_rng((self.seed, step))
        waveforms, tracks, highest = [], [], []
        for index in chooser.integers(len(self.recordings), size=self.plan.batch):
            shift = 1.0
            if chooser.random() < self.plan.shifted:
                shift = float(2 ** chooser.uniform(*self.plan.shift_octaves))
            waveform, track = self._segment(int(index), shift, chooser)
            waveforms.append(waveform)
            tracks.append(track)
            highest.append(min(1.0, shift) * (0.65 if self.recordings[index].use == "real" else 1.0))
        waveform = torch.stack(waveforms) / 32768
        gain = torch.from_numpy(10 ** chooser.uniform(-0.7, 0.1, (self.plan.batch, 1))).float()
        loudest = waveform.abs().amax(1, keepdim=True).clamp_min(1e-4)
        gain = torch.minimum(gain, 0.98 / loudest)
        return VocoderBatch(waveform * gain, torch.stack(tracks), torch.tensor(highest), step)

    def _segment(self, index: int, shift: float, chooser: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A random segment of a recording played `shift` times as fast, and its f0: `[480 frames]`, `[frames]`."""
        sound, track, frames = self.sounds[index], self.tracks[index], self.plan.frames
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

    def losses(self, batch: VocoderBatch) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """First the discriminators' loss (once they take part), then the vocoder's."""
        plan, device = self.plan, next(self.model.parameters()).device
        vocoder, discriminators = self.vocoder, self.discriminators
        real, f0, highest = batch.waveform.to(device), batch.f0.to(device), batch.highest.to(device)
        made, predicted = vocoder.waveform_and_f0(speech_mel(real), f0)
        # The last frames lack what the look-ahead would show them in a longer signal.
        kept = (self.plan.frames - self.look_ahead) * SPEECH_MEL_HOP
        made, real = made[:, :kept], real[:, :kept]
        adversarial = batch.step >= plan.adversarial_from
        full_band = highest == 1.0
        if adversarial and bool(full_band.any()):
            yield (
                "discriminators",
                {"loss": discriminator_loss(discriminators(real[full_band]), discriminators(made[full_band].detach()))},
            )
        parts = {
            "spectral": multi_resolution_stft_loss(made, real, highest),
            "mel": mel_loss(made, real),
            "f0": _f0_loss(predicted, f0),
        }
        loss = plan.spectral * parts["spectral"] + plan.mel * parts["mel"] + plan.f0 * parts["f0"]
        if adversarial and bool(full_band.any()):
            with torch.no_grad():
                judged_real = discriminators(real[full_band])
            judged = discriminators(made[full_band])
            parts["adversarial"], parts["features"] = generator_loss(judged), feature_loss(judged_real, judged)
            loss = loss + plan.adversarial * parts["adversarial"] + plan.features * parts["features"]
        yield "vocoder", {"loss": loss, **parts}

    def size(self, batch: VocoderBatch) -> int:
        """Mel frames."""
        return batch.f0.numel()

    def validate(self) -> dict[str, float]:
        """Spectral distances and f0 error on whole held-out recordings, the source following the predicted f0."""
        device = next(self.model.parameters()).device
        sums = {"spectral": 0.0, "mel": 0.0, "f0": 0.0}
        for recording in self.checks:
            real = torch.from_numpy(_whole_frames(recording).astype(np.float32))[None].to(device) / 32768
            made, predicted = self.vocoder.waveform_and_f0(speech_mel(real))
            band = torch.tensor([0.65], device=device)
            sums["spectral"] += float(multi_resolution_stft_loss(made, real, band)) / len(self.checks)
            sums["mel"] += float(mel_loss(made, real)) / len(self.checks)
            track = self.pitch[f"{recording.id}.f0"].float()[None].to(device)
            sums["f0"] += float(_f0_loss(predicted, track)) / len(self.checks)
        return sums


def _f0_loss(predicted: Tensor, tracked: Tensor) -> Tensor:
    """Smooth L1 in units of 10 Hz; the track is 0 where unvoiced."""
    return F.smooth_l1_loss(predicted / 10, tracked / 10)


def _whole_frames(recording: Recording) -> np.ndarray:
    samples = read_audio(recording.path, sample_rate=OUTPUT_SAMPLE_RATE).samples
    whole = len(samples) // SPEECH_MEL_HOP * SPEECH_MEL_HOP
    return (samples[:whole].clip(-1, 1) * 32767).astype(np.int16)
