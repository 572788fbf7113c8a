"""How many tokens a second vLLM writes, for several answers at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepwave.facts.conversation import Message, TextPart
from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.facts.rates import SPOKEN_TOKEN_RATE
from stepwave.text.prompts import NANO_PROMPTS, SPEAK
from stepwave.text.template import render
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm.prompts import token_prompt

TEXT = "The river number {number} runs down from the hills to the sea, and nobody knows how old it is."
PATTERN = "stepwave.vllm.pattern:SpokenPattern"


@dataclass(frozen=True)
class Speed:
    """One measurement."""

    streams: int
    """Answers written at the same time."""
    tokens: int
    """Tokens of all of them."""
    seconds: float
    """Wall-clock time from the first prompt to the last token."""

    @property
    def rate(self) -> float:
        """Tokens a second, all answers together."""
        return self.tokens / self.seconds

    @property
    def share_of_real_time(self) -> float:
        """Seconds of sound that each answer gains in a second: 1 and above keeps up with a listener."""
        return self.rate / self.streams / SPOKEN_TOKEN_RATE


def measure(folder: Path, streams: Sequence[int], tokens: int = 128, dtype: str = "auto") -> Iterator[Speed]:
    """Time the writing of spoken answers with the model in `folder` (of `folder.write_folder`).

    Args:
        folder: the model; it is loaded once.
        streams: how many answers at a time, one measurement each.
        tokens: length of each answer, which is written to its end whatever the model thinks.
        dtype: vLLM's name of the type to compute in.

    Raises:
        ConfigError: a number below 1.
        MissingExtraError: vLLM is not installed.
    """
    if tokens < 1 or not streams or min(streams) < 1:
        raise ConfigError(f"got streams {list(streams)} of {tokens} tokens; wanted numbers of at least 1")
    try:
        from vllm import LLM, SamplingParams
    except ModuleNotFoundError:
        raise MissingExtraError("vllm", "vllm") from None
    tokenizer = Tokenizer(folder)
    model = LLM(
        str(folder), dtype=dtype, enforce_eager=True, max_model_len=1024, max_num_seqs=max(streams),
        enable_prefix_caching=False, limit_mm_per_prompt={"audio": 0}, logits_processors=[PATTERN],
    )  # fmt: skip
    prompts = [
        render(
            [
                Message("system", NANO_PROMPTS["read"]),
                Message("human", (TextPart(TEXT.format(number=number)),)),
                Message("assistant", SPEAK, eot=False),
            ],
            tokenizer,
        )
        for number in range(max(streams))
    ]
    asked = [token_prompt(prompt, tokenizer.special) for prompt in prompts]
    settings = SamplingParams(temperature=0.4, seed=0, max_tokens=tokens, ignore_eos=True, detokenize=False)
    model.generate(asked, SamplingParams(max_tokens=4, detokenize=False), use_tqdm=False)
    for count in streams:
        started = time.perf_counter()
        answers = model.generate(asked[:count], settings, use_tqdm=False)
        seconds = time.perf_counter() - started
        yield Speed(count, sum(len(answer.outputs[0].token_ids) for answer in answers), seconds)
