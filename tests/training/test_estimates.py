"""Estimates: parameters against built modules, FLOPs against PyTorch's counter, kept activations against saved tensors.

What the numbers of whole stages must be is reckoned by hand in the tests that use them.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from stepwave.data.sources.contract import SourceConfig
from stepwave.facts.errors import ConfigError
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.training.estimates.computation import (
    H100,
    MAKEUPS,
    Hardware,
    Makeup,
    adaptor_flops,
    attention_flops,
    device_hours,
    encoder_flops,
    known,
    makeup,
    mean_makeup,
    position_flops,
)
from stepwave.training.estimates.sizes import (
    ModelSizes,
    block_parameters,
    learning_parameters,
    lora_parameters,
    part_parameters,
)
from stepwave.training.language.lora import LoraConfig, adapter_parameters, inject
from stepwave.training.language.stages import Part, Portion, Rates, Stage

DECODER = DecoderConfig(
    vocab_size=6_800, hidden_size=48, intermediate_size=80, layers=2, heads=4, kv_heads=2, head_dim=16,
    max_positions=1024,
)  # fmt: skip
TINY = ModelSizes(
    DECODER,
    EncoderConfig(bands=16, width=32, heads=2, layers=2),
    AdaptorConfig(32, 40, 48),
    text_rows=200,
    speech_rows=60,
)
LENGTH = 64


def stage(*parts: Part, task: str = "text") -> Stage:
    return Stage("trial", {part: Rates(1e-3) for part in parts}, (Portion(task, 1.0),), LENGTH, 2, 10)


@pytest.mark.parametrize(
    "sizes", [ModelSizes.mini(), ModelSizes.nano(), TINY, replace(TINY, decoder=replace(DECODER, tied=True))]
)
def test_parameters_are_those_of_the_built_modules(sizes: ModelSizes) -> None:
    with torch.device("meta"):
        decoder, encoder, adaptor = Decoder(sizes.decoder), AudioEncoder(sizes.encoder), Adaptor(sizes.adaptor)
    counted = part_parameters(sizes)
    assert counted["encoder"] == _count(encoder)
    assert counted["adaptor"] == _count(adaptor)
    assert counted["embedding"] == _count(decoder.model.embed_tokens)
    assert counted["head"] == (0 if decoder.lm_head is None else _count(decoder.lm_head))
    assert counted["decoder"] == _count(decoder.model.layers) + _count(decoder.model.norm)
    assert block_parameters(sizes.decoder) == _count(decoder.model.layers[0])
    assert sum(counted.values()) == _count(decoder) + _count(encoder) + _count(adaptor)


def test_the_released_model_has_its_published_size() -> None:
    assert sum(part_parameters(ModelSizes.mini()).values()) == 8_315_179_264


@pytest.mark.parametrize("targets", [LoraConfig().targets, ("q_proj", "down_proj")])
def test_adapters_are_counted_as_injected(targets: tuple[str, ...]) -> None:
    config = LoraConfig(rank=3, targets=targets)
    decoder = Decoder(DECODER)
    inject(decoder, config)
    learning = sum(parameter.numel() for parameter in adapter_parameters(decoder))
    assert lora_parameters(DECODER, config) == learning
    assert learning_parameters(TINY, ["decoder", "adaptor"], config)["decoder"] == learning


def test_adapters_of_a_frozen_decoder_are_refused() -> None:
    with pytest.raises(ConfigError, match="leave LoRA out"):
        learning_parameters(TINY, ["adaptor"], LoraConfig())


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _flops(work: Callable[[], Tensor], backward: bool = True) -> int:
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        result = work()
        if backward:
            result.sum().backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("case", ["whole", "adaptor", "lora"])
def test_decoder_flops_are_those_counted(case: str) -> None:
    torch.manual_seed(0)
    decoder, lora = Decoder(DECODER), None
    if case == "lora":
        lora = LoraConfig(rank=3)
        inject(decoder, lora)
    elif case == "adaptor":
        decoder.requires_grad_(False)
    learning = stage("adaptor") if case == "adaptor" else stage("adaptor", "decoder")
    # What stands before the blocks learns, so that gradients reach their first inputs.
    rows = torch.randn(2, LENGTH, DECODER.hidden_size, requires_grad=True)
    counted = _flops(lambda: decoder(rows)) / (2 * LENGTH)
    # The written-out attention of short sequences scores all pairs, seen or not.
    expected = position_flops(TINY, learning, lora)["decoder"] + attention_flops(DECODER, LENGTH)
    assert counted == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("parts", "factor"), [(("head",), 2), (("adaptor",), 2), (("decoder", "head"), 3)])
def test_head_flops_are_those_counted(parts: tuple[Part, ...], factor: int) -> None:
    decoder = Decoder(DECODER)
    decoder.head_layer.requires_grad_("head" in parts)
    hidden = torch.randn(LENGTH, DECODER.hidden_size, requires_grad=parts != ("head",))
    counted = _flops(lambda: decoder.head(hidden, slice(0, TINY.text_rows))) / LENGTH
    assert counted == position_flops(TINY, stage(*parts))["head"]
    assert counted == factor * 2 * DECODER.hidden_size * TINY.text_rows


def test_slots_may_be_scored_over_their_own_rows() -> None:
    said = stage("head", task="tts")
    every, own = (position_flops(ModelSizes.mini(by_slot=by_slot), said)["head"] for by_slot in (False, True))
    text, speech = 6.25 / 35.25, 25 / 35.25
    assert every == pytest.approx(4 * 3584 * (text + speech) * 158_720)
    assert own == pytest.approx(4 * 3584 * (text * 151_696 + speech * 6_562))


def test_gradients_stop_above_blocks_where_the_head_alone_learns() -> None:
    flops = position_flops(TINY, stage("head"))
    everything = position_flops(TINY, stage("decoder", "head"))
    assert flops["decoder"] * 3 == everything["decoder"]
    assert flops["attention"] * 3 == everything["attention"]


@pytest.mark.parametrize("learning", [False, True])
def test_adaptor_flops_are_those_counted(learning: bool) -> None:
    adaptor = Adaptor(TINY.adaptor).requires_grad_(learning)
    frames = torch.randn(1, 50, 32)
    assert _flops(lambda: adaptor(frames), learning) / 25 == adaptor_flops(TINY.adaptor, learning, False)


def test_encoder_flops_are_those_counted() -> None:
    encoder = AudioEncoder(TINY.encoder).requires_grad_(False)
    mel = torch.randn(1, TINY.encoder.bands, 2_000)
    assert _flops(lambda: encoder(mel)[0], False) / 250 == encoder_flops(TINY.encoder, piece_seconds=20)


def test_attention_goes_over_half_of_a_document_on_average() -> None:
    whole = position_flops(TINY, stage("decoder"))["attention"]
    assert whole == attention_flops(DECODER, (LENGTH + 1) / 2)
    assert position_flops(TINY, stage("decoder"), document_length=31)["attention"] == attention_flops(DECODER, 16)


def test_stored_frames_save_the_encoder() -> None:
    learning = stage("adaptor", task="asr")
    assert position_flops(TINY, learning)["encoder"] > 0
    assert position_flops(TINY, learning, stored_frames=True)["encoder"] == 0


def test_makeups_follow_the_rates() -> None:
    # A second heard is 12.5 positions, its words 4; a second said is 25 speech tokens and 6.25 of text.
    assert MAKEUPS["asr"].heard == pytest.approx(12.5 / 16.5)
    assert MAKEUPS["s2st"].speech == pytest.approx(25 / (12.5 + 31.25))
    assert MAKEUPS["tts"].text == pytest.approx(6.25 / (4 + 31.25))
    mixed = replace(stage("decoder"), portions=(Portion("text", 3.0), Portion("asr", 1.0)))
    assert mean_makeup(mixed).heard == pytest.approx(MAKEUPS["asr"].heard / 4)


def test_tasks_that_nobody_described_go_by_the_kind_of_their_sources() -> None:
    sung = Portion("singing", 1.0)
    written = Portion("singing", 1.0, (SourceConfig("songs", kinds=("asr",)), SourceConfig("hymns", kinds=("asr",))))
    mixed = Portion("singing", 1.0, (SourceConfig("songs", kinds=("asr", "tts")),))
    assert [known(portion) for portion in (sung, written, mixed)] == [False, True, False]
    assert makeup(written) == MAKEUPS["asr"]
    assert makeup(sung) == makeup(mixed) == MAKEUPS["conversation"]


def test_hours_divide_by_what_the_device_reaches() -> None:
    assert device_hours(989e12 * 3600, H100, 0.5) == pytest.approx(2.0)
    with pytest.raises(ConfigError, match="utilisation"):
        device_hours(1.0, H100, 0.0)


@pytest.mark.parametrize("build", [
    lambda: Makeup(heard=0.8, text=0.8),
    lambda: Hardware("nothing", 0.0, 1.0),
    lambda: replace(TINY, text_rows=DECODER.vocab_size + 1),
    lambda: replace(TINY, adaptor=AdaptorConfig(32, 40, 50)),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused(build: Callable[[], object]) -> None:
    with pytest.raises(ConfigError):
        build()
