"""vLLM's multimodal contract for sound: how recordings become samples at 16 kHz, and how many positions they take.

A prompt holds `<audio_start><audio_patch><audio_end>` for each recording. Here the one placeholder becomes as many as
`facts.rates` counts; a recording over 25 s becomes several such groups, as `text.template` writes them. Mel and
encoder are the model's work, so what travels to it are samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import BatchFeature
from vllm.config.multimodal import MultiModalDummyOptions
from vllm.exceptions import VLLMValidationError
from vllm.inputs import MultiModalDataDict
from vllm.multimodal.inputs import MultiModalFieldConfig, MultiModalKwargsItems
from vllm.multimodal.parse import AudioProcessorItems, MultiModalDataItems, MultiModalDataParser
from vllm.multimodal.processing import (
    BaseDummyInputsBuilder,
    BaseMultiModalProcessor,
    BaseProcessingInfo,
    PromptReplacement,
    PromptUpdate,
    PromptUpdateDetails,
)

from stepwave.facts.rates import INPUT_SAMPLE_RATE, PIECE_SAMPLES, piece_lengths, placeholders
from stepwave.facts.tokens import NAMES, SpecialTokens
from stepwave.vllm.config import StepwaveConfig

FIELD = "audio_samples"
"""Under this name samples travel to the model: a float32 tensor [n] for each recording."""


def recording_ids(samples: int, special: SpecialTokens) -> list[int]:
    """Ids that stand for a recording of `samples` at 16 kHz between the first `<audio_start>` and the last
    `<audio_end>`."""
    ids: list[int] = []
    for number, length in enumerate(piece_lengths(samples)):
        ids += [special.audio_end, special.audio_start] if number else []
        ids += [special.audio_patch] * placeholders(length)
    return ids


class StepwaveProcessingInfo(BaseProcessingInfo):
    """What vLLM asks about the model before it has one."""

    def get_hf_config(self) -> StepwaveConfig:
        """The folder's configuration."""
        config: StepwaveConfig = self.ctx.get_hf_config(StepwaveConfig)
        return config

    def get_data_parser(self) -> MultiModalDataParser:
        """Resamples to 16 kHz and mixes to one channel."""
        return MultiModalDataParser(
            target_sr=INPUT_SAMPLE_RATE,
            target_channels=1,
            audio_resample_method="soxr",
            expected_hidden_size=self._get_expected_hidden_size(),
        )

    def get_supported_mm_limits(self) -> Mapping[str, int | None]:
        """Any number of recordings."""
        return {"audio": None}

    def get_mm_max_tokens_per_item(self, seq_len: int, mm_counts: Mapping[str, int]) -> Mapping[str, int]:
        """Positions of the longest recording, marks between its pieces included."""
        return {"audio": len(recording_ids(self.longest_samples, self.get_hf_config().special_tokens))}

    @property
    def longest_samples(self) -> int:
        """Longest recording taken, in samples at 16 kHz."""
        return int(self.get_hf_config().longest_recording_seconds * INPUT_SAMPLE_RATE)


class StepwaveDummyInputs(BaseDummyInputsBuilder[StepwaveProcessingInfo]):
    """The longest recordings there can be, by which vLLM measures the memory it needs."""

    def get_dummy_text(self, mm_counts: Mapping[str, int]) -> str:
        """A placeholder for each recording."""
        return NAMES["audio_patch"] * mm_counts.get("audio", 0)

    def get_dummy_mm_data(
        self, seq_len: int, mm_counts: Mapping[str, int], mm_options: MultiModalDummyOptions
    ) -> MultiModalDataDict:
        """Recordings of silence."""
        count, overrides = mm_counts.get("audio", 0), mm_options.get("audio")
        return {
            "audio": self._get_dummy_audios(length=self.info.longest_samples, num_audios=count, overrides=overrides)
        }


class StepwaveProcessor(BaseMultiModalProcessor[StepwaveProcessingInfo]):
    """Prompts and recordings to what the model takes."""

    def _call_hf_processor(self, hf_data: Mapping[str, object], hf_kwargs: Mapping[str, object]) -> BatchFeature:
        recordings: Any = hf_data["audio"]
        return BatchFeature({FIELD: [torch.from_numpy(self._checked(recording)) for recording in recordings]})

    def _checked(self, recording: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
        samples = np.ascontiguousarray(recording, dtype=np.float32)
        longest = self.info.longest_samples
        # Short ones are of no use as a question, but the last piece of a long recording may be one.
        if not placeholders(min(len(samples), PIECE_SAMPLES)) or len(samples) > longest:
            raise VLLMValidationError(
                f"a recording lasts {len(samples) / INPUT_SAMPLE_RATE:.3f} s; wanted more than 0.02 and up to "
                f"{longest / INPUT_SAMPLE_RATE:g} s: leave it out, or cut it into shorter ones",
                parameter="audio",
            )
        if not np.isfinite(samples).all():
            raise VLLMValidationError("a recording holds NaN or infinity; record it again", parameter="audio")
        return samples

    def _get_mm_fields_config(
        self, hf_inputs: BatchFeature, hf_processor_mm_kwargs: Mapping[str, object]
    ) -> Mapping[str, MultiModalFieldConfig]:
        return {FIELD: MultiModalFieldConfig.batched("audio")}

    def _get_prompt_updates(
        self,
        mm_items: MultiModalDataItems,
        hf_processor_mm_kwargs: Mapping[str, object],
        out_mm_kwargs: MultiModalKwargsItems,
    ) -> Sequence[PromptUpdate]:
        special = self.info.get_hf_config().special_tokens

        def replacement(index: int) -> PromptUpdateDetails[Any]:
            samples = mm_items.get_items("audio", AudioProcessorItems).get_audio_length(index)
            return PromptUpdateDetails.select_token_id(recording_ids(samples, special), special.audio_patch)

        return [PromptReplacement(modality="audio", target=[special.audio_patch], replacement=replacement)]
