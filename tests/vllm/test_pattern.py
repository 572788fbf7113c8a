"""The logits processor: whatever the scores, what it lets through is well formed."""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from stepwave.checkpoints.layouts import open_layout
from stepwave.facts.tokens import SpecialTokens
from stepwave.generation.sampling import SamplingSettings
from stepwave.text.interleave import read_section
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm.choosing import Choosing
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


def follower(tiny_nano: Path, folder: Path, choosing: Choosing) -> tuple[Any, int, SpecialTokens]:
    """What follows one answer, the size of the vocabulary, and its special tokens."""
    from vllm import SamplingParams

    from stepwave.vllm.config import StepwaveConfig

    write_folder(open_layout(tiny_nano), folder)
    config = StepwaveConfig.from_pretrained(folder)
    params = SamplingParams(**choosing.sampling_params(50, (), None))
    return processor(config).new_req_logits_processor(params), config.text_config.vocab_size, config.special_tokens


def test_text_and_speech_are_weighed_each_by_its_settings(tiny_nano: Path, tmp_path: Path) -> None:
    text, speech = SamplingSettings(0.5, top_k=5), SamplingSettings(0.0, repetition_penalty=3.0)
    follow, vocabulary, special = follower(tiny_nano, tmp_path / "served", Choosing(text, speech))
    generator = torch.Generator().manual_seed(0)
    prompt, output = [special.bot, special.tts_start], []
    scores = torch.rand(vocabulary, generator=generator) + 1
    for place in range(20):
        kept = follow(prompt, output, scores)
        alive = (kept > -torch.inf).nonzero().flatten().tolist()
        if place % 5:
            rows = torch.arange(special.speech_base, special.speech_padding_id + 1)
            seen = torch.isin(rows, torch.tensor(output))
            weighed = torch.where(seen, scores[rows] / 3.0, scores[rows])
            assert alive == [special.speech_base + int(weighed.argmax())]
            output.append(alive[0])
        else:
            assert len(alive) == 5
            assert torch.equal(kept[alive], scores[alive] / 0.5)
            output.append(next(token for token in alive if special.is_text(token)))
    assert len({token for token in output if special.is_speech(token)}) == 16  # the penalty lets none come twice


def test_a_text_that_is_given_is_said(tiny_nano: Path, tmp_path: Path) -> None:
    follow, vocabulary, special = follower(tiny_nano, tmp_path / "served", Choosing(said=(5, 6, 7)))
    output: list[int] = []
    for _ in range(15):
        output.append(int(follow([special.bot, special.tts_start], output, torch.ones(vocabulary)).argmax()))
    assert output[::5] == [5, 6, 7]


def test_what_a_request_says_wrongly_is_refused() -> None:
    from vllm import SamplingParams

    from stepwave.vllm.pattern import SpokenPattern

    SpokenPattern.validate_params(SamplingParams())
    with pytest.raises(ValueError, match="extra_args, stepwave, text"):
        SpokenPattern.validate_params(SamplingParams(extra_args={"stepwave": {"text": {"temperature": -1.0}}}))
