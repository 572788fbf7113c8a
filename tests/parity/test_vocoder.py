"""The vocoder against the public reference (golden files), compared in stages as reference facts 6.5 ask."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.models.vocoder_stream import ReleasedVocoderStream

FOLDER = Path(__file__).parent / "golden"
CASES = ("noise_zero", "with_noise", "long_phase", "loud")


def relative_error(got: Tensor, wanted: Tensor) -> float:
    assert got.shape == wanted.shape
    return float((got - wanted).abs().max() / wanted.abs().max())


def load(name: str) -> tuple[Vocoder, dict[str, Tensor]]:
    with safe_open(FOLDER / name, "pt") as file:
        sizes = json.loads(file.metadata()["config"])
    tensors = load_file(FOLDER / name)
    config = VocoderConfig(
        mel_bands=sizes["in_channels"],
        base_channels=sizes["base_channels"],
        upsample_rates=tuple(sizes["upsample_rates"]),
        upsample_kernels=tuple(sizes["upsample_kernels"]),
        source_resblock_kernels=tuple(sizes["source_kernels"]),
        resblock_kernels=tuple(sizes["resblock_kernels"]),
        dilations=tuple(sizes["dilations"]),
        n_fft=sizes["n_fft"],
        hop=sizes["hop"],
        partials=sizes["harmonics"],
        f0_channels=sizes["f0_channels"],
    )
    vocoder = Vocoder(config).eval().requires_grad_(False)
    vocoder.load_state_dict({key[2:]: value for key, value in tensors.items() if key.startswith("w/")})
    return vocoder, tensors


@pytest.fixture(scope="module")
def whole() -> tuple[Vocoder, dict[str, Tensor]]:
    return load("vocoder.safetensors")


@pytest.mark.parametrize("case", CASES)
def test_every_stage_gives_the_reference_numbers(whole: tuple[Vocoder, dict[str, Tensor]], case: str) -> None:
    vocoder, golden = whole
    mel, f0, source = golden[f"in/{case}/mel"], golden[f"out/{case}/f0"], golden[f"out/{case}/source"]
    noise = golden.get(f"in/{case}/noise", torch.zeros(1, 480 * mel.shape[2], 9))
    assert relative_error(vocoder.f0(mel), f0) <= 1e-5
    assert relative_error(vocoder.m_source.released(f0, noise), source) <= 1e-5
    assert relative_error(vocoder.waveform(mel, source), golden[f"out/{case}/waveform"]) <= 1e-4
    if f"out/{case}/magnitude" in golden:
        magnitude, phase = vocoder.magnitude_and_phase(mel, source)
        assert relative_error(magnitude, golden[f"out/{case}/magnitude"]) <= 1e-4
        assert relative_error(phase, golden[f"out/{case}/phase"]) <= 1e-4
    from_mel = vocoder.waveform(mel, vocoder.m_source.released(vocoder.f0(mel), noise))
    assert relative_error(from_mel, golden[f"out/{case}/waveform"]) <= (1e-2 if case == "loud" else 1e-3)


def test_weight_norms_multiply_out_to_the_reference_weights(whole: tuple[Vocoder, dict[str, Tensor]]) -> None:
    golden = whole[1]
    fused, _ = load("vocoder.safetensors")
    fused.remove_weight_norm()
    weights = fused.state_dict()
    names = [key.removeprefix("out/fused/") for key in golden if key.startswith("out/fused/")]
    assert len(names) == 4
    for name in names:
        assert relative_error(weights[name], golden[f"out/fused/{name}"]) <= 1e-6
    source = golden["out/noise_zero/source"]
    samples = fused.waveform(golden["in/noise_zero/mel"], source)
    assert relative_error(samples, golden["out/noise_zero/waveform"]) <= 1e-4


def test_mini_has_the_released_tensors() -> None:
    with torch.device("meta"):
        vocoder = Vocoder(VocoderConfig.mini())
    shapes = {name: tuple(tensor.shape) for name, tensor in vocoder.state_dict().items()}
    assert len(shapes) == 328
    for name, shape in {
        "conv_pre.parametrizations.weight.original1": (512, 80, 7),
        "ups.0.parametrizations.weight.original0": (512, 1, 1),
        "ups.1.parametrizations.weight.original1": (256, 128, 11),
        "source_downs.0.weight": (256, 18, 30),
        "source_downs.1.weight": (128, 18, 6),
        "source_downs.2.weight": (64, 18, 1),
        "source_resblocks.2.convs1.0.parametrizations.weight.original1": (64, 64, 11),
        "resblocks.8.activations2.2.alpha": (64,),
        "conv_post.parametrizations.weight.original1": (18, 64, 7),
        "f0_predictor.condnet.8.parametrizations.weight.original1": (512, 512, 3),
        "f0_predictor.classifier.weight": (1, 512),
        "m_source.l_linear.weight": (1, 9),
    }.items():
        assert shapes[name] == shape


def test_released_stream_gives_the_reference_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    vocoder, golden = load("vocoder_streaming.safetensors")
    stream = ReleasedVocoderStream(vocoder)
    formula = vocoder.m_source.released
    assert float((stream.window.double() - golden["out/window"]).abs().max()) <= 1e-7
    for chunk in range(3):
        stored_f0, stored_source = golden[f"out/chunk{chunk}/f0"], golden[f"out/chunk{chunk}/source"]

        def checked(
            f0: Tensor, noise: Tensor, chunk: int = chunk, stored: tuple[Tensor, Tensor] = (stored_f0, stored_source)
        ) -> Tensor:
            """Compare what the stream asks for, then go on from the stored source."""
            carried = 3840 if chunk else 0
            assert relative_error(f0, stored[0]) <= 1e-5
            assert relative_error(formula(stored[0], noise)[..., carried:], stored[1][..., carried:]) <= 1e-5
            return torch.cat([torch.full((1, 1, carried), 9.0), stored[1][..., carried:]], dim=-1)

        monkeypatch.setattr(vocoder.m_source, "released", checked)
        noise = golden[f"in/chunk{chunk}/noise"].float()
        samples = stream.push(golden[f"in/chunk{chunk}/mel"][0], final=chunk == 2, noise=noise)
        assert relative_error(samples, golden[f"out/chunk{chunk}/speech"][0]) <= 1e-4
        pcm = (samples.clamp(-1, 1) * 32767).to(torch.int16)
        assert int((pcm.int() - golden[f"out/chunk{chunk}/pcm"].int()).abs().max()) <= 1
