"""nano in vLLM against our own engine, id by id. Run by `make test-vllm`, which makes an environment with vLLM."""

import base64
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest
import torch

from stepwave.checkpoints.layouts import load_modules, load_tokenizer, open_layout
from stepwave.checkpoints.reader import Placement
from stepwave.dialogue.engine import LocalEngine
from stepwave.dialogue.stepwave import Stepwave
from stepwave.dialogue.tasks import read_piece
from stepwave.facts.conversation import AudioPart, Message, Part, TextPart, TokensPart
from stepwave.facts.events import AudioDelta, Finished, SpeechDelta, TextDelta
from stepwave.generation.context import Context
from stepwave.generation.decode import DecodeSettings, decode
from stepwave.generation.sampling import SamplingSettings
from stepwave.models.adaptor import Adaptor
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.models.decoder import Decoder
from stepwave.models.encoder import AudioEncoder
from stepwave.signal.files import read_audio
from stepwave.text.prompts import CHAT, NANO_PROMPTS, SPEAK
from stepwave.text.template import Prompt, render
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm.dialects import read_lines, read_stream
from stepwave.vllm.folder import write_folder
from stepwave.vllm.prompts import token_prompt
from stepwave.vllm.remote.engine import connect

if find_spec("vllm") is None:
    pytest.skip("vLLM is not installed here; run make test-vllm", allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

REPOSITORY = Path(__file__).resolve().parents[2]
QUESTION = REPOSITORY / "examples" / "question.wav"
PATTERN = "stepwave.vllm.pattern:SpokenPattern"
MOST = 64
OPEN = Message("assistant", SPEAK, eot=False)
WRITTEN = Message("assistant", None)
START_SECONDS = 600


@dataclass
class Ours:
    """The model in float32, as this project computes it."""

    model: AudioLanguageModel
    tokenizer: Tokenizer

    def prompt(self, system: str, *turns: Message) -> Prompt:
        return render([Message("system", system), *turns], self.tokenizer)

    def answer(self, prompt: Prompt, most: int = MOST) -> list[int]:
        context = Context(self.model)
        context.read(prompt)
        for _ in decode(context, self.tokenizer, DecodeSettings(max_tokens=most)):
            pass
        return context.ids[len(prompt.ids) :]


@dataclass
class Theirs:
    """The same model in vLLM."""

    llm: Any
    tokenizer: Tokenizer

    def answers(self, *prompts: Prompt, most: int = MOST) -> list[list[int]]:
        return [list(output.outputs[0].token_ids) for output in self.outputs(prompts, most)]

    def outputs(self, prompts: Sequence[Prompt], most: int = MOST) -> list[Any]:
        from vllm import SamplingParams

        settings = SamplingParams(temperature=0, max_tokens=most, detokenize=False)
        asked = [token_prompt(prompt, self.tokenizer.special) for prompt in prompts]
        outputs: list[Any] = self.llm.generate(asked, settings, use_tqdm=False)
        assert [list(output.prompt_token_ids) for output in outputs] == [prompt.ids for prompt in prompts]
        return outputs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    served = tmp_path_factory.mktemp("vllm") / "nano"
    write_folder(open_layout(REPOSITORY / "models" / "nano"), served, "float32")
    return served


@pytest.fixture(scope="module")
def ours() -> Ours:
    layout = open_layout(REPOSITORY / "models" / "nano")
    parts = load_modules(layout, ("encoder", "adaptor", "decoder"), Placement(torch.float32))
    tokenizer = load_tokenizer(layout)
    model = AudioLanguageModel(
        cast(AudioEncoder, parts["encoder"]),
        cast(Adaptor, parts["adaptor"]),
        cast(Decoder, parts["decoder"]),
        tokenizer.special,
    )
    return Ours(model.eval(), tokenizer)


@pytest.fixture(scope="module")
def theirs(folder: Path, ours: Ours) -> Iterator[Theirs]:
    # A process that inherits nothing: where Numba was imported, as our engine does, vLLM 0.32 does not start.
    os.environ["VLLM_WORKER_MULTIPROCESSING_METHOD"] = "spawn"
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    from vllm import LLM

    llm = LLM(
        str(folder), dtype="float32", enforce_eager=True, max_model_len=2048, max_num_batched_tokens=2048,
        max_num_seqs=4, enable_prefix_caching=True, logits_processors=[PATTERN], seed=0,
    )  # fmt: skip
    yield Theirs(llm, ours.tokenizer)
    llm.llm_engine.engine_core.shutdown()


@pytest.fixture(scope="module")
def question() -> np.ndarray:
    return read_audio(QUESTION).samples


def test_a_written_answer_is_the_same(ours: Ours, theirs: Theirs) -> None:
    prompt = ours.prompt(CHAT, Message("human", (TextPart("Name three rivers, and say what each is like."),)), WRITTEN)
    assert theirs.answers(prompt) == [ours.answer(prompt)]


def test_a_transcription_is_the_same(ours: Ours, theirs: Theirs, question: np.ndarray) -> None:
    prompt = ours.prompt(NANO_PROMPTS["transcribe"], Message("human", (AudioPart(question),)), WRITTEN)
    answer = ours.answer(prompt)
    assert len(ours.tokenizer.decode(answer).split()) > 3
    assert theirs.answers(prompt) == [answer]


def test_spoken_answers_are_the_same_alone_and_together(ours: Ours, theirs: Theirs, question: np.ndarray) -> None:
    asked = ours.prompt(NANO_PROMPTS["answer"], Message("human", (AudioPart(question),)), OPEN)
    sentence = TextPart("The river runs down from the hills to the sea, and nobody knows how old it is.")
    read = ours.prompt(NANO_PROMPTS["read"], Message("human", (sentence,)), OPEN)
    answers = [ours.answer(asked), ours.answer(read)]
    assert all(any(map(ours.tokenizer.special.is_speech, answer)) for answer in answers)
    assert max(map(len, answers)) >= 60
    assert theirs.answers(asked) + theirs.answers(read) == answers
    assert theirs.answers(asked, read) == answers


def test_a_second_turn_out_of_the_prefix_cache_is_the_same(ours: Ours, theirs: Theirs, question: np.ndarray) -> None:
    def asked(*parts: Part) -> Message:
        return Message("human", parts)

    # The cache keeps whole blocks, of 128 positions on a CPU: the first turn must be longer.
    long = np.tile(question, 12)[: 20 * 16_000]
    first = (asked(AudioPart(long)), OPEN)
    answer = ours.answer(ours.prompt(NANO_PROMPTS["answer"], *first), 30)
    assert theirs.answers(ours.prompt(NANO_PROMPTS["answer"], *first), most=30) == [answer]
    said = Message("assistant", (TokensPart((ours.tokenizer.special.tts_start, *answer)),))
    second = ours.prompt(NANO_PROMPTS["answer"], first[0], said, asked(AudioPart(question)), OPEN)
    output = theirs.outputs([second], 30)[0]
    assert output.num_cached_tokens >= 128
    assert list(output.outputs[0].token_ids) == ours.answer(second, 30)


def test_a_recording_of_several_pieces_is_one_recording(ours: Ours, theirs: Theirs, question: np.ndarray) -> None:
    from vllm import SamplingParams

    long = np.tile(question, 20)[: 30 * 16_000]
    prompt = ours.prompt(NANO_PROMPTS["transcribe"], Message("human", (AudioPart(long),)), WRITTEN)
    special = ours.tokenizer.special
    start, end = prompt.ids.index(special.audio_start), len(prompt.ids) - prompt.ids[::-1].index(special.audio_end)
    marks = [special.audio_start, special.audio_patch, special.audio_end]
    asked = {
        "prompt_token_ids": prompt.ids[:start] + marks + prompt.ids[end:],
        "multi_modal_data": {"audio": [(long, 16_000)]},
    }
    output = theirs.llm.generate(asked, SamplingParams(temperature=0, max_tokens=20, detokenize=False), use_tqdm=False)
    assert list(output[0].prompt_token_ids) == prompt.ids
    assert list(output[0].outputs[0].token_ids) == ours.answer(prompt, 20)


@pytest.mark.parametrize("seconds", [0.02, 121.0])
def test_a_recording_out_of_bounds_is_refused(ours: Ours, theirs: Theirs, seconds: float) -> None:
    from vllm.exceptions import VLLMValidationError

    special = ours.tokenizer.special
    asked = {
        "prompt_token_ids": [special.audio_start, special.audio_patch, special.audio_end],
        "multi_modal_data": {"audio": [np.zeros(int(seconds * 16_000), dtype=np.float32)]},
    }
    with pytest.raises(VLLMValidationError, match=r"wanted more than 0\.02 and up to 120 s"):
        theirs.llm.generate(asked, use_tqdm=False)


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of what `vllm serve` runs, in processes of its own, where the plug-in is found by its entry point.

    The command itself asks for a distribution called vllm, which the build for CPUs is not.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)),
        *("--served-model-name", "nano"),
        *("--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager"),
        *("--max-model-len", "2048", "--max-num-seqs", "2", "--logits-processors", PATTERN, "--enable-scale-out"),
    ]
    log = tmp_path_factory.mktemp("server") / "log"
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1"}
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment, start_new_session=True) as process,
    ):
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(f"http://127.0.0.1:{port}/health"):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"the server did not start:\n{log.read_text()[-4000:]}")
                time.sleep(1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).is_success
    except httpx.HTTPError:
        return False


