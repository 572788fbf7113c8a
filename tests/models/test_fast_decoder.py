from dataclasses import replace

import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.layers.cache_group import CacheGroup
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.fast_decoder import FastDecoder
from stepwave.models.quantised_linear import QuantisedEmbedding, QuantisedLinear, quantise_module


def dequantised(decoder: Decoder) -> Decoder:
    """A plain decoder with exactly the weights that the quantised one multiplies by."""
    state = dict(decoder.state_dict())
    for name, module in decoder.named_modules():
        if isinstance(module, QuantisedLinear | QuantisedEmbedding):
            del state[f"{name}.weight_int8"], state[f"{name}.scale"]
            state[f"{name}.weight"] = module.dequantise()
    plain = Decoder(decoder.config).eval()
    plain.load_state_dict(state)
    return plain


@pytest.fixture(params=[True, False], ids=["qwen", "llama"])
def pair(request: pytest.FixtureRequest) -> tuple[Decoder, Decoder]:
    """A quantised decoder and the plain one with the same weights."""
    torch.manual_seed(4)
    decoder = Decoder(replace(DecoderConfig.tiny(qwen=request.param), initializer_range=0.1)).eval()
    with torch.no_grad():
        for name, weight in decoder.named_parameters():
            if "norm" in name or name.endswith("bias"):
                weight.uniform_(0.5, 1.5)
    quantise_module(decoder)
    return decoder, dequantised(decoder)


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 1e-2)])
def test_runtime_equals_the_plain_decoder_with_the_dequantised_weights(
    pair: tuple[Decoder, Decoder], dtype: torch.dtype, tolerance: float
) -> None:
    quantised, plain = pair
    runtime = FastDecoder(quantised, dtype)
    ids = torch.randint(256, (1, 30), generator=torch.Generator().manual_seed(1))
    expected = plain.head(plain(plain.embed(ids)))
    cache = runtime.new_cache(capacity=8)
    steps = [runtime(runtime.embed(part), cache=cache) for part in ids.split([12, *[1] * 9, 9], dim=1)]
    scores = runtime.head(torch.cat(steps, dim=1)).float()
    assert ((scores - expected).norm() / expected.norm()).item() <= tolerance


@torch.no_grad()
@pytest.mark.parametrize("eight_bit", [True, False])
def test_float_weights_and_ragged_rows_are_served_too(pair: tuple[Decoder, Decoder], eight_bit: bool) -> None:
    plain = pair[1]
    runtime = FastDecoder(pair[0] if eight_bit else plain, torch.float32)
    ids = torch.randint(256, (2, 9), generator=torch.Generator().manual_seed(2))
    cache = runtime.new_cache(rows=2)
    runtime(runtime.embed(ids[:, :6]), cache=cache, counts=[6, 2])
    hidden = runtime(runtime.embed(ids[:, 6:]), cache=cache)
    for row, kept in enumerate((6, 2)):
        alone = torch.cat([ids[row, :kept], ids[row, 6:]])[None]
        torch.testing.assert_close(hidden[row], plain(plain.embed(alone))[0, kept:], rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["loops", "operators", "plain"])
def test_conversations_in_one_pass_are_computed_as_each_alone(pair: tuple[Decoder, Decoder], kind: str) -> None:
    plain = pair[1]
    runtime = plain if kind == "plain" else FastDecoder(pair[kind == "operators"], torch.float32)
    ids = torch.randint(256, (40,), generator=torch.Generator().manual_seed(3)).split([7, 19, 11, 3])
    counts = [1, 3, 1, 2]
    caches = [runtime.new_cache(capacity=4) for _ in ids]
    for cache, one, count in zip(caches, ids, counts, strict=True):
        runtime(runtime.embed(one[None, :-count]), cache=cache)
    last = torch.cat([one[-count:] for one, count in zip(ids, counts, strict=True)])
    hidden = runtime(runtime.embed(last[None]), cache=CacheGroup(caches, counts))
    for one, part, count, cache in zip(ids, hidden.split(counts, dim=1), counts, caches, strict=True):
        torch.testing.assert_close(part, plain(plain.embed(one[None]))[:, -count:], rtol=1e-4, atol=1e-4)
        assert cache.lengths == [len(one)]


@torch.no_grad()
@pytest.mark.parametrize("positions", range(1, 9))
def test_any_number_of_positions_is_computed_as_one_by_one(pair: tuple[Decoder, Decoder], positions: int) -> None:
    quantised, plain = pair
    runtime = FastDecoder(quantised, torch.float32)
    ids = torch.randint(256, (1, positions), generator=torch.Generator().manual_seed(5))
    hidden = runtime(runtime.embed(ids), cache=runtime.new_cache())
    torch.testing.assert_close(hidden, plain(plain.embed(ids)), rtol=1e-4, atol=1e-4)


def test_a_sequence_past_the_limit_is_refused(pair: tuple[Decoder, Decoder]) -> None:
    runtime = FastDecoder(pair[0])
    full = runtime.new_cache()
    runtime(torch.zeros(1, 512, 32), cache=full)
    for decoder in (runtime, pair[1]):
        with pytest.raises(ConfigError, match="at most 512"):
            decoder(torch.zeros(1, 2, 32), cache=CacheGroup([runtime.new_cache(), full], [1, 1]))
    with pytest.raises(ConfigError, match="at most 512"):
        runtime(torch.zeros(1, 513, 32), cache=runtime.new_cache())


def test_half_quantised_blocks_are_refused(pair: tuple[Decoder, Decoder]) -> None:
    attention = pair[0].model.layers[0].self_attn
    attention.k_proj = torch.nn.Linear(32, 16, bias=False)
    with pytest.raises(ConfigError, match="8-bit"):
        FastDecoder(pair[0])
