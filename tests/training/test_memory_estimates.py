"""Memory estimates: kept activations against PyTorch's saved tensors, sums of mini's weights reckoned by hand."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.training.estimates.computation import H100
from stepwave.training.estimates.memory import Layout, accumulation, block_activations, device_memory
from stepwave.training.estimates.sizes import ModelSizes
from stepwave.training.language.lora import LoraConfig, inject
from stepwave.training.language.stages import Part, Portion, Rates, Stage

MINI = ModelSizes.mini()
LENGTH = 16_384


def stage(*parts: Part, portions: tuple[Portion, ...] = (Portion("text", 1.0),)) -> Stage:
    return Stage("trial", {part: Rates(1e-4) for part in parts}, portions, LENGTH, 128, 10)


def _kept(config: DecoderConfig, learns: bool, lora: LoraConfig | None, positions: int) -> int:
    """Bytes that autograd keeps of a decoder's forward pass, parameters apart."""
    decoder = Decoder(config)
    if lora is not None:
        inject(decoder, lora)
    else:
        decoder.requires_grad_(learns)
    own = {parameter.untyped_storage().data_ptr() for parameter in decoder.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in own:
            kept[place] = tensor
        return tensor

    rows = torch.randn(1, positions, config.hidden_size, requires_grad=True)
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16),
    ):
        hidden = decoder(rows)
        total = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    assert hidden.requires_grad
    return total


@pytest.mark.parametrize("kv_heads", [2, 4])
@pytest.mark.parametrize(
    ("learns", "lora"),
    [(True, None), (False, None), (True, LoraConfig(rank=4)), (True, LoraConfig(rank=4, targets=("v_proj",)))],
)
def test_a_block_keeps_what_autograd_saves(kv_heads: int, learns: bool, lora: LoraConfig | None) -> None:
    config = DecoderConfig(
        vocab_size=64, hidden_size=48, intermediate_size=80, layers=1, heads=4, kv_heads=kv_heads, head_dim=16,
        max_positions=1024,
    )  # fmt: skip

    def block(positions: int) -> int:
        one, two = (_kept(replace(config, layers=layers), learns, lora, positions) for layers in (1, 2))
        return two - one

    # Longer than what the CPU's written-out attention takes, which keeps its scores. What autograd keeps of weights
    # is the same at both lengths.
    assert block(700) - block(600) == 100 * block_activations(config, learns, lora)


def test_full_fine_tuning_of_mini_takes_16_bytes_a_weight() -> None:
    memory = device_memory(MINI, stage("adaptor", "decoder", "embedding", "head"), Layout())
    learning = 8_315_179_264 - 636_968_960
    assert memory["learning weights"] + memory["gradients"] + memory["moments"] == 16 * learning
    assert memory["frozen weights"] == 2 * 636_968_960
    assert sum(memory.values()) > H100.memory_bytes


def test_mini_with_adapters_fits_one_device_of_80_gb() -> None:
    layout = Layout(lora=LoraConfig(), scored_positions=4_096)
    memory = device_memory(MINI, stage("adaptor", "decoder"), layout)
    # Rank 16 beside seven projections of 28 blocks: 40.4 M, and the adaptor's 14.9 M.
    learning = 28 * 16 * (2 * (3584 + 3584) + 2 * (3584 + 512) + 3 * (3584 + 18_944)) + 14_883_584
    assert memory["moments"] == 8 * learning
    assert memory["frozen weights"] == 2 * (8_315_179_264 - 14_883_584)
    assert memory["scores"] == 14 * 4_096 * 158_720
    assert sum(memory.values()) < 0.9 * H100.memory_bytes


def test_without_checkpointing_it_does_not() -> None:
    memory = device_memory(
        MINI, stage("adaptor", "decoder"), Layout(lora=LoraConfig(), checkpointing=False, scored_positions=4_096)
    )
    assert sum(memory.values()) > H100.memory_bytes


