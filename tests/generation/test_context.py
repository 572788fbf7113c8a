from collections.abc import Sequence

import numpy as np
import pytest
import torch

from stepwave.facts.conversation import AudioPart, Message
from stepwave.facts.errors import ConfigError, TemplateError
from stepwave.generation.context import Context
from stepwave.generation.prefixes import Prefixes
from stepwave.layers.cache import KVCache
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.text.template import Prompt, render
from stepwave.text.tokenizer import Tokenizer


def heard(tokenizer: Tokenizer, seed: int) -> Prompt:
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, 8000).astype(np.float32)
    return render([Message("human", (AudioPart(samples),)), Message("assistant", None)], tokenizer)


def uncached(model: AudioLanguageModel, ids: list[int], *prompts: Prompt) -> torch.Tensor:
    pieces = [piece for prompt in prompts for piece in prompt.audio]
    with torch.inference_mode():
        return model(torch.tensor([ids]), model.encode(pieces))[:, -1]


def test_reading_appending_and_reading_on_equals_everything_at_once(
    model: AudioLanguageModel, tiny_tokenizer: Tokenizer
) -> None:
    first, second = heard(tiny_tokenizer, 1), heard(tiny_tokenizer, 2)
    context = Context(model, capacity=4)
    context.read(first)
    torch.testing.assert_close(context.hidden(), uncached(model, first.ids, first), rtol=1e-4, atol=1e-4)
    for token in (50, 51):
        context.append(token)
        context.hidden()
    context.append(52)  # never asked for its successor: computed with the next turn
    context.read(second)
    ids = [*first.ids, 50, 51, 52, *second.ids]
    assert context.ids == ids
    torch.testing.assert_close(context.hidden(), uncached(model, ids, first, second), rtol=1e-4, atol=1e-4)


def test_rewind_takes_back_and_fork_goes_its_own_way(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    prompt = heard(tiny_tokenizer, 1)
    context = Context(model)
    context.read(prompt)
    before = context.hidden()
    other = context.fork()
    for token in (50, 51, 52):
        context.append(token)
    context.hidden()
    other.append(60)
    torch.testing.assert_close(other.hidden(), uncached(model, [*prompt.ids, 60], prompt), rtol=1e-4, atol=1e-4)
    context.rewind(len(prompt.ids))
    torch.testing.assert_close(context.hidden(), before, rtol=1e-4, atol=1e-4)
    context.append(60)
    torch.testing.assert_close(context.hidden(), other.hidden(), rtol=1e-4, atol=1e-4)
    with pytest.raises(ConfigError):
        context.rewind(len(context) + 1)


def test_what_does_not_fit_is_refused_and_changes_nothing(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    context = Context(model)
    with pytest.raises(ConfigError, match="read a prompt"):
        context.hidden()
    context.read(Prompt([1, 2, 3], [], []))
    with pytest.raises(ConfigError, match="509"):
        context.read(Prompt([5] * 510, [], []))
    assert context.ids == [1, 2, 3]
    context.read(Prompt([5] * 509, [], []))
    assert context.room == 0


def test_generating_in_the_middle_of_sound_is_refused(model: AudioLanguageModel, tiny_tokenizer: Tokenizer) -> None:
    prompt = heard(tiny_tokenizer, 1)
    context = Context(model)
    context.read(prompt)
    context.rewind(prompt.spans[0][0] + 3)
    with pytest.raises(ConfigError, match="piece of sound"):
        context.hidden()


def test_sound_that_was_encoded_before_is_not_encoded_again(
    model: AudioLanguageModel, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = heard(tiny_tokenizer, 1)
    usual = Context(model)
    usual.read(prompt)
    rows = model.encode(prompt.audio)
    monkeypatch.setattr(model, "encode", None)
    context = Context(model)
    context.read(prompt, rows)
    torch.testing.assert_close(context.hidden(), usual.hidden())


def test_a_system_prompt_is_read_once_for_all_conversations(
    model: AudioLanguageModel, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefixes, system = Prefixes(), render([Message("system", "Answer shortly.")], tiny_tokenizer)
    read: list[int] = []
    prefill = model.prefill

    def counted(cache: KVCache, ids: torch.Tensor, audio: Sequence[torch.Tensor] = ()) -> torch.Tensor:
        read.append(ids.shape[1])
        return prefill(cache, ids, audio)

    monkeypatch.setattr(model, "prefill", counted)
    for seed in (1, 2):
        prompt = system + heard(tiny_tokenizer, seed)
        context = Context(model, capacity=4, prefixes=prefixes)
        context.read(prompt)
        assert context.ids == prompt.ids
        torch.testing.assert_close(context.hidden(), uncached(model, prompt.ids, prompt), rtol=1e-4, atol=1e-4)
    rest = len(prompt.ids) - len(system.ids)
    assert read == [len(system.ids), rest, rest]
    # what one conversation goes on with is not in the next one
    context = Context(model, prefixes=prefixes)
    with pytest.raises(TemplateError):
        context.read(system + Prompt(prompt.ids[len(system.ids) :], [], []))
    assert context.ids == []
    context.read(prompt)
    torch.testing.assert_close(context.hidden(), uncached(model, prompt.ids, prompt), rtol=1e-4, atol=1e-4)


def test_the_prompts_used_last_are_kept() -> None:
    prefixes = Prefixes(most=2)
    caches = [KVCache(1, 1, 2) for _ in range(3)]
    for number, cache in enumerate(caches[:2]):
        prefixes.keep([number], cache)
    assert prefixes.find([0]) is caches[0]
    prefixes.keep([2], caches[2])
    assert [prefixes.find([number]) for number in range(3)] == [caches[0], None, caches[2]]
