"""The logits processor: whatever the scores, what it lets through is well formed."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from stepwave.checkpoints.layouts import open_layout
from stepwave.text.interleave import read_section
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm.folder import write_folder

if find_spec("vllm") is None:
    pytest.skip("vLLM is not installed here; run make test-vllm", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")


def processor(config: Any) -> Any:
    from stepwave.vllm.pattern import SpokenPattern

    vllm_config: Any = SimpleNamespace(model_config=SimpleNamespace(hf_config=config))
    return SpokenPattern(vllm_config, torch.device("cpu"), False)


@pytest.mark.parametrize("spoken", [False, True])
def test_random_scores_give_a_well_formed_answer(tiny_nano: Path, tmp_path: Path, spoken: bool) -> None:
    from vllm import SamplingParams

    from stepwave.vllm.config import StepwaveConfig

    write_folder(open_layout(tiny_nano), tmp_path / "served")
    config = StepwaveConfig.from_pretrained(tmp_path / "served")
    special = Tokenizer(tmp_path / "served").special
    assert config.special_tokens == special
    follow = processor(config).new_req_logits_processor(SamplingParams())
    generator = torch.Generator().manual_seed(0)
    prompt = [special.bot, *([special.tts_start] if spoken else [])]
    output: list[int] = []
    while len(output) < 400 and special.eot not in output and special.end_of_text not in output:
        scores = torch.randn(config.text_config.vocab_size, generator=generator)
        output.append(int(follow(prompt, output, scores).argmax()))
    section = read_section(output, special, inside=spoken)
    assert not section.faults[:-1]  # the last group may be cut by the test's bound
    assert bool(section.codes) == spoken
    assert all(special.is_text(token) for token in section.text_ids + section.after_ids)


def test_other_models_are_left_alone() -> None:
    from vllm import SamplingParams

    assert processor(object()).new_req_logits_processor(SamplingParams()) is None
