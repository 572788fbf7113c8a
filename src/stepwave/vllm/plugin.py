"""What vLLM calls in each of its processes, by the entry point `vllm.general_plugins`."""

from __future__ import annotations

from stepwave.vllm.names import ARCHITECTURE, MODEL_TYPE


def register() -> None:
    """Make the architecture of `folder.write_folder` known to vLLM; may be called any number of times.

    The model is named, not imported: vLLM imports it where it is run.
    """
    from transformers import AutoConfig
    from vllm import ModelRegistry

    from stepwave.vllm.config import StepwaveConfig

    AutoConfig.register(MODEL_TYPE, StepwaveConfig, exist_ok=True)
    if ARCHITECTURE not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(ARCHITECTURE, "stepwave.vllm.model:StepwaveForConditionalGeneration")
