"""Flow matching: speech codes (25 per second), a voice prompt and a speaker vector to log-mel frames (50 per second).

One class at two sizes: `FlowConfig.mini()` computes what the released flow.pt computes (reference facts 6.2 to 6.4,
same parameter names), `FlowConfig.nano()` is the causal model trained here. The training loss is optimal-transport
conditional flow matching (Lipman et al. 2023, Tong et al. 2024) with classifier-free guidance. Streams are in
`flow_stream`.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.layers.visibility import Band, chunks, everything, window
from stepwave.models.dit import BlockState, DiT
from stepwave.models.flow_config import FlowConfig, Visibility
from stepwave.models.flow_encoder import LOOK_AHEAD, FlowEncoder
from stepwave.models.flow_noise import GivenNoise, Noise, NoiseTable

__all__ = ["FlowConfig", "FlowMatching", "Schedule", "Sight"]

LONGEST_PROMPT = 0.3
"""Largest share of a training utterance that serves as its prompt."""


@dataclass(frozen=True)
class Sight:
    """Which frames see which, in the encoder at code rate, in the encoder at frame rate, and in the transformer."""

    codes: list[Band]
    frames: list[Band]
    transformer: list[Band]


@dataclass(frozen=True)
class Schedule:
    """Euler steps: their times, lengths, and the transformer's modulation at each (`[1, 1, ..]` per block)."""

    times: list[Tensor]
    lengths: list[Tensor]
    modulations: list[list[Tensor]]


