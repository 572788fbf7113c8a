import numpy as np
import pytest
import torch

from stepwave.facts.errors import ConfigError, TemplateError
from stepwave.facts.rates import placeholders
from stepwave.facts.tokens import SpecialTokens
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.models.fast_decoder import FastDecoder

SPECIAL = SpecialTokens(
    end_of_text=0, bot=1, eot=2, tool_call_start=3, tool_call_end=4, audio_start=5, audio_end=6, audio_patch=7,
    tts_start=8, tts_end=9, tts_pad=10, speech_base=100,
)  # fmt: skip


@pytest.fixture
def model() -> AudioLanguageModel:
    torch.manual_seed(5)
    encoder = AudioEncoder(EncoderConfig(bands=80, width=16, heads=2, layers=1, positions=1500))
    adaptor = Adaptor(AdaptorConfig(width=16, hidden=24, llm_width=32))
    return AudioLanguageModel(encoder, adaptor, Decoder(DecoderConfig.tiny(6700)), SPECIAL).eval()


def sound(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def turn(*pieces: np.ndarray, text: tuple[int, ...] = (20, 21)) -> list[int]:
    ids = [SPECIAL.bot, *text]
    for piece in pieces:
        ids += [SPECIAL.audio_start, *[SPECIAL.audio_patch] * placeholders(len(piece)), SPECIAL.audio_end]
    return [*ids, SPECIAL.eot]


@pytest.mark.parametrize("samples", [1, 320, 321, 1600, 16_000, 17_777])
def test_sound_has_as_many_rows_as_the_prompt_has_placeholders(model: AudioLanguageModel, samples: int) -> None:
    (rows,) = model.encode([sound(samples)])
    assert rows.shape == (placeholders(samples), 32)


@torch.no_grad()
def test_rows_of_sound_stand_where_their_placeholders_are(model: AudioLanguageModel) -> None:
    pieces = [sound(4000, 1), sound(100, 2), sound(9000, 3)]
    rows = model.encode(pieces)
    ids = torch.tensor([turn(*pieces)])
    embeddings = model.embed(ids, rows)[0]
    patches = ids[0] == SPECIAL.audio_patch
    torch.testing.assert_close(embeddings[patches], torch.cat(rows))
    torch.testing.assert_close(embeddings[~patches], model.decoder.embed(ids)[0, ~patches])


@torch.no_grad()
def test_pieces_alone_equal_one_piece_together(model: AudioLanguageModel) -> None:
    piece = sound(16_000)
    torch.testing.assert_close(model.encode([piece])[0], model.encode([piece, piece], together=True)[1])


def test_sound_and_placeholders_must_agree(model: AudioLanguageModel) -> None:
    piece = sound(4000)
    rows = model.encode([piece])
    with pytest.raises(TemplateError, match="0 <audio_start>"):
        model.embed(torch.tensor([[1, 2]]), rows)
    with pytest.raises(TemplateError, match="positions"):
        model.embed(torch.tensor([turn(sound(9000))]), rows)


@torch.no_grad()
def test_turn_by_turn_on_one_cache_equals_everything_at_once(model: AudioLanguageModel) -> None:
    pieces = [sound(4000, 1), sound(9000, 2), sound(5000, 3)]
    turns = [turn(pieces[0]), turn(pieces[1], pieces[2], text=(30,)), turn(text=(40, 41, 42))]
    everything = [token for ids in turns for token in ids]
    rows = model.encode(pieces)
    whole = model(torch.tensor([everything]), rows)[0, -1]
    cache = model.decoder.new_cache(capacity=4)
    for ids, audio in zip(turns, [rows[:1], rows[1:], []], strict=True):
        hidden = model.prefill(cache, torch.tensor([ids]), audio)
    torch.testing.assert_close(hidden[0], whole, rtol=1e-4, atol=1e-4)
    after = model(torch.tensor([[*everything, 50, 51]]), rows)[0, -1]
    model.step(cache, [50])
    torch.testing.assert_close(model.step(cache, [51])[0], after, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_batch_equals_each_row_alone(model: AudioLanguageModel, side: str) -> None:
    pieces = [sound(4000, 1), sound(9000, 2)]
    turns = [turn(pieces[0]), turn(pieces[1], text=(30,)), turn(text=(40,))]
    longest = max(map(len, turns))
    batch, valid = [], []
    for ids in turns:
        padding = [SPECIAL.end_of_text] * (longest - len(ids))
        batch.append(padding + ids if side == "left" else ids + padding)
        real, blank = [True] * len(ids), [False] * len(padding)
        valid.append(blank + real if side == "left" else real + blank)
    rows = model.encode(pieces)
    cache = model.decoder.new_cache(rows=3)
    hidden = model.prefill(cache, torch.tensor(batch), rows, torch.tensor(valid))
    stepped = model.step(cache, [60, 61, 62])
    assert cache.lengths == [len(ids) + 1 for ids in turns]
    for row, ids in enumerate(turns):
        audio = rows[row : row + 1]
        alone = model(torch.tensor([[*ids, 60 + row]]), audio)[0]
        torch.testing.assert_close(hidden[row], alone[-2], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(stepped[row], alone[-1], rtol=1e-4, atol=1e-4)


def test_training_reaches_adaptor_and_embeddings(model: AudioLanguageModel) -> None:
    piece = sound(4000)
    model(torch.tensor([turn(piece)]), model.encode([piece])).square().sum().backward()
    for weight in (model.adaptor.linear1.weight, model.decoder.model.embed_tokens.weight, model.encoder.conv1.weight):
        assert weight.grad is not None
        assert weight.grad.abs().sum() > 0


def test_parts_that_do_not_fit_are_refused(model: AudioLanguageModel) -> None:
    adaptor = Adaptor(AdaptorConfig(width=16, hidden=24, llm_width=48))
    with pytest.raises(ConfigError, match="llm_width=32"):
        AudioLanguageModel(model.encoder, adaptor, model.decoder, SPECIAL)
    with pytest.raises(ConfigError, match="rows"):
        AudioLanguageModel(model.encoder, model.adaptor, Decoder(DecoderConfig.tiny(500)), SPECIAL)
    fast = AudioLanguageModel(model.encoder, model.adaptor, FastDecoder(model.decoder), SPECIAL)
    with pytest.raises(ConfigError, match="plain Decoder"):
        fast(torch.tensor([[1]]))
