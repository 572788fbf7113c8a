"""`stepwave models export`: from a run's checkpoint to a whole model, and what it says where that can't be."""

import json
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from stepwave.checkpoints.layouts import inspect_layout, load_modules, load_tokenizer, open_layout
from stepwave.checkpoints.nano import check_digests
from stepwave.checkpoints.reader import Placement
from stepwave.checkpoints.runs import RUN
from stepwave.models.adaptor import AdaptorConfig
from stepwave.models.decoder import Decoder
from stepwave.training.language import lora
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.speech_rows import SharedDigits
from stepwave.training.parallel import Ranks
from stepwave.training.state import Checkpoints

from ..checkpoints import released
from ..conftest import Outcome

Program = Callable[..., Outcome]


def loaded(folder: Path, name: str) -> nn.Module:
    module = load_modules(open_layout(folder), [name], Placement(torch.float32))[name]
    module.load_state_dict({key: tensor.clone() for key, tensor in module.state_dict().items()}, assign=True)
    return module


def logits(decoder: nn.Module) -> Tensor:
    assert isinstance(decoder, Decoder)
    with torch.no_grad():
        return decoder.head(decoder(decoder.embed(torch.arange(20).view(1, 20))))


def moved(module: nn.Module, *names: str) -> nn.Module:
    """The module, with those parameters that `names` begin changed and the others frozen."""
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name.startswith(names))
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return module


