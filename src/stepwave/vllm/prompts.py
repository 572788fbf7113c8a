"""Prompts of this project as vLLM takes them by token ids."""

from __future__ import annotations

from typing import Any

from stepwave.facts.tokens import SpecialTokens
from stepwave.text.template import Prompt


def token_prompt(prompt: Prompt, special: SpecialTokens) -> dict[str, Any]:
    """A rendered prompt as the `TokensPrompt` of `vllm.LLM.generate`, which counts the placeholders itself.

    Each piece of sound is a recording of its own there, with one `<audio_patch>`, so that vLLM's prefix cache knows it
    again in the next turn.
    """
    ids: list[int] = []
    pieces, done = [], 0
    for piece, (start, count) in zip(prompt.audio, prompt.spans, strict=True):
        ids += prompt.ids[done:start]
        if count:  # 20 ms or less have no position
            ids.append(special.audio_patch)
            pieces.append(piece)
        done = start + count
    tokens: dict[str, Any] = {"prompt_token_ids": ids + prompt.ids[done:]}
    return tokens | {"multi_modal_data": {"audio": pieces}} if pieces else tokens
