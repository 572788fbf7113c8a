"""`config.json` of a folder for vLLM, as the record that transformers and vLLM hand around."""

from __future__ import annotations

from typing import Any

from transformers import CONFIG_MAPPING, PreTrainedConfig

from stepwave.checkpoints.config_files import from_json
from stepwave.facts.tokens import SpecialTokens
from stepwave.models.adaptor import AdaptorConfig
from stepwave.models.encoder import EncoderConfig
from stepwave.vllm.names import MODEL_TYPE


class StepwaveConfig(PreTrainedConfig):
    """Sizes of the three parts, ids of the special tokens, and the bound of one recording.

    `text_config` is a Llama's or a Qwen2's; `encoder`, `adaptor` and `special` stay plain JSON, as transformers wants
    to write it again, and are read by the properties below. Raises ConfigError for values that are not understood.
    """

    model_type = MODEL_TYPE

    def __init__(
        self,
        text_config: dict[str, Any] | None = None,
        encoder: dict[str, Any] | None = None,
        adaptor: dict[str, Any] | None = None,
        special: dict[str, Any] | None = None,
        longest_recording_seconds: float = 120.0,
        **kwargs: Any,
    ) -> None:
        text = dict(text_config or {})
        self.text_config = CONFIG_MAPPING[text.pop("model_type", "llama")](**text)
        self.encoder = encoder or {}
        self.adaptor = adaptor or {}
        self.special = special or {}
        self.longest_recording_seconds = longest_recording_seconds
        super().__init__(**kwargs)

    @property
    def encoder_config(self) -> EncoderConfig:
        """Sizes of the audio encoder."""
        return from_json(EncoderConfig, self.encoder, "config.json, encoder")

    @property
    def adaptor_config(self) -> AdaptorConfig:
        """Sizes of the adaptor."""
        return from_json(AdaptorConfig, self.adaptor, "config.json, adaptor")

    @property
    def special_tokens(self) -> SpecialTokens:
        """Ids of the special tokens."""
        return from_json(SpecialTokens, self.special, "config.json, special")