def body(system: str, **fields: Any) -> dict[str, Any]:
    """A request with a spoken question."""
    sound = {"data": base64.b64encode(QUESTION.read_bytes()).decode(), "format": "wav"}
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]},
    ]
    return {"model": "nano", "temperature": 0, "max_tokens": MOST, "messages": messages} | fields


def test_the_server_transcribes_and_answers_aloud(ours: Ours, server: str, question: np.ndarray) -> None:
    special = ours.tokenizer.special
    chat = f"{server}/v1/chat/completions"
    heard = Message("human", (AudioPart(question),))
    asked = body(NANO_PROMPTS["transcribe"])
    written = httpx.post(chat, json=asked, timeout=START_SECONDS).raise_for_status().json()
    transcript = ours.answer(ours.prompt(NANO_PROMPTS["transcribe"], heard, WRITTEN))
    assert written["choices"][0]["message"]["content"] == ours.tokenizer.decode(transcript)

    answer = ours.answer(ours.prompt(NANO_PROMPTS["answer"], heard, OPEN))
    asked = body(NANO_PROMPTS["answer"], stream=True, return_token_ids=True, chat_template_kwargs={"speak": True})
    with httpx.stream("POST", chat, json=asked, timeout=START_SECONDS) as response:
        events = list(read_stream(read_lines(response.iter_lines()), "ids", ours.tokenizer, spoken=True))
    codes = [code for event in events if isinstance(event, SpeechDelta) for code in event.codes]
    assert codes == [special.code(token) for token in answer if special.is_speech(token)]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == ours.tokenizer.decode(answer)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == ("stop" if answer[-1] == special.eot else "length")

    picture = [{"type": "image_url", "image_url": {"url": "x"}}]
    asked = body("", messages=[{"role": "user", "content": picture}])
    assert 400 <= httpx.post(chat, json=asked, timeout=START_SECONDS).status_code < 500