def test_checkpointing_keeps_one_row_for_each_block() -> None:
    def activations(layers: int) -> float:
        sizes = replace(MINI, decoder=replace(MINI.decoder, layers=layers))
        return device_memory(sizes, stage("decoder"), Layout())["activations"]

    assert activations(28) - activations(27) == LENGTH * 4 * 3584


def test_shards_divide_what_learns_and_not_what_works() -> None:
    parts: tuple[Part, ...] = ("adaptor", "decoder", "embedding", "head")
    alone, many = (device_memory(MINI, stage(*parts), Layout(devices=devices)) for devices in (1, 8))
    copied = device_memory(MINI, stage(*parts), Layout(devices=8, sharded=False))
    for name in ("learning weights", "gradients", "moments"):
        assert many[name] == alone[name] / 8
    assert copied == alone
    assert many["activations"] == alone["activations"]
    assert many["frozen weights"] == alone["frozen weights"]


def test_tensor_parallelism_cuts_blocks_and_nothing_else() -> None:
    plain, cut = (
        device_memory(MINI, stage("decoder", "head"), Layout(devices=4, tensor_parallel=tensor, sharded=False))
        for tensor in (1, 4)
    )
    blocks, head = 6_525_621_760, 568_852_480
    assert plain["gradients"] == 4 * (blocks + head)
    assert cut["gradients"] == 4 * (blocks / 4 + head)
    assert cut["scores"] == plain["scores"]
    assert cut["activations"] < plain["activations"]


def test_scores_are_those_of_the_task_with_most() -> None:
    mixed = stage("head", portions=(Portion("tts", 5.0), Portion("asr", 5.0), Portion("text", 0.0)))

    def scores(sizes: ModelSizes, at_once: int | None = None) -> float:
        return device_memory(sizes, mixed, Layout(scored_positions=at_once))["scores"]

    # All but a reading's 4 positions of text to read in 35.25 carry a label; over all rows that is the most.
    assert scores(MINI) == pytest.approx(14 * LENGTH * 31.25 / 35.25 * 158_720)
    assert scores(MINI, 1_000) == pytest.approx(14 * 2_000 * 158_720)
    # By slot a transcription's words, 4 in 16.5, have most: speech tokens are scored over 6,562 rows.
    assert scores(ModelSizes.mini(by_slot=True)) == pytest.approx(14 * LENGTH * 4 / 16.5 * 151_696)


def test_moments_may_be_smaller() -> None:
    sizes = [device_memory(MINI, stage("head"), Layout(moments=kind))["moments"] for kind in ("float32", "int8")]
    assert sizes[0] == 4 * sizes[1] == 8 * 568_852_480


def test_stored_frames_save_the_encoder() -> None:
    heard = stage("adaptor", portions=(Portion("asr", 1.0),))
    loaded, stored = (device_memory(MINI, heard, Layout(stored_frames=stored)) for stored in (False, True))
    assert loaded["frozen weights"] - stored["frozen weights"] == 2 * 636_968_960
    assert loaded["encoder at work"] > 0
    assert stored["encoder at work"] == 0


def test_micro_batches_add_up_to_a_step() -> None:
    assert accumulation(stage("head"), Layout(devices=8, micro_sequences=2)) == 8
    assert accumulation(stage("head"), Layout(devices=6)) == 22


@pytest.mark.parametrize(
    "settings",
    [
        {"devices": 0},
        {"devices": 6, "tensor_parallel": 4},
        {"micro_sequences": 0},
        {"moments": "float8"},
        {"scored_positions": 0},
    ],
)
def test_layouts_that_cannot_be_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Layout(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", [Layout(devices=8, tensor_parallel=8), Layout(devices=256)])
def test_layouts_that_do_not_suit_a_stage_are_refused(layout: Layout) -> None:
    with pytest.raises(ConfigError):
        device_memory(MINI, stage("decoder"), layout)