class FlowMatching(nn.Module):
    """Codes to mel. Letters: b utterances, n codes, p prompt codes, m mel bands, s speaker vector length."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.input_embedding = nn.Embedding(config.vocabulary, config.encoder_width)
        self.spk_embed_affine_layer = nn.Linear(config.speaker_size, config.mel_bands)
        self.encoder = FlowEncoder(config)
        self.encoder_proj = nn.Linear(config.encoder_width, config.mel_bands)
        self.decoder = nn.ModuleDict({"estimator": DiT(config)})

    @property
    def estimator(self) -> DiT:
        """The velocity field; its parameters are named `decoder.estimator.*`, as released."""
        return cast(DiT, self.decoder["estimator"])

    def embed(self, codes: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Codes `[b, n]` -> `[b, n, encoder width]`, zero past `lengths`; negative codes count as 0 (facts 6.3)."""
        embedded: Tensor = self.encoder.embed(self.input_embedding(codes.clamp(min=0)))
        if lengths is not None:
            valid = torch.arange(codes.shape[1], device=codes.device) < lengths[:, None]
            embedded = embedded * valid[:, :, None]
        return embedded

    def project_speaker(self, speaker: Tensor) -> Tensor:
        """Speaker vector `[b, s]`, of any length -> `[b, 1, m]`."""
        projected: Tensor = self.spk_embed_affine_layer(F.normalize(speaker, dim=1))
        return projected[:, None]

    def sight(
        self,
        visibility: Visibility,
        codes: int,
        prompt: int = 0,
        *,
        lengths: Tensor | None = None,
        prompts: Tensor | None = None,
        device: torch.device | None = None,
    ) -> Sight:
        """The rule for whole utterances of `codes` codes, the first `prompt` of which are a prompt.

        `lengths` `[b]` (codes) hides padding. `prompts` `[b]` (frames) gives every row its own prompt ("causal" only).
        """
        left, near = self.config.left_context, self.config.encoder_left_context
        frames = None if lengths is None else 2 * lengths
        if visibility == "full":
            at_frames = everything(2 * codes, frames)
            return Sight(everything(codes, lengths), at_frames, at_frames)
        if visibility == "chunk":
            bounds = [*([0] if prompt else []), *range(prompt, codes, self.config.chunk_codes), codes]
            doubled = [2 * bound for bound in bounds]
            return Sight(
                chunks(bounds, near // 2, lengths=lengths),
                chunks(doubled, near, lengths=frames),
                chunks(doubled, left, 2 * prompt, lengths=frames),
            )
        # padding on the right needs no mask here: nothing before it sees it
        return Sight(
            window(codes, near // 2, device=device),
            window(2 * codes, near, device=device),
            window(2 * codes, left, 2 * prompt, heads=prompts, device=device),
        )

    def encode(self, codes: Tensor, sight: Sight, *, lengths: Tensor | None = None, prompt: int = 0) -> Tensor:
        """Codes `[b, n]` -> mu `[b, 2n, m]`.

        With `prompt` the first that many codes get their own first codes as look-ahead instead of what follows them, so
        that a prompt can be computed before anything else is known ("chunk" visibility; reference facts 6.6).
        """
        x = self.embed(codes, lengths)
        nothing = x.new_zeros(x.shape[0], LOOK_AHEAD, x.shape[2])
        head, past = self._look_ahead(x[:, :prompt], pretended_future(x[:, :prompt])) if prompt else (x[:, :0], None)
        tail, _ = self._look_ahead(x[:, prompt:], nothing, past)
        mu: Tensor = self.encoder_proj(self.encoder(torch.cat([head, tail], dim=1), sight.codes, sight.frames))
        return mu

    def _look_ahead(self, x: Tensor, ahead: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mixed: tuple[Tensor, Tensor] = self.encoder.pre_lookahead_layer(x, ahead, past)
        return mixed

    def condition(self, mu: Tensor, speaker: Tensor, prompt_mel: Tensor | None, guided: bool) -> Tensor:
        """What the transformer is told at each step: mu `[b, n, m]`, speaker `[b, 1, m]`, prompt mel `[b, up to n, m]`.

        Returns `[b, n, w]`, or with `guided` `[2b, n, w]`: the second half is told nothing.
        """
        prompt = torch.zeros_like(mu)
        if prompt_mel is not None:
            prompt[:, : prompt_mel.shape[1]] = prompt_mel
        told = self.estimator.condition(mu, speaker, prompt)
        if not guided:
            return told
        return torch.cat([told, self.estimator.in_proj.bias.to(told.dtype).expand_as(told)])

    def schedule(self, steps: int) -> Schedule:
        """Steps that are small at first: t_i = 1 - cos(pi/2 i/steps)."""
        if steps < 1:
            raise ValueError(f"{steps} Euler steps were asked for; at least 1 is needed.")
        span = 1 - torch.cos(torch.linspace(0, 1, steps + 1, device=self.encoder_proj.weight.device) * (0.5 * torch.pi))
        times, lengths, t = [], [], span[0]
        for step in range(steps):
            # summed up as the released solver does, for equal rounding
            times.append(t)
            lengths.append(span[step + 1] - t)
            t = t + lengths[-1]
        every = self.estimator.modulation(torch.stack(times))
        return Schedule(times, lengths, [[block[step : step + 1] for block in every] for step in range(steps)])

    def solve(
        self,
        x: Tensor,
        condition: Tensor,
        schedule: Schedule,
        guidance: float,
        bands: list[Band],
        states: list[list[BlockState]] | None = None,
    ) -> Tensor:
        """Noise `[b, n, m]` -> mel `[b, n, m]`, guided if `condition` has 2b rows.

        `states[step][block]` is a stream's memory.
        """
        guided = condition.shape[0] == 2 * x.shape[0]
        bands = [band.doubled() for band in bands] if guided else bands
        for step, (length, modulation) in enumerate(zip(schedule.lengths, schedule.modulations, strict=True)):
            both = torch.cat([x, x]) if guided else x
            velocity = self.estimator(both, condition, modulation, bands, states[step] if states else None)
            if guided:
                told, untold = velocity.chunk(2)
                velocity = (1 + guidance) * told - guidance * untold
            x = x + length * velocity
        return x

    def noise_source(self, noise: Tensor | Noise | None) -> Noise:
        """A noise table from what the caller gave: a tensor `[1, m, frames]`, a table, or nothing (seeded)."""
        if noise is None:
            return NoiseTable(self.config.mel_bands, self.config.noise_seed)
        return GivenNoise(noise) if isinstance(noise, Tensor) else noise

    @torch.no_grad()
    def generate(
        self,
        codes: Tensor,
        prompt_codes: Tensor | None,
        prompt_mel: Tensor | None,
        speaker: Tensor,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        noise: Tensor | Noise | None = None,
        visibility: Visibility | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Mel `[b, m, 2n]` of whole utterances, without the prompt's frames.

        `codes` `[b, n]`; `prompt_codes` `[b, p]` and `prompt_mel` `[b, 2p, m]` or None; `speaker` `[b, s]`; `lengths`
        `[b]` the valid codes of each row (all by default), frames past them are meaningless. `steps`, `guidance` and
        `visibility` default to the config's. Raises ValueError if shapes do not fit, a code is unknown, or `noise` is
        too short.
        """
        guidance = self.config.guidance if guidance is None else guidance
        visibility = visibility or self.config.visibility
        prompt = check_prompt(prompt_codes, prompt_mel)
        check_codes(codes, self.config.vocabulary)
        if prompt_codes is not None and prompt:
            check_codes(prompt_codes, self.config.vocabulary)
            codes = torch.cat([prompt_codes, codes], dim=1)
            lengths = lengths if lengths is None else lengths + prompt
        total = codes.shape[1]
        if total == prompt:
            return self.encoder_proj.weight.new_zeros(codes.shape[0], self.config.mel_bands, 0)
        sight = self.sight(visibility, total, prompt, lengths=lengths, device=codes.device)
        mu = self.encode(codes, sight, lengths=lengths, prompt=prompt if visibility == "chunk" else 0)
        condition = self.condition(mu, self.project_speaker(speaker), prompt_mel, guided=guidance > 0)
        start = self.noise_source(noise).frames(0, 2 * total).to(mu).expand(codes.shape[0], -1, -1)
        schedule = self.schedule(self.config.steps if steps is None else steps)
        mel = self.solve(start, condition, schedule, guidance, sight.transformer)
        return mel[:, 2 * prompt :].transpose(1, 2)

    def losses(
        self,
        codes: Tensor,
        mel: Tensor,
        speaker: Tensor,
        lengths: Tensor,
        generator: torch.Generator | None = None,
        *,
        prompt_codes: Tensor | None = None,
        prompt_weight: float = 0.1,
    ) -> tuple[Tensor, Tensor]:
        """Mean squared errors over valid frames, two scalars: of the velocity, and of mu taken for the mel itself.

        The second is Grad-TTS's encoder loss (Popov et al. 2021): a small model that learns from a few hours finds out
        what codes mean far sooner with it.

        `codes` `[b, n]`, `mel` `[b, 2n, m]`, `speaker` `[b, s]`, `lengths` `[b]` valid codes per row (at least 1). Half
        of the utterances have their first frames, up to 30 %, as prompt. These frames weigh little, `prompt_weight`:
        their mel is given, but generation lets them run along, so their velocity must not be left untrained.
        `prompt_codes` `[b, n]` stand in for `codes` within the prompt, where a prompt's voice is another than that
        which the codes were taken from, as it is when one recording speaks on in the voice of another.
        """
        sigma = self.config.sigma
        rows, device = codes.shape[0], codes.device
        draw = [torch.rand(rows, generator=generator, device=device) for _ in range(4)]
        noise = torch.randn(mel.shape, generator=generator, device=device, dtype=mel.dtype)
        # whole codes, so that the prompt ends where a code's two frames end
        prompts = 2 * (draw[0] * LONGEST_PROMPT * lengths).long() * (draw[1] < 0.5)
        kept = (draw[2] >= self.config.condition_dropout)[:, None, None].to(mel.dtype)
        t = 1 - torch.cos(draw[3] * (0.5 * math.pi))

        place = torch.arange(mel.shape[1], device=device)[None]
        in_prompt = (place < prompts[:, None])[:, :, None]
        valid = (place < 2 * lengths[:, None])[:, :, None]
        weight = torch.where(in_prompt, prompt_weight, 1.0) * valid
        if prompt_codes is not None:
            codes = torch.where(place[:, ::2] < prompts[:, None], prompt_codes, codes)
        sight = self.sight(self.config.visibility, codes.shape[1], lengths=lengths, prompts=prompts, device=device)
        mu = self.encode(codes, sight, lengths=lengths)
        told = self.estimator.condition(
            mu * kept, self.project_speaker(speaker) * kept, mel.masked_fill(~in_prompt, 0.0) * kept
        )
        along = t[:, None, None]
        x = (1 - (1 - sigma) * along) * noise + along * mel
        velocity = self.estimator(x, told, self.estimator.modulation(t), sight.transformer)
        error = (velocity - (mel - (1 - sigma) * noise)).square() * weight
        distance = (mu - mel).square() * valid
        return error.sum() / (weight.sum() * mel.shape[2]), distance.sum() / (valid.sum() * mel.shape[2])


def pretended_future(embedded: Tensor) -> Tensor:
    """Stand-in for the 3 codes after a prompt: its own first ones `[b, 3, w]` (zeros where it is shorter)."""
    first = embedded[:, :LOOK_AHEAD]
    return F.pad(first, (0, 0, 0, LOOK_AHEAD - first.shape[1]))


def check_codes(codes: Tensor, vocabulary: int) -> None:
    """Raise ValueError for a code that the embedding does not know."""
    if codes.numel() and int(codes.max()) >= vocabulary:
        raise ValueError(f"speech code {int(codes.max())} is unknown; codes go up to {vocabulary - 1}.")


def check_prompt(prompt_codes: Tensor | None, prompt_mel: Tensor | None) -> int:
    """The number of prompt codes; ValueError unless there are two mel frames for each."""
    codes = 0 if prompt_codes is None else prompt_codes.shape[1]
    frames = 0 if prompt_mel is None else prompt_mel.shape[1]
    if frames != 2 * codes:
        raise ValueError(f"a prompt of {codes} codes needs {2 * codes} mel frames, {frames} were given.")
    return codes
