"""Answers made by one thread in turns: their tokens are computed together, and are those of answers made alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor

from stepwave.facts.events import Event
from stepwave.generation.context import Context
from stepwave.generation.decode import DecodeSettings, decode
from stepwave.generation.sampling import SamplingSettings
from stepwave.generation.together import decoding_together
from stepwave.layers.cache import KVCache
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.models.decoder import Decoder
from stepwave.models.fast_decoder import FastDecoder
from stepwave.models.quantised_linear import quantise_module
from stepwave.text.template import Prompt
from stepwave.text.tokenizer import Tokenizer

SETTINGS = (
    DecodeSettings(max_tokens=31),
    DecodeSettings(SamplingSettings(temperature=0.8, top_k=40, seed=3), max_tokens=24),
    DecodeSettings(SamplingSettings(temperature=1.0, top_p=0.9, repetition_penalty=1.2, seed=4), max_tokens=40),
    DecodeSettings(SamplingSettings(repetition_penalty=1.1, seed=5), SamplingSettings(temperature=0.7), max_tokens=17),
)


@pytest.fixture(params=["plain", "loops", "operators"])
def talker(request: pytest.FixtureRequest, model: AudioLanguageModel) -> AudioLanguageModel:
    """The tiny model with each kind of decoder: plain, and quick with 8-bit or with float weights."""
    decoder = model.decoder
    assert isinstance(decoder, Decoder)
    if request.param == "loops":
        quantise_module(decoder)
    return (
        model
        if request.param == "plain"
        else AudioLanguageModel(model.encoder, model.adaptor, FastDecoder(decoder, torch.float32), model.special).eval()
    )


class Passes:
    """Counts how many conversations each pass over the weights serves."""

    def __init__(self, model: AudioLanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        step, together = model.step, model.step_together

        def counted(cache: KVCache, tokens: Sequence[int]) -> Tensor:
            self.sizes.append(1)
            return step(cache, tokens)

        def counted_together(caches: Sequence[KVCache], tokens: Sequence[Sequence[int]]) -> list[Tensor]:
            self.sizes.append(len(caches))
            return together(caches, tokens)

        monkeypatch.setattr(model, "step", counted)
        monkeypatch.setattr(model, "step_together", counted_together)


def asked(model: AudioLanguageModel, tokenizer: Tokenizer, number: int, spoken: bool = True) -> Context:
    """A conversation that has read a question, each number another one of another length."""
    context = Context(model, capacity=4)  # it grows on the way
    question = tokenizer.encode("How long is this river? " * (number + 1))
    opening = [tokenizer.special.bot, *question, tokenizer.special.eot, tokenizer.special.bot]
    context.read(Prompt([*opening, tokenizer.special.tts_start] if spoken else opening, [], []))
    return context


def alone(model: AudioLanguageModel, tokenizer: Tokenizer, number: int, settings: DecodeSettings) -> list[int]:
    context = asked(model, tokenizer, number)
    list(decode(context, tokenizer, settings))
    return context.ids


def in_turns(answers: Sequence[Iterator[Event]]) -> None:
    """An event of each in turn, until all are over."""
    going = list(answers)
    while going:
        going = [answer for answer in going if next(answer, None) is not None]


def test_answers_of_any_length_and_settings_are_those_made_alone(
    talker: AudioLanguageModel, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [alone(talker, tiny_tokenizer, number, one) for number, one in enumerate(SETTINGS)]
    passes = Passes(talker, monkeypatch)
    contexts = [asked(talker, tiny_tokenizer, number) for number in range(4)]
    with decoding_together():
        in_turns([decode(one, tiny_tokenizer, how) for one, how in zip(contexts, SETTINGS, strict=True)])
    assert [context.ids for context in contexts] == wanted
    tokens = sum(len(one) - len(asked(talker, tiny_tokenizer, at)) for at, one in enumerate(wanted))
    assert max(passes.sizes) == 4
    assert len(passes.sizes) <= tokens * 0.6, "the answers were hardly computed together"


def test_answers_join_and_leave_at_any_token(
    talker: AudioLanguageModel, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [alone(talker, tiny_tokenizer, number, SETTINGS[0]) for number in range(3)]
    passes = Passes(talker, monkeypatch)
    contexts = [asked(talker, tiny_tokenizer, number) for number in range(3)]
    with decoding_together():
        first, second, third = (decode(context, tiny_tokenizer, SETTINGS[0]) for context in contexts)
        for _ in range(3):
            next(first)
        assert set(passes.sizes) == {1}
        for _ in range(5):
            next(first), next(second)
        second.close()  # its user spoke
        left = contexts[1].ids
        for _ in range(4):
            next(third), next(first)
        assert contexts[1].ids == left
        contexts[1].append(60)  # what came after is another turn of its own
        contexts[1].hidden()
        in_turns([first, third])
    assert max(passes.sizes) == 2
    assert (contexts[0].ids, contexts[2].ids) == (wanted[0], wanted[2])
    assert left == wanted[1][: len(left)]
    again = asked(talker, tiny_tokenizer, 1)
    for token in contexts[1].ids[len(again) :]:
        again.append(token)
    torch.testing.assert_close(contexts[1].hidden(), again.hidden(), rtol=1e-4, atol=1e-4)


def test_an_error_of_one_harms_no_other(
    talker: AudioLanguageModel, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [alone(talker, tiny_tokenizer, number, SETTINGS[0]) for number in range(2)]
    contexts = [asked(talker, tiny_tokenizer, number) for number in range(3)]

    def full(_: int) -> None:
        raise RuntimeError("out of memory")

    with decoding_together():
        answers = [decode(context, tiny_tokenizer, SETTINGS[0]) for context in contexts]
        for answer in answers:
            next(answer)
        monkeypatch.setattr(contexts[2]._cache, "reserve", full)
        going = answers[:2]
        next(going[0])
        with pytest.raises(RuntimeError, match="out of memory"):
            in_turns(answers[2:])
        in_turns(going)
    assert [context.ids for context in contexts[:2]] == wanted


def test_no_more_are_computed_together_than_pay(
    talker: AudioLanguageModel, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = talker.decoder.most_together + 3
    settings = DecodeSettings(max_tokens=6)
    passes = Passes(talker, monkeypatch)
    contexts = [asked(talker, tiny_tokenizer, number % 3) for number in range(count)]
    with decoding_together():
        in_turns([decode(context, tiny_tokenizer, settings) for context in contexts])
    assert max(passes.sizes) == talker.decoder.most_together
    for number in range(3):
        expected = alone(talker, tiny_tokenizer, number, settings)
        assert all(context.ids == expected for context in contexts[number::3])


def test_only_answers_of_one_thread_and_model_are_computed_together(
    model: AudioLanguageModel, tiny_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = AudioLanguageModel(model.encoder, model.adaptor, model.decoder, model.special).eval()
    passes = [Passes(one, monkeypatch) for one in (model, other)]
    contexts = [asked(one, tiny_tokenizer, 0) for one in (model, other)]
    with decoding_together():
        in_turns([decode(context, tiny_tokenizer, SETTINGS[0]) for context in contexts])
    in_turns([decode(asked(model, tiny_tokenizer, number), tiny_tokenizer, SETTINGS[0]) for number in range(2)])
    assert all(set(one.sizes) == {1} for one in passes)
