"""The pattern of spoken answers as a logits processor, so that vLLM too writes nothing malformed.

`vllm serve FOLDER --logits-processors stepwave.vllm.pattern:SpokenPattern`. Each answer is followed by
`generation.slots`, with its guards: the same rules by which our own engine chooses.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from vllm import SamplingParams
from vllm.config import VllmConfig
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

from stepwave.facts.tokens import SpecialTokens
from stepwave.generation.slots import Slots, follow
from stepwave.vllm.config import StepwaveConfig


class SpokenPattern(AdapterLogitsProcessor):
    """Rules out the ids that `Slots` does not allow next; other models are left alone."""

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
        return None if self._special is None else _Follower(self._special)


class _Follower:
    """Takes the ids of one answer as they come."""

    def __init__(self, special: SpecialTokens) -> None:
        self._special = special
        self._slots: Slots | None = None
        self._seen = 0

    def __call__(self, prompt_ids: list[int], output_ids: list[int], scores: Tensor) -> Tensor:
        """Scores [vocab] -> the same with minus infinity where an id may not come next."""
        slots = self._slots = self._slots or follow(prompt_ids, self._special)
        for token in output_ids[self._seen :]:
            slots.push(token)
        self._seen = len(output_ids)
        kept = torch.full_like(scores, -torch.inf)
        choice = slots.choice()
        if slots.over:
            kept[self._special.eot] = 0.0
        elif choice.forced is not None:
            kept[choice.forced] = 0.0
        else:
            allowed = scores[choice.rows]
            if choice.allowed is not None:
                allowed = allowed.masked_fill(~choice.allowed.to(scores.device), -torch.inf)
            kept[choice.rows] = allowed
        return kept