def test_a_session_by_way_of_the_server_is_the_one_here(ours: Ours, server: str, question: np.ndarray) -> None:
    layout = open_layout(REPOSITORY / "models" / "nano")
    here, there = LocalEngine(layout, "cpu"), connect(layout, server, device="cpu")
    vars(here)["language"] = ours.model
    for engine in (here, there):
        engine.profile = replace(engine.profile, text=SamplingSettings(), speech=SamplingSettings())
    sessions = [Stepwave(engine).session() for engine in (here, there)]
    # The second turn hears the first one's sound by its name, the third a recording of two pieces, the last one short.
    long = np.tile(question, 20)[: 25 * 16_000 + 900]
    for asked in (question, TextPart("And of Italy?"), long):
        answers = [list(session.stream(asked, max_seconds=2.0)) for session in sessions]
        assert sessions[0].ids == sessions[1].ids
        sound = [sum(len(one.samples) for one in told if isinstance(one, AudioDelta)) for told in answers]
        texts = ["".join(one.text for one in told if isinstance(one, TextDelta)) for told in answers]
        assert sound[0] == sound[1] > 0
        assert texts[0] == texts[1] != ""
    assert sessions[0].transcript() == sessions[1].transcript() != ""
    read = [read_piece(engine, "Hello.", engine.voices.choose()) for engine in (here, there)]
    codes = [[event.codes for event in events if isinstance(event, SpeechDelta)] for events in read]
    assert codes[0] == codes[1] != []


def test_a_drawn_answer_is_repeatable_by_its_seed(server: str, question: np.ndarray) -> None:
    talker = Stepwave(connect(open_layout(REPOSITORY / "models" / "nano"), server, device="cpu"))
    answers = []
    for seed in (1, 1, 2):
        session = talker.session(seed=seed)
        for _ in session.stream(question, text_only=True, max_seconds=2.0):
            pass
        answers.append(session.ids)
    assert answers[0] == answers[1] != answers[2]
