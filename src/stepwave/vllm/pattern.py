"""The pattern of spoken answers as a logits processor, so that vLLM too writes nothing malformed.

`vllm serve FOLDER --logits-processors stepwave.vllm.pattern:SpokenPattern`. Each answer is followed by
`generation.slots`, with its guards: the same rules by which our own engine chooses. A request may say how text and how
speech are chosen (`choosing.Choosing`); then scores are weighed here, by the code of our engine.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from vllm import SamplingParams
from vllm.config import VllmConfig
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

from stepwave.facts.errors import ConfigError
from stepwave.facts.tokens import SpecialTokens
from stepwave.generation.sampling import filter_scores
from stepwave.generation.slots import Slots, follow
from stepwave.vllm.choosing import Choosing
from stepwave.vllm.config import StepwaveConfig


class SpokenPattern(AdapterLogitsProcessor):
    """Rules out the ids that `Slots` does not allow next; other models are left alone."""

    @classmethod
    def validate_params(cls, sampling_params: SamplingParams) -> None:
        """Raise ValueError, which vLLM tells the client, where `extra_args` are not understood."""
        try:
            Choosing.read(sampling_params.extra_args)
        except ConfigError as error:
            raise ValueError(str(error)) from None

    def __init__(self, vllm_config: VllmConfig, device: torch.device, is_pin_memory: bool) -> None:
        super().__init__(vllm_config, device, is_pin_memory)
        config = vllm_config.model_config.hf_config
        self._special = config.special_tokens if isinstance(config, StepwaveConfig) else None

    def is_argmax_invariant(self) -> bool:
        """False: greedy answers follow the pattern too."""
        return False

    def new_req_logits_processor(
        self, params: SamplingParams
    ) -> Callable[[list[int], list[int], Tensor], Tensor] | None:
        """A follower of one answer, or None for models that are not ours."""
        return None if self._special is None else _Follower(self._special, Choosing.read(params.extra_args))


class _Follower:
    """Takes the ids of one answer as they come."""

    def __init__(self, special: SpecialTokens, choosing: Choosing | None) -> None:
        self._special = special
        self._choosing = choosing
        self._slots: Slots | None = None
        self._seen: Tensor | None = None
        self._followed = 0

    def __call__(self, prompt_ids: list[int], output_ids: list[int], scores: Tensor) -> Tensor:
        """Scores [vocab] -> the same with minus infinity where an id may not come next."""
        if self._slots is None:
            self._slots = self._begin(prompt_ids, scores)
        slots = self._slots
        for token in output_ids[self._followed :]:
            slots.push(token)
            if self._seen is not None:
                self._seen[token] = True
        self._followed = len(output_ids)
        kept = torch.full_like(scores, -torch.inf)
        choice = slots.choice()
        if slots.over:
            kept[self._special.eot] = 0.0
        elif choice.forced is not None:
            kept[choice.forced] = 0.0
        else:
            allowed = scores[choice.rows]
            if choice.ruled_out is not None:
                allowed = allowed.index_fill(-1, choice.ruled_out.to(scores.device), -torch.inf)
            kept[choice.rows] = self._weighed(allowed, choice.rows)
        return kept

    def _begin(self, prompt_ids: list[int], scores: Tensor) -> Slots:
        if self._choosing is None:
            return follow(prompt_ids, self._special)
        if self._choosing.penalises:
            self._seen = torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
            self._seen[torch.tensor(prompt_ids, device=scores.device)] = True
        return follow(prompt_ids, self._special, self._choosing.guards, self._choosing.said)

    def _weighed(self, scores: Tensor, rows: slice) -> Tensor:
        """Scores [rows] as the slot's settings weigh them, so that drawing from them needs nothing further."""
        if self._choosing is None or self._slots is None:
            return scores
        speech = self._slots.spoken and self._slots.slot
        settings = self._choosing.speech if speech else self._choosing.text
        seen = None if self._seen is None else self._seen[rows][None]
        weighed = filter_scores(scores[None], settings, seen)[0]
        if settings.temperature == 0:
            best = torch.zeros_like(weighed, dtype=torch.bool).index_fill(0, weighed.argmax(), True)
            weighed = weighed.masked_fill(~best, -torch.inf)
        return weighed.to(scores.dtype)
