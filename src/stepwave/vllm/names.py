"""What the model is called in vLLM. Apart, because vLLM's processes import as little of this package as they can."""

from __future__ import annotations

from typing import Final

MODEL_TYPE: Final = "stepwave"
"""`model_type` of a folder's `config.json`."""
ARCHITECTURE: Final = "StepwaveForConditionalGeneration"
"""The only one of its `architectures`."""
