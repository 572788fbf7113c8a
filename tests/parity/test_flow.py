"""Flow matching against the public reference (golden files): offline stage by stage, and the released streaming."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from stepwave.models.flow import FlowConfig, FlowMatching
from stepwave.models.flow_stream import FlowStream

GOLDEN = Path(__file__).parent / "golden"


def build(name: str) -> tuple[FlowMatching, dict[str, Tensor], dict[str, Any]]:
    path = GOLDEN / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        sizes = json.loads(file.metadata()["config"])
    golden = load_file(path)
    flow = FlowMatching(
        FlowConfig(
            vocabulary=sizes["vocab_size"],
            encoder_width=sizes["input_size"],
            encoder_heads=sizes["encoder_heads"],
            encoder_hidden=sizes["linear_units"],
            encoder_blocks=sizes["num_blocks"],
            encoder_up_blocks=sizes["num_up_blocks"],
            width=sizes["dit_hidden"],
            depth=sizes["dit_depth"],
            heads=sizes["dit_heads"],
            head_size=sizes["dit_head_dim"],
            mlp_ratio=sizes["mlp_ratio"],
        )
    )
    flow.load_state_dict({key[2:]: value for key, value in golden.items() if key.startswith("w/")})
    return flow.eval(), golden, sizes


def difference(got: Tensor, wanted: Tensor) -> float:
    assert got.shape == wanted.shape
    return ((got - wanted).abs().max() / wanted.abs().max()).item()


@pytest.mark.parametrize("case", ["main", "odd_prompt"])
@torch.no_grad()
def test_offline(case: str) -> None:
    flow, golden, _ = build("flow_offline")
    given = {name: golden[f"in/{case}/{name}"] for name in ("codes", "prompt_codes", "prompt_mel", "speaker")}
    wanted = {
        key.removeprefix(f"out/{case}/"): value for key, value in golden.items() if key.startswith(f"out/{case}/")
    }

    codes = torch.cat([given["prompt_codes"], given["codes"]], dim=1)
    mu = flow.encode(codes, flow.sight("full", codes.shape[1]))
    assert difference(mu.transpose(1, 2), wanted["mu"]) < 1e-5
    speaker = flow.project_speaker(given["speaker"])
    assert difference(speaker[:, 0], wanted["speaker_projected"]) < 1e-5
    schedule = flow.schedule(10)
    torch.testing.assert_close(torch.stack(schedule.times), wanted["t"], rtol=1e-6, atol=1e-7)

    # the first velocity, conditional half first, before guidance
    condition = flow.condition(mu, speaker, given["prompt_mel"], guided=True)
    x = golden["in/noise"][:, :, : mu.shape[1]].transpose(1, 2)
    bands = flow.sight("full", codes.shape[1]).transformer
    velocity = flow.estimator(torch.cat([x, x]), condition, schedule.modulations[0], bands)
    assert difference(velocity.transpose(1, 2), wanted["velocity_step0"]) < 1e-4

    mel = flow.generate(**given, noise=golden["in/noise"])
    assert difference(mel, wanted["mel"]) < 1e-4


def test_released_streaming(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, golden, sizes = build("flow_streaming")
    heard: list[Tensor] = []
    condition = flow.condition

    def listening(mu: Tensor, *rest: Any, **options: Any) -> Tensor:
        heard.append(mu.transpose(1, 2))
        return condition(mu, *rest, **options)

    monkeypatch.setattr(flow, "condition", listening)
    stream = FlowStream(
        flow,
        golden["in/prompt_codes"],
        golden["in/prompt_mel"],
        golden["in/speaker"],
        mode="released",
        noise=golden["in/noise"],
    )
    assert difference(heard.pop(), golden["out/setup/mu"]) < 1e-4
    for step, block, name in ((0, 0, "step0_block0"), (9, -1, "step9_last_block")):
        keys = stream._states[step][block].keys
        held = torch.cat([*keys.keys, *keys.values], dim=3)
        assert difference(held, golden[f"out/setup/estimator_att_cache_{name}"]) < 1e-4
    pasts = [[torch.cat(state.past or (), dim=2).transpose(1, 2) for state in blocks] for blocks in stream._states]
    wanted = golden["out/setup/estimator_cnn_cache"]
    assert difference(torch.stack([torch.stack(blocks) for blocks in pasts]), wanted) < 1e-4

    for chunk, plan in enumerate(sizes["plan"]):
        codes = golden[f"in/chunk{chunk}/codes"]
        assert codes.shape[0] == plan["codes_in"]
        # the reference client hands the three look-ahead codes in again; a stream keeps them
        mel = stream.push(codes if chunk == 0 else codes[3:])
        if plan["last"]:
            assert mel.shape[2] == 0
            mel = stream.finish()
        assert difference(heard.pop(), golden[f"out/chunk{chunk}/mu"]) < 1e-4
        assert difference(mel, golden[f"out/chunk{chunk}/mel"]) < 1e-4
        assert stream._states[0][0].keys.length == plan["att_len_after"]
        if chunk == 2:
            keys = stream._states[0][0].keys
            held = torch.cat([torch.cat(keys.keys, dim=2), torch.cat(keys.values, dim=2)], dim=3)
            assert difference(held, golden["out/chunk2/estimator_att_cache_step0_block0_after_trim"]) < 1e-4
            encoder = stream._encoder
            assert encoder.ahead_past is not None
            assert encoder.up_past is not None
            pasts_of_convs = torch.cat([encoder.ahead_past, encoder.up_past], dim=1).transpose(1, 2)
            assert difference(pasts_of_convs, golden["out/chunk2/conformer_cnn_cache"]) < 1e-4


def test_released_streaming_takes_codes_in_any_portions() -> None:
    flow, golden, _ = build("flow_streaming")
    given = [golden[f"in/{name}"] for name in ("prompt_codes", "prompt_mel", "speaker")]
    codes = torch.cat([golden["in/chunk0/codes"], *(golden[f"in/chunk{i}/codes"][3:] for i in range(1, 5))])
    stream = FlowStream(flow, *given, mode="released", noise=golden["in/noise"])
    mel = torch.cat([*(stream.push(piece) for piece in codes.split(13)), stream.finish()], dim=2)
    assert difference(mel, torch.cat([golden[f"out/chunk{i}/mel"] for i in range(5)], dim=2)) < 1e-4
