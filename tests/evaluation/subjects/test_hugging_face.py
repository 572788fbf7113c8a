"""A tiny recogniser of `transformers`, with random weights, through the contract."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.question import Question, Said
from stepwave.evaluation.subjects.opening import open_subject
from stepwave.facts.errors import CheckpointNotFoundError, ConfigError, UnsafeFileError

transformers = pytest.importorskip("transformers")
LETTERS = "|abcdefgh"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<unk>", *LETTERS])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), pad_token="<pad>", unk_token="<unk>")
    hears = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=False)
    torch.manual_seed(0)
    config = transformers.Wav2Vec2Config(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8), conv_stride=(40, 8), conv_kernel=(40, 8), num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, pad_token_id=0,
    )  # fmt: skip
    transformers.Wav2Vec2ForCTC(config).save_pretrained(folder)
    transformers.Wav2Vec2Processor(feature_extractor=hears, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def question(samples: Any, wanted: Any = "transcript") -> Question:
    return Question(wanted, (Said("user", samples=samples),), item="a")


def test_a_transcript_is_the_likeliest_letters(folder: Path) -> None:
    import torch

    samples = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    one = open_subject(f"hf:{folder}")
    one.prepare("transcript")
    produced = one.ask(question(samples))
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.Wav2Vec2ForCTC.from_pretrained(folder).eval()
    with torch.inference_mode():
        scores = model(processor(samples, sampling_rate=16_000, return_tensors="pt").input_values).logits
    assert produced.text == processor.batch_decode(scores.argmax(-1))[0].strip()
    assert produced.text
    assert one.name == f"hf:{folder}"
    assert len(one.revision) == 10


def test_what_it_is_not_is_told(folder: Path) -> None:
    one = open_subject(f"hf:{folder}")
    for wanted in ("translation", "speech"):
        with pytest.raises(ConfigError, match="writes down speech"):
            one.prepare(wanted)
    with pytest.raises(ConfigError, match="has no recording"):
        one.ask(question(None))


def test_weights_that_could_run_code_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80")
    with pytest.raises(UnsafeFileError, match=r"has no \.safetensors"):
        open_subject(f"hf:{tmp_path}")


def test_a_model_of_another_kind_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "none of these"}')
    with pytest.raises(ConfigError, match="can't be opened as a speech recogniser"):
        open_subject(f"hf:{tmp_path}")


def test_nothing_is_fetched() -> None:
    with pytest.raises(CheckpointNotFoundError, match="nothing is downloaded unasked"):
        open_subject("hf:nobody/has-this")
