"""What several rooms' tests share: the recordings beside the checkout, a tiny tokenizer, how properties are tested."""

from pathlib import Path

import pytest
import tokenizers
from hypothesis import HealthCheck, settings
from tokenizers import decoders, models, pre_tokenizers, trainers

from stepwave.facts.tokens import NAMES, SPEECH_PADDING, speech_name
from stepwave.text.tokenizer import Tokenizer

# No test is judged by the clock: a busy machine must not make one fail.
settings.register_profile("stepwave", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stepwave")

TRAINING_TEXT = [
    "You are a helpful assistant.\n\nName three rivers. And in one word?",
    "What is said? It is a river. Please listen.\n\n\nThe speaker is calm.",
    "system human assistant input tool_json_schemas",
    "请记录下你所听到的语音内容。今天天气很好。",
]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of recordings and texts beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the shared recordings, and there is no folder {folder}")
    return folder


def train_tiny_bpe() -> tokenizers.Tokenizer:
    """Byte-level BPE with a few merges, then the special tokens and the speech tokens as added tokens."""
    library = tokenizers.Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    library.train_from_iterator(TRAINING_TEXT * 4, trainer)
    named = [string for name, string in NAMES.items() if name != "speech_base"]
    library.add_special_tokens([*named, "<|im_end|>"])
    library.add_tokens([speech_name(code) for code in range(SPEECH_PADDING + 1)])
    return library


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Tokenizer:
    """A tokenizer of about 7,000 ids, nearly all of them speech tokens, with every special token."""
    return Tokenizer(train_tiny_bpe())
