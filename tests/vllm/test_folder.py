"""Folders for vLLM: names, sizes and the chat template. vLLM itself is not needed here."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pytest
import torch
from safetensors import safe_open

from stepwave.checkpoints.layouts import Layout, open_layout
from stepwave.checkpoints.nano import save_part, save_tokenizer
from stepwave.dialogue.profile import NANO, save_profile
from stepwave.facts.conversation import AudioPart, Message, TextPart
from stepwave.facts.errors import ConfigError, OutputError
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.text.markup import write_tool_call
from stepwave.text.schemas import ToolSchema, tool_schemas_message
from stepwave.text.template import render
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm.folder import TEMPLATE, write_folder
from stepwave.vllm.prompts import token_prompt

from ..conftest import train_tiny_bpe


def read(folder: Path) -> dict[str, torch.Tensor]:
    tensors = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as store:
            tensors |= {name: store.get_tensor(name) for name in store.keys()}  # noqa: SIM118
    return tensors


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A model of mini's shape, tiny: biases, a head of its own, 128 bands."""
    folder = tmp_path_factory.mktemp("models") / "qwen"
    torch.manual_seed(0)
    save_tokenizer(folder, train_tiny_bpe())
    save_part(folder, "encoder", AudioEncoder(EncoderConfig(bands=128, width=16, heads=2, layers=1)))
    save_part(folder, "adaptor", Adaptor(AdaptorConfig(width=16, hidden=24, llm_width=32)))
    save_part(folder, "decoder", Decoder(DecoderConfig.tiny(7040)), "float32")
    save_profile(folder, replace(NANO, longest_question_seconds=40.0))
    return open_layout(folder)


def test_nanos_shape_is_a_llama(tiny_nano: Path, tmp_path: Path) -> None:
    write_folder(open_layout(tiny_nano), tmp_path / "served")
    config = json.loads((tmp_path / "served" / "config.json").read_text())
    text = config["text_config"]
    assert (text["model_type"], text["architectures"], text["tie_word_embeddings"]) == (
        "llama",
        ["LlamaForCausalLM"],
        True,
    )
    assert text["head_dim"] * text["num_attention_heads"] == text["hidden_size"] == config["adaptor"]["llm_width"]
    tensors = read(tmp_path / "served")
    assert tensors["model.embed_tokens.weight"].shape == (text["vocab_size"], text["hidden_size"])
    assert "lm_head.weight" not in tensors
    assert {name.split(".")[0] for name in tensors} == {"model", "encoder", "adapter"}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}


def test_minis_shape_is_a_qwen2(qwen: Layout, tmp_path: Path) -> None:
    write_folder(qwen, tmp_path / "served", "float32")
    config = json.loads((tmp_path / "served" / "config.json").read_text())
    assert config["text_config"]["architectures"] == ["Qwen2ForCausalLM"]
    assert (config["encoder"]["bands"], config["longest_recording_seconds"]) == (128, 40.0)
    tensors = read(tmp_path / "served")
    assert {"lm_head.weight", "model.layers.0.self_attn.q_proj.bias", "adapter.conv.weight"} <= tensors.keys()
    stored = read(qwen.folder)
    torch.testing.assert_close(
        tensors["model.layers.1.mlp.up_proj.weight"], stored["model.layers.1.mlp.up_proj.weight"], rtol=0, atol=0
    )


def test_an_answer_ends_where_the_model_ends_it(tiny_nano: Path, tmp_path: Path) -> None:
    write_folder(open_layout(tiny_nano), tmp_path / "served")
    special = Tokenizer(tmp_path / "served").special
    generation = json.loads((tmp_path / "served" / "generation_config.json").read_text())
    assert generation["eos_token_id"] == [special.eot, special.end_of_text]
    assert (generation["temperature"], generation["top_p"]) == (NANO.speech.temperature, NANO.speech.top_p)


def test_what_is_there_is_not_overwritten(tiny_nano: Path, tmp_path: Path) -> None:
    layout = open_layout(tiny_nano)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        write_folder(layout, tmp_path)
    with pytest.raises(ConfigError, match="only read"):
        write_folder(layout, tiny_nano, replace=True)


def rendered(messages: list[dict[str, Any]], **values: Any) -> str:
    """A chat template as vLLM renders it: trimmed blocks, JSON with every character kept."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment.globals["raise_exception"] = raise_exception
    source = Path(str(write_folder.__code__.co_filename)).with_name(TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(messages=messages, **values)


def test_the_chat_template_writes_our_turns(tiny_tokenizer: Tokenizer) -> None:
    tool = ToolSchema("search", "Looks \u6c34 up.", {"type": "object", "properties": {"query": {"type": "string"}}})
    sound = np.zeros(16_000, dtype=np.float32)
    call = {"id": "1", "type": "function", "function": {"name": "search", "arguments": {"query": "rain"}}}
    text = rendered(
        [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": "What is said?"}]},
            {"role": "assistant", "content": "Let me look.", "tool_calls": [call]},
            {"role": "tool", "content": "It is a river.", "tool_call_id": "1"},
        ],
        tools=[tool.entry()],
        add_generation_prompt=True,
        speak=True,
    )
    ours = render(
        [
            Message("system", "You are a helpful assistant."),
            tool_schemas_message([tool]),
            Message("human", (AudioPart(sound), TextPart("What is said?"))),
            Message("assistant", "Let me look." + write_tool_call("search", {"query": "rain"})),
            Message("input", "It is a river."),
            Message("assistant", "<tts_start>", eot=False),
        ],
        tiny_tokenizer,
    )
    assert tiny_tokenizer.encode(text) == token_prompt(ours, tiny_tokenizer.special)["prompt_token_ids"]


def test_the_chat_template_asks_for_a_written_answer_unless_told() -> None:
    messages = [{"role": "user", "content": "Name three rivers."}]
    asked = "<|BOT|>human\nName three rivers.<|EOT|>"
    assert rendered(messages, add_generation_prompt=True) == asked + "<|BOT|>assistant\n"
    assert rendered(messages) == asked


def test_the_chat_template_refuses_pictures() -> None:
    with pytest.raises(jinja2.TemplateError, match="'image'"):
        rendered([{"role": "user", "content": [{"type": "image"}]}])


def test_a_long_recording_is_one_placeholder_a_piece(tiny_tokenizer: Tokenizer) -> None:
    special = tiny_tokenizer.special
    sound = np.arange(25 * 16_000 + 8_000, dtype=np.float32)
    prompt = render([Message("human", (AudioPart(sound), TextPart("And?")))], tiny_tokenizer)
    tokens = token_prompt(prompt, special)
    assert tokens["prompt_token_ids"].count(special.audio_patch) == 2
    assert [len(piece) for piece in tokens["multi_modal_data"]["audio"]] == [400_000, 8_000]
    expanded: list[int] = []
    counts = iter(count for _, count in prompt.spans)
    for token in tokens["prompt_token_ids"]:
        expanded += [token] * next(counts) if token == special.audio_patch else [token]
    assert expanded == prompt.ids


def test_a_crumb_of_sound_takes_no_place(tiny_tokenizer: Tokenizer) -> None:
    sound = np.zeros(25 * 16_000 + 100, dtype=np.float32)
    prompt = render([Message("human", (AudioPart(sound),))], tiny_tokenizer)
    tokens = token_prompt(prompt, tiny_tokenizer.special)
    assert [len(piece) for piece in tokens["multi_modal_data"]["audio"]] == [400_000]
    assert token_prompt(render([Message("human", "And?")], tiny_tokenizer), tiny_tokenizer.special).keys() == {
        "prompt_token_ids"
    }
