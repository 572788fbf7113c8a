"""The audio language model in vLLM: our encoder and adaptor, vLLM's Llama or Qwen2 with our weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from vllm.config import VllmConfig
from vllm.model_executor.models.interfaces import MultiModalEmbeddings, SupportsMultiModal, SupportsPP
from vllm.model_executor.models.utils import (
    AutoWeightsLoader,
    WeightsMapper,
    init_vllm_registered_model,
    maybe_prefix,
)
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.sequence import IntermediateTensors

from stepwave.facts.rates import PIECE_SAMPLES
from stepwave.facts.tokens import NAMES
from stepwave.models.adaptor import Adaptor, adaptor_lengths
from stepwave.models.encoder import AudioEncoder
from stepwave.signal.mel import log_mel_batch
from stepwave.vllm.config import StepwaveConfig
from stepwave.vllm.processing import FIELD, StepwaveDummyInputs, StepwaveProcessingInfo, StepwaveProcessor


@MULTIMODAL_REGISTRY.register_processor(
    StepwaveProcessor, info=StepwaveProcessingInfo, dummy_inputs=StepwaveDummyInputs
)
class StepwaveForConditionalGeneration(nn.Module, SupportsMultiModal, SupportsPP):
    """Text and sound in, text and speech tokens out."""

    hf_to_vllm_mapper: ClassVar[WeightsMapper] = WeightsMapper(
        orig_to_new_prefix={
            "model.": "language_model.model.",
            "lm_head.": "language_model.lm_head.",
            "adapter.": "adaptor.",
        }
    )

    # SupportsMultiModal's; without vLLM's types they would pass for parts of the module
    _mark_tower_model: Any
    _mark_language_model: Any

    @classmethod
    def get_placeholder_str(cls, modality: str, i: int) -> str | None:
        """What stands for a recording in a prompt that is one string."""
        return f"{NAMES['audio_start']}{NAMES['audio_patch']}{NAMES['audio_end']}" if modality == "audio" else None

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        config: StepwaveConfig = vllm_config.model_config.hf_config
        self.config = config
        with self._mark_tower_model(vllm_config, "audio"):
            self.encoder = AudioEncoder(config.encoder_config)
            self.adaptor = Adaptor(config.adaptor_config)
        with self._mark_language_model(vllm_config):
            self.language_model = init_vllm_registered_model(
                vllm_config=vllm_config,
                hf_config=config.text_config,
                prefix=maybe_prefix(prefix, "language_model"),
                architectures=config.text_config.architectures,
            )
        self.make_empty_intermediate_tensors = self.language_model.make_empty_intermediate_tensors

    def embed_multimodal(self, **kwargs: object) -> MultiModalEmbeddings:
        """Samples [n] at 16 kHz of each recording -> rows [positions, h] each.

        Every piece of 25 s is computed by itself, as in `AudioLanguageModel.encode`, so that neither its neighbours nor
        the batch change its rows.
        """
        recordings: Any = kwargs.get(FIELD)
        return [] if recordings is None else [self._rows(recording) for recording in recordings]

    def _rows(self, recording: Tensor) -> Tensor:
        weight = self.encoder.conv1.weight
        rows = []
        for piece in torch.split(recording.to(weight.device), PIECE_SAMPLES):
            mel, lengths = log_mel_batch([piece], self.encoder.config.bands)
            frames, valid = self.encoder(mel.to(weight.dtype), lengths)
            rows.append(self.adaptor(frames)[0, : int(adaptor_lengths(valid))])
        return torch.cat(rows)

    def forward(
        self,
        input_ids: Tensor | None,
        positions: Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: object,
    ) -> Tensor | IntermediateTensors:
        """Hidden states [tokens, h] of all sequences of the batch, one after the other."""
        if intermediate_tensors is not None:
            inputs_embeds = None
        hidden: Tensor | IntermediateTensors = self.language_model.model(
            input_ids, positions, intermediate_tensors, inputs_embeds=inputs_embeds
        )
        return hidden

    def compute_logits(self, hidden_states: Tensor) -> Tensor | None:
        """Hidden states [rows, h] -> scores [rows, vocab]."""
        scores: Tensor | None = self.language_model.compute_logits(hidden_states)
        return scores

    def load_weights(self, weights: Iterable[tuple[str, Tensor]]) -> set[str]:
        """Take the folder's tensors; returns the names of what was filled."""
        loaded: set[str] = AutoWeightsLoader(self).load_weights(weights, mapper=self.hf_to_vllm_mapper)
        return loaded
