import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.layers.packed_documents import PackedDocuments
from stepwave.models.decoder import Decoder, DecoderConfig


@pytest.fixture(params=[True, False], ids=["qwen", "llama"])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    torch.manual_seed(1)
    return Decoder(DecoderConfig.tiny(qwen=request.param)).eval()


def ids(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(2))


def test_cached_in_pieces_equals_uncached(decoder: Decoder) -> None:
    tokens = ids(2, 23)
    whole = decoder(decoder.embed(tokens))
    cache = decoder.new_cache(rows=2, capacity=4)
    pieces = [decoder(decoder.embed(part), cache=cache) for part in tokens.split([5, 1, 1, 9, 7], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=1e-4, atol=1e-4)
    assert cache.lengths == [23, 23]


def test_rows_of_different_lengths_equal_each_row_alone(decoder: Decoder) -> None:
    first, second = [ids(7)[None], ids(3)[None]], [ids(2)[None], ids(4)[None]]
    cache = decoder.new_cache(rows=2, capacity=4)
    outputs = []
    for step in (first, second, [ids(1)[None], ids(1)[None]]):
        counts = [part.shape[1] for part in step]
        padded = torch.zeros(2, max(counts), dtype=torch.long)
        for row, part in enumerate(step):
            padded[row, : counts[row]] = part
        hidden = decoder(decoder.embed(padded), cache=cache, counts=counts)
        outputs.append([hidden[row, : counts[row]] for row in range(2)])
    assert cache.lengths == [10, 8]
    for row in range(2):
        alone = decoder(decoder.embed(torch.cat([first[row], second[row], ids(1)[None]], dim=1)))[0]
        torch.testing.assert_close(torch.cat([step[row] for step in outputs]), alone, rtol=1e-4, atol=1e-4)


def test_packed_sequences_equal_each_alone(decoder: Decoder) -> None:
    parts = [ids(5), ids(8), ids(2)]
    segments = torch.tensor([[1] * 5 + [2] * 8 + [3] * 2 + [0] * 3])
    row = torch.cat([*parts, torch.zeros(3, dtype=torch.long)])[None]
    hidden = decoder(decoder.embed(row), mask=PackedDocuments(segments))[0]
    for part, got in zip(parts, hidden.split([5, 8, 2, 3])[:3], strict=True):
        torch.testing.assert_close(got, decoder(decoder.embed(part[None]))[0], rtol=1e-4, atol=1e-4)
    assert hidden.isfinite().all()


def test_no_position_depends_on_a_later_one(decoder: Decoder) -> None:
    embeddings = decoder.embed(ids(1, 9)).detach().requires_grad_()
    decoder(embeddings)[0, 4].sum().backward()
    reached = embeddings.grad[0].abs().sum(dim=-1) > 0
    assert reached.tolist() == [True] * 5 + [False] * 4


def test_head_on_some_rows_is_a_slice_of_the_whole(decoder: Decoder) -> None:
    hidden = decoder(decoder.embed(ids(1, 4)))
    torch.testing.assert_close(decoder.head(hidden, slice(100, 140)), decoder.head(hidden)[..., 100:140])


def test_trains_under_bf16_autocast(decoder: Decoder) -> None:
    decoder.train()
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=1e-2)
    tokens, losses = ids(4, 16), []
    for _ in range(30):
        with torch.autocast("cpu", torch.bfloat16):
            hidden = decoder(decoder.embed(tokens[:, :-1]))
            loss = torch.nn.functional.cross_entropy(
                decoder.head(hidden).flatten(0, 1).float(), tokens[:, 1:].flatten()
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5
    assert all(weight.dtype == torch.float32 for weight in decoder.parameters())


def test_a_sequence_past_the_limit_is_refused_and_the_cache_kept(decoder: Decoder) -> None:
    cache = decoder.new_cache()
    decoder(decoder.embed(ids(1, 10)), cache=cache)
    with pytest.raises(ConfigError, match="513 positions"):
        decoder(decoder.embed(ids(1, 503)), cache=cache)
    assert cache.lengths == [10]


@pytest.mark.parametrize(
    "wrong", [{"layers": 0}, {"heads": 5, "kv_heads": 2}, {"head_dim": 7}, {"rope_theta": 0.0}, {"norm_eps": 0.0}]
)
def test_impossible_sizes_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        DecoderConfig(**wrong)