def write_run(folder: Path, start: str | None, module: nn.Module, step: int = 30) -> Path:
    """A run's folder with one checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN).write_text(json.dumps({} if start is None else {"start": start}))
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learning, fused=True)
    checkpoints = Checkpoints(folder, module, {"all": optimiser}, Ranks())
    checkpoints.begin(step, {"experiment": {}})
    checkpoints.finish()
    return folder


def adaptor_run(folder: Path, model: Path) -> Path:
    return write_run(folder, str(model), nn.ModuleDict({"adaptor": moved(loaded(model, "adaptor"), "")}))


def test_a_run_upon_a_run_becomes_a_model(tiny_nano: Path, tmp_path: Path, program: Program) -> None:
    torch.manual_seed(1)
    adaptor = moved(loaded(tiny_nano, "adaptor"), "")
    write_run(tmp_path / "training" / "first", str(tiny_nano), nn.ModuleDict({"adaptor": adaptor}))
    decoder = loaded(tiny_nano, "decoder")
    assert isinstance(decoder, Decoder)
    lora.inject(decoder, LoraConfig(rank=2))
    for parameter in lora.adapter_parameters(decoder):
        nn.init.normal_(parameter, std=0.1)
    run = write_run(tmp_path / "training" / "second", "first", nn.ModuleDict({"decoder": decoder}), 40)
    made = program("models", "export", run, "--to", tmp_path / "mine", "--storage", "float32")
    assert made.code == 0, made.err
    assert "adaptor, decoder of second, step 40; the rest of" in " ".join(made.out.split())
    folder = tmp_path / "mine"
    torch.testing.assert_close(logits(loaded(folder, "decoder")), logits(decoder.eval()), atol=1e-4, rtol=1e-4)
    for name, tensor in loaded(folder, "adaptor").state_dict().items():
        assert torch.equal(tensor, adaptor.state_dict()[name])
    assert inspect_layout(open_layout(folder)).problems == ()
    assert open_layout(folder).lacking == []
    assert check_digests(folder) == []


def test_what_speech_tokens_share_is_folded_in(tiny_nano: Path, tmp_path: Path, program: Program) -> None:
    torch.manual_seed(2)
    decoder = moved(loaded(tiny_nano, "decoder"), "model.embed_tokens")
    digits = moved(SharedDigits(32), "")
    run = write_run(tmp_path / "run", str(tiny_nano), nn.ModuleDict({"decoder": decoder, "digits": digits}))
    assert program("models", "export", run, "--to", tmp_path / "mine", "--storage", "float32").code == 0
    base = load_tokenizer(open_layout(tiny_nano)).special.speech_base
    before, after = (
        each.state_dict()["model.embed_tokens.weight"] for each in (decoder, loaded(tmp_path / "mine", "decoder"))
    )
    assert torch.equal(after[:base], before[:base])
    assert isinstance(digits, SharedDigits)
    torch.testing.assert_close(after[base : base + 6561], before[base : base + 6561] + digits.rows()[:6561])


@pytest.mark.parametrize(("part", "prefix"), [("vocoder", "vocoder"), ("speech_tokenizer", "tokenizer"), ("flow", "")])
def test_a_run_of_one_part(tiny_nano: Path, tmp_path: Path, program: Program, part: str, prefix: str) -> None:
    torch.manual_seed(3)
    trained = moved(loaded(tiny_nano, part), "")
    module = nn.ModuleDict({prefix: trained, "adversary": nn.Linear(2, 2)}) if prefix else trained
    run = write_run(tmp_path / "run", None, module)
    refused = program("models", "export", run, "--to", tmp_path / "mine")
    assert refused.code == 1
    assert "name one with --base" in refused.complaint
    made = program("models", "export", run, "--to", tmp_path / "mine", "--base", tiny_nano, "--storage", "float32")
    assert made.code == 0, made.err
    for name, tensor in loaded(tmp_path / "mine", part).state_dict().items():
        assert torch.equal(tensor, trained.state_dict()[name])


@pytest.fixture(scope="module")
def released_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patched:
        # config.json does not hold this size, so a folder that is opened without being told has the released one.
        sizes = replace(released.TINY, adaptor=AdaptorConfig(width=8, hidden=2048, llm_width=16))
        patched.setattr(released, "TINY", sizes)
        released.write_released(folder)
    return folder


def test_a_released_model_stays_one(released_base: Path, tmp_path: Path, program: Program) -> None:
    torch.manual_seed(4)
    adaptor = moved(loaded(released_base, "adaptor"), "")
    run = write_run(tmp_path / "run", None, nn.ModuleDict({"adaptor": adaptor}))
    made = program("models", "export", run, "--to", tmp_path / "mine", "--base", released_base, "--format", "released")
    assert made.code == 0, made.err
    for name, tensor in loaded(tmp_path / "mine", "adaptor").state_dict().items():
        assert torch.equal(tensor, adaptor.state_dict()[name].bfloat16().float())
    assert torch.equal(logits(loaded(tmp_path / "mine", "decoder")), logits(loaded(released_base, "decoder")))
    refused = program(
        "models", "export", run, "--to", tmp_path / "other", "--base", released_base, "--format", "stepwave"
    )
    assert refused.code == 1
    assert "in the released layout and can't be written in the stepwave one" in refused.complaint
    assert not (tmp_path / "other").exists()


def test_what_can_not_be_exported(tiny_nano: Path, tmp_path: Path, program: Program) -> None:
    run = adaptor_run(tmp_path / "run", tiny_nano)
    lost = Path(shutil.copytree(run, tmp_path / "lost"))
    (lost / RUN).write_text(json.dumps({"start": str(tmp_path / "gone")}))
    odd = write_run(tmp_path / "odd", None, nn.Linear(2, 2))
    early = Path(shutil.copytree(run, tmp_path / "early", ignore=shutil.ignore_patterns("step-*")))
    to = tmp_path / "mine"
    for arguments, says in (
        ((tmp_path / "absent",), "is not the folder of a run"),
        ((early,), "has no checkpoint yet"),
        ((lost,), "no model"),
        ((run, "--base", tmp_path / "gone"), "no model"),
        ((odd, "--base", tiny_nano), "holds no whole part"),
        ((run, "--format", "released"), "in the stepwave layout and can't be written in the released one"),
    ):
        refused = program("models", "export", *arguments, "--to", to)
        assert refused.code == 1, arguments
        assert says in refused.complaint
        assert not to.exists()


def test_nothing_is_left_where_the_disk_takes_no_more(tiny_nano: Path, tmp_path: Path, program: Program) -> None:
    run = write_run(
        tmp_path / "run", str(tiny_nano), nn.ModuleDict({"adaptor": moved(loaded(tiny_nano, "adaptor"), "")})
    )
    before = sorted(tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        refused = program("models", "export", run, "--to", tmp_path / "mine")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.code == 1
    assert "larger than allowed" in refused.complaint
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_is_replaced_only_on_request(tiny_nano: Path, tmp_path: Path, program: Program) -> None:
    run = write_run(
        tmp_path / "run", str(tiny_nano), nn.ModuleDict({"adaptor": moved(loaded(tiny_nano, "adaptor"), "")})
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note").write_text("")
    assert "not empty" in program("models", "export", run, "--to", tmp_path / "mine").complaint
    assert program("models", "export", run, "--to", tmp_path / "mine", "--replace").code == 0
    assert not (tmp_path / "mine" / "note").exists()
