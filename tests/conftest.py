"""What several rooms' tests share: the recordings beside the checkout, a tiny tokenizer, how properties are tested."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import tokenizers
from hypothesis import HealthCheck, settings
from tokenizers import decoders, models, pre_tokenizers, trainers

from stepwave.facts.tokens import NAMES, SPEECH_PADDING, speech_name
from stepwave.text.tokenizer import Tokenizer

if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests run side by side, one to a core: a second thread of each would only wait for the others'. PyTorch reads this
    # when it is first used, and commands that tests start inherit it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test is judged by the clock: a busy machine must not make one fail.
settings.register_profile("stepwave", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stepwave")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that hold slow tests, so that none of them keeps one process alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)


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


@pytest.fixture(scope="session")
def tiny_nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in nano's format with random weights of tiny sizes and two voices; it babbles, but it is complete.

    Tests that damage it copy it first.
    """
    import torch

    from stepwave.checkpoints.nano import save_part, save_tokenizer
    from stepwave.checkpoints.voices import save_voices
    from stepwave.dialogue.profile import NANO, save_profile
    from stepwave.models.adaptor import Adaptor, AdaptorConfig
    from stepwave.models.decoder import Decoder, DecoderConfig
    from stepwave.models.detokenizer import Voice
    from stepwave.models.encoder import AudioEncoder, EncoderConfig
    from stepwave.models.flow import FlowConfig, FlowMatching
    from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig
    from stepwave.models.speaker import SpeakerEncoder, SpeakerEncoderConfig
    from stepwave.models.vocoder import Vocoder, VocoderConfig

    folder = tmp_path_factory.mktemp("models") / "tiny"
    library = train_tiny_bpe()
    torch.manual_seed(0)
    small_flow = replace(
        FlowConfig.nano(), speaker_size=6, encoder_width=16, encoder_heads=2, encoder_hidden=24, encoder_blocks=1,
        encoder_up_blocks=1, width=16, depth=1, heads=2, head_size=8, steps=2,
    )  # fmt: skip
    vocabulary = -(-library.get_vocab_size() // 64) * 64
    decoder = DecoderConfig.tiny(vocabulary, qwen=False)
    save_tokenizer(folder, library)
    save_part(folder, "encoder", AudioEncoder(EncoderConfig(bands=80, width=16, heads=2, layers=1, positions=1500)))
    save_part(folder, "adaptor", Adaptor(AdaptorConfig(width=16, hidden=24, llm_width=32)))
    save_part(folder, "decoder", Decoder(replace(decoder, max_positions=4096)))
    tokenizer = NanoSpeechTokenizerConfig(width=16, hidden=24, lower_blocks=1, upper_blocks=1)
    save_part(folder, "speech_tokenizer", NanoSpeechTokenizer(tokenizer))
    save_part(folder, "flow", FlowMatching(small_flow))
    save_part(folder, "vocoder", Vocoder(replace(VocoderConfig.nano(), base_channels=16, f0_channels=8)))
    save_part(folder, "speaker", SpeakerEncoder(SpeakerEncoderConfig(hidden=8, layers=1, width=6)))
    voices = [Voice(name, torch.randn(6), torch.arange(5), torch.randn(10, 80)) for name in ("alice", "bob")]
    save_voices(folder, voices)
    # What babbles comes to no end by itself.
    save_profile(folder, replace(NANO, longest_answer_seconds=4.0))
    return folder


@dataclass(frozen=True)
class Outcome:
    """What a run of the program left."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr; fails where there is none, or more, or a traceback."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("stepwave: ")
        return lines[0]


@pytest.fixture
def program(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Runs `stepwave ARGUMENTS...` inside this process, with the threads that the tests have."""
    from stepwave.commands.main import run

    def outcome(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Outcome(code, *capfd.readouterr())

    monkeypatch.setattr("stepwave.dialogue.loading.use_threads", lambda count: None)
    return outcome
