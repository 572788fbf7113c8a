"""The CTranslate2 reader on small files written here, and on the real Whisper base where its packages are installed."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from stepwave.checkpoints.ctranslate2 import find_whisper_base, parse_model_bin, read_whisper
from stepwave.facts.errors import CheckpointError, CheckpointIncompleteError, CheckpointNotFoundError
from stepwave.models.encoder import WHISPER_BASE, AudioEncoder, EncoderConfig

WIDTH, BANDS, LAYERS = 8, 4, 2
KINDS = {"f4": 0, "i1": 1, "f2": 4}


def model_bin(tensors: dict[str, np.ndarray], aliases: dict[str, str] | None = None, version: int = 6) -> bytes:
    def name(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    data = struct.pack("<I", version) + name("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    for key, value in tensors.items():
        raw = value.tobytes()
        data += name(key) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        data += struct.pack("<BI", KINDS[value.dtype.str[1:]], len(raw)) + raw
    data += struct.pack("<I", len(aliases or {}))
    return data + b"".join(name(alias) + name(target) for alias, target in (aliases or {}).items())


def whisper_tensors(kind: str = "f4") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    w = WIDTH

    def linear(path: str, out: int, into: int) -> dict[str, np.ndarray]:
        return {f"{path}/weight": rng.normal(size=(out, into)), f"{path}/bias": rng.normal(size=out)}

    def norm(path: str) -> dict[str, np.ndarray]:
        return {f"{path}/gamma": rng.normal(size=w), f"{path}/beta": rng.normal(size=w)}

    tensors = {"encoder/num_heads": np.array(2), "decoder/embeddings/weight": rng.normal(size=(11, w))}
    tensors |= {"encoder/conv1/weight": rng.normal(size=(w, BANDS, 3)), "encoder/conv1/bias": rng.normal(size=w)}
    tensors |= {"encoder/conv2/weight": rng.normal(size=(w, w, 3)), "encoder/conv2/bias": rng.normal(size=w)}
    for side, positions in (("encoder", 12), ("decoder", 6)):
        tensors[f"{side}/position_encodings/encodings"] = rng.normal(size=(positions, w))
        tensors |= norm(f"{side}/layer_norm")
        for layer in range(LAYERS):
            path = f"{side}/layer_{layer}"
            tensors |= linear(f"{path}/self_attention/linear_0", 3 * w, w)
            tensors |= linear(f"{path}/self_attention/linear_1", w, w) | norm(f"{path}/self_attention/layer_norm")
            tensors |= linear(f"{path}/ffn/linear_0", 4 * w, w) | linear(f"{path}/ffn/linear_1", w, 4 * w)
            tensors |= norm(f"{path}/ffn/layer_norm")
            if side == "decoder":
                tensors |= linear(f"{path}/attention/linear_0", w, w) | linear(f"{path}/attention/linear_1", 2 * w, w)
                tensors |= linear(f"{path}/attention/linear_2", w, w) | norm(f"{path}/attention/layer_norm")
    return {name: value.astype(kind) for name, value in tensors.items() if name != "encoder/num_heads"} | {
        "encoder/num_heads": np.array(2, dtype="i1")
    }


@pytest.mark.parametrize("kind", ["f4", "f2"])
def test_a_written_file_comes_back_under_our_names(tmp_path: Path, kind: str) -> None:
    tensors = whisper_tensors(kind)
    (tmp_path / "model.bin").write_bytes(model_bin(tensors))
    weights = read_whisper(tmp_path)
    fused = torch.from_numpy(tensors["encoder/layer_1/self_attention/linear_0/weight"].astype("f4"))
    query, key, value = fused.split(WIDTH)
    assert torch.equal(weights.encoder["blocks.1.attn.query.weight"], query)
    assert torch.equal(weights.encoder["blocks.1.attn.key.weight"], key)
    assert torch.equal(weights.encoder["blocks.1.attn.value.weight"], value)
    cross = torch.from_numpy(tensors["decoder/layer_0/attention/linear_1/bias"].astype("f4"))
    assert torch.equal(weights.decoder["blocks.0.cross_attn.value.bias"], cross[WIDTH:])
    assert "blocks.0.cross_attn.key.bias" not in weights.decoder
    out = torch.from_numpy(tensors["decoder/layer_1/attention/linear_2/weight"].astype("f4"))
    assert torch.equal(weights.decoder["blocks.1.cross_attn.out.weight"], out)
    assert all(t.dtype == torch.float32 for t in (weights.encoder | weights.decoder).values())


def test_the_encoder_takes_every_tensor(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(model_bin(whisper_tensors()))
    encoder = AudioEncoder(EncoderConfig(bands=BANDS, width=WIDTH, heads=2, layers=LAYERS, positions=12))
    encoder.load_state_dict(read_whisper(tmp_path).encoder, strict=True)


def test_parts_are_joined_in_order(tmp_path: Path) -> None:
    data = model_bin(whisper_tensors())
    cuts = [0, 100, 5000, len(data)]
    for number in range(3):
        (tmp_path / f"model.bin.part{number + 1}").write_bytes(data[cuts[number] : cuts[number + 1]])
    (tmp_path / "model.bin").write_bytes(data)
    whole = read_whisper(tmp_path / "model.bin").encoder
    (tmp_path / "model.bin").unlink()
    joined = read_whisper(tmp_path).encoder
    assert all(torch.equal(whole[name], joined[name]) for name in whole)


def test_aliases_name_the_same_tensor() -> None:
    tensors = parse_model_bin(model_bin({"a": np.ones(3, "f4")}, {"b": "a"}))
    assert np.array_equal(tensors["b"], np.ones(3))


@pytest.mark.parametrize("keep", [3, 40, 4000, -1])
def test_a_cut_file_is_incomplete(tmp_path: Path, keep: int) -> None:
    (tmp_path / "model.bin").write_bytes(model_bin(whisper_tensors())[:keep])
    with pytest.raises(CheckpointIncompleteError, match="cut short"):
        read_whisper(tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(CheckpointError, match="CTranslate2"):
        read_whisper(tmp_path)


def test_a_missing_tensor_and_a_quantised_one_are_named(tmp_path: Path) -> None:
    tensors = whisper_tensors()
    without = {name: value for name, value in tensors.items() if name != "decoder/layer_1/ffn/linear_1/bias"}
    (tmp_path / "model.bin").write_bytes(model_bin(without))
    with pytest.raises(CheckpointIncompleteError, match="decoder/layer_1/ffn/linear_1/bias"):
        read_whisper(tmp_path)
    quantised = tensors | {"encoder/conv1/weight": np.ones((WIDTH, BANDS, 3), "i1")}
    (tmp_path / "model.bin").write_bytes(model_bin(quantised))
    with pytest.raises(CheckpointError, match="encoder/conv1/weight is stored as int8"):
        read_whisper(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"model\.bin"):
        read_whisper(tmp_path)


def test_whisper_base_fits_our_encoder() -> None:
    try:
        find_whisper_base()
    except CheckpointNotFoundError as missing:
        pytest.skip(str(missing))
    AudioEncoder(WHISPER_BASE).load_state_dict(read_whisper().encoder, strict=True)
