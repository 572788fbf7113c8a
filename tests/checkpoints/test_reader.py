"""Loading in the size of the weights themselves, measured in a process of its own; and modules without memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stepwave.checkpoints.plan import PartPlan, expected_tensors, skeleton
from stepwave.checkpoints.reader import Placement, load_parts
from stepwave.checkpoints.storage import write_tensors
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.vocoder import Vocoder, VocoderConfig

SIZES = DecoderConfig(
    vocab_size=8192,
    hidden_size=768,
    intermediate_size=2304,
    layers=8,
    heads=12,
    kv_heads=4,
    head_dim=64,
    max_positions=64,
)
MEASURE = """
import json, sys
from pathlib import Path
import torch
from stepwave.checkpoints.plan import PartPlan
from stepwave.checkpoints.reader import Placement, load_parts
from stepwave.models.decoder import Decoder, DecoderConfig

def resident(field):
    line = next(line for line in open("/proc/self/status") if line.startswith(field))
    return int(line.split()[1]) * 1024

stem, sizes, dtype = Path(sys.argv[1]), DecoderConfig(**json.loads(sys.argv[2])), getattr(torch, sys.argv[3])
plan = PartPlan("decoder", stem, lambda: Decoder(sizes))
warm = PartPlan("decoder", stem.parent / "small", lambda: Decoder(DecoderConfig.tiny()))
load_parts([warm], placement=Placement(dtype))["decoder"].state_dict()["model.norm.weight"].sum()
before = resident("VmRSS:")
module = load_parts([plan], placement=Placement(dtype))["decoder"]
touched = sum(float(tensor.flatten()[::512].sum(dtype=torch.float64)) for tensor in module.state_dict().values())
print(json.dumps({"peak": resident("VmHWM:") - before, "dynamo": "torch._dynamo" in sys.modules, "touched": touched}))
"""


@pytest.fixture(scope="module")
def stem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 150 MB of random bf16 weights in shards."""
    folder = tmp_path_factory.mktemp("sharded")
    torch.manual_seed(0)
    expected = expected_tensors(PartPlan("decoder", folder, lambda: Decoder(SIZES)))
    state = {name: torch.full(tensor.shape, 0.01, dtype=torch.bfloat16) for name, tensor in expected.items()}
    write_tensors(folder / "model", state, shard_bytes=30_000_000)
    small = Decoder(DecoderConfig.tiny()).state_dict()
    write_tensors(folder / "small", {name: tensor.bfloat16() for name, tensor in small.items()})
    return folder / "model"


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="resident memory is read from /proc")
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_model_loads_in_its_own_size_plus_a_tenth(stem: Path, dtype: str) -> None:
    expected = expected_tensors(PartPlan("decoder", stem, lambda: Decoder(SIZES)))
    size = sum(tensor.numel() for tensor in expected.values()) * getattr(torch, dtype).itemsize
    sizes = json.dumps({name: getattr(SIZES, name) for name in SIZES.__dataclass_fields__})
    command = [sys.executable, "-c", MEASURE, str(stem), sizes, dtype]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    # A float32 copy is made tensor by tensor, with up to 64 MB of the bf16 file mapped besides: nothing next to mini.
    besides = 64e6 if dtype == "float32" else 0
    assert 0.9 * size < result["peak"] < 1.1 * size + besides
    assert not result["dynamo"], "loading imported PyTorch's compiler"


def test_weights_stay_mapped_to_their_file(stem: Path) -> None:
    """Nothing is copied: the loaded tensors are the file's pages, and writing to them leaves the file alone."""
    plan = PartPlan("decoder", stem.parent / "small", lambda: Decoder(DecoderConfig.tiny()))
    first, second = (load_parts([plan])["decoder"].state_dict() for _ in range(2))
    before = second["model.norm.weight"].clone()
    first["model.norm.weight"].add_(1)
    assert torch.equal(second["model.norm.weight"], before)
    assert torch.equal(load_parts([plan])["decoder"].state_dict()["model.norm.weight"], before)


def test_loaded_weights_can_be_trained(stem: Path) -> None:
    plan = PartPlan("decoder", stem.parent / "small", lambda: Decoder(DecoderConfig.tiny()))
    decoder = load_parts([plan], placement=Placement(torch.float32))["decoder"]
    assert isinstance(decoder, Decoder)
    ids = torch.tensor([[1, 2, 3]])
    decoder.head(decoder(decoder.embed(ids))).square().mean().backward()
    before = decoder.model.norm.weight.detach().clone()
    torch.optim.SGD(decoder.parameters(), lr=0.1).step()
    assert not torch.equal(decoder.model.norm.weight, before)


def test_a_skeleton_has_tables_but_no_weights() -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    module = skeleton(lambda: Vocoder(VocoderConfig()))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert module.get_parameter("conv_pre.parametrizations.weight.original1").is_meta
    tables = dict(module.named_buffers())
    assert tables
    assert all(torch.equal(table, torch.hann_window(16)) for table in tables.values())


def test_building_again_after_a_skeleton_draws_weights() -> None:
    skeleton(lambda: Decoder(DecoderConfig.tiny()))
    fresh = Decoder(DecoderConfig.tiny())
    assert not fresh.model.embed_tokens.weight.is_meta
    assert fresh.model.embed_tokens.weight.std() > 0.1
