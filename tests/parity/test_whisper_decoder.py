"""Whisper's text decoder against the one in `transformers`, tiny random weights."""

import pytest
import torch
from torch import Tensor
from transformers import WhisperConfig, WhisperForConditionalGeneration

from stepwave.models.whisper_decoder import WhisperDecoder, WhisperDecoderConfig


@pytest.fixture(scope="module")
def pair() -> tuple[WhisperForConditionalGeneration, WhisperDecoder]:
    torch.manual_seed(0)
    theirs = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=50,
            num_mel_bins=8,
            d_model=32,
            encoder_layers=1,
            encoder_attention_heads=4,
            encoder_ffn_dim=32,
            decoder_layers=2,
            decoder_attention_heads=4,
            decoder_ffn_dim=128,
            max_source_positions=10,
            max_target_positions=20,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            decoder_start_token_id=1,
        )
    ).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    # With the head tied to it, a strong embedding would make every token predict itself.
    torch.nn.init.normal_(theirs.model.decoder.embed_tokens.weight, std=0.03)
    ours = WhisperDecoder(WhisperDecoderConfig(vocabulary=50, width=32, heads=4, layers=2, positions=20)).eval()
    ours.load_state_dict({our_name(name): value for name, value in theirs.model.decoder.state_dict().items()})
    return theirs, ours


def our_name(name: str) -> str:
    """The name here of one parameter of the decoder in `transformers`."""
    pairs = {
        "layers.": "blocks.",
        "self_attn_layer_norm": "attn_ln",
        "encoder_attn_layer_norm": "cross_attn_ln",
        "self_attn.": "attn.",
        "encoder_attn.": "cross_attn.",
        "q_proj": "query",
        "k_proj": "key",
        "v_proj": "value",
        "out_proj": "out",
        "final_layer_norm": "mlp_ln",
        "fc1": "mlp.0",
        "fc2": "mlp.2",
        "embed_positions.weight": "positional_embedding",
        "embed_tokens": "token_embedding",
        "layer_norm": "ln",
    }
    for theirs, ours in pairs.items():
        name = name.replace(theirs, ours)
    return name


@torch.no_grad()
def test_teacher_forced_logits(pair: tuple[WhisperForConditionalGeneration, WhisperDecoder]) -> None:
    theirs, ours = pair
    tokens, states = torch.randint(0, 50, (2, 12)), torch.randn(2, 10, 32)
    wanted = theirs(decoder_input_ids=tokens, encoder_outputs=(states,)).logits
    got = ours.logits(ours(tokens, states))
    assert float((got - wanted).abs().max() / wanted.abs().max()) <= 1e-5


def uncached(ours: WhisperDecoder, states: Tensor, prompt: list[int], end: int, count: int) -> list[int]:
    """Greedy search that computes the whole text anew for every token."""
    tokens = list(prompt)
    while len(tokens) - len(prompt) < count:
        logits: Tensor = ours.logits(ours(torch.tensor([tokens]), states))
        tokens.append(int(logits[0, -1].argmax()))
        if tokens[-1] == end:
            return tokens[len(prompt) : -1]
    return tokens[len(prompt) :]


@torch.no_grad()
def test_cached_batched_greedy_equals_the_slow_way(
    pair: tuple[WhisperForConditionalGeneration, WhisperDecoder],
) -> None:
    _, ours = pair
    torch.manual_seed(1)
    states, lengths = torch.randn(3, 10, 32), torch.tensor([10, 7, 3])
    free = [uncached(ours, states[row : row + 1, :n], [1, 5], -1, 12) for row, n in enumerate(lengths.tolist())]
    end = free[0][4]
    slow = [uncached(ours, states[row : row + 1, :n], [1, 5], end, 12) for row, n in enumerate(lengths.tolist())]
    quick = ours.greedy(states, lengths, [1, 5], end, max_tokens=12)
    assert quick == slow
    assert len({len(row) for row in quick}) > 1


def test_greedy_stops_at_the_last_position(pair: tuple[WhisperForConditionalGeneration, WhisperDecoder]) -> None:
    _, ours = pair
    assert len(ours.greedy(torch.randn(1, 4, 32), None, [1, 5], end=-1)[0]) == 18
    with pytest.raises(ValueError, match="21 tokens"):
        ours(torch.zeros(1, 21, dtype=torch.long), torch.randn(1, 4, 32))
