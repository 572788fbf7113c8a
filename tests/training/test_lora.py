"""LoRA: what learns, what is stored, and that folded weights give what the adapted decoder gave."""

import builtins
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from stepwave.facts.errors import CheckpointIncompleteError, ConfigError, MissingExtraError
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.training.language import lora
from stepwave.training.language.lora import LoraConfig

IDS = torch.arange(12).view(1, 12)


def adapted(config: LoraConfig, *, qwen: bool = True, dtype: torch.dtype = torch.float32) -> Decoder:
    """A tiny decoder with adapters that change something."""
    torch.manual_seed(3)
    decoder = Decoder(DecoderConfig.tiny(64, qwen=qwen)).to(dtype)
    lora.inject(decoder, config)
    for parameter in lora.adapter_parameters(decoder):
        torch.nn.init.normal_(parameter, std=0.1)
    return decoder.eval()


def logits(decoder: Decoder) -> Tensor:
    return decoder.head(decoder(decoder.embed(IDS)))


@pytest.mark.parametrize("qwen", [True, False], ids=["qwen", "llama"])
def test_adapters_begin_at_no_change(qwen: bool) -> None:
    torch.manual_seed(0)
    decoder = Decoder(DecoderConfig.tiny(64, qwen=qwen)).eval()
    before = logits(decoder)
    lora.inject(decoder, LoraConfig(rank=2, dropout=0.5))
    assert torch.equal(logits(decoder.eval()), before)


@pytest.mark.parametrize("targets", [lora.TARGETS, ("q_proj", "v_proj")], ids=["all", "two"])
def test_only_adapters_learn(targets: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    decoder = Decoder(DecoderConfig.tiny(64))
    lora.inject(decoder, LoraConfig(rank=2, targets=targets))
    before = {name: tensor.clone() for name, tensor in decoder.state_dict().items()}
    learning = lora.adapter_parameters(decoder)
    assert len(learning) == 2 * len(targets) * decoder.config.layers
    assert [parameter for parameter in decoder.parameters() if parameter.requires_grad] == learning
    optimiser = torch.optim.AdamW(learning, lr=0.01)
    for _ in range(2):  # the first step moves B alone, since it begins at zero
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(logits(decoder)[0, :-1], IDS[0, 1:]).backward()
        optimiser.step()
    moved = {name for name, tensor in decoder.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if lora.is_adapter(name)} - {lora.ALPHA}
    assert all(name.split(".")[-4] in targets for name in moved)


@pytest.mark.parametrize("qwen", [True, False], ids=["qwen", "llama"])
def test_folded_weights_give_the_same_logits(qwen: bool) -> None:
    decoder = adapted(LoraConfig(rank=3, alpha=5.0), qwen=qwen)
    plain = Decoder(decoder.config).eval()
    unchanged = logits(plain)
    plain.load_state_dict(lora.merged_state(decoder))
    torch.testing.assert_close(logits(plain), logits(decoder), atol=1e-5, rtol=1e-5)
    assert (logits(plain) - unchanged).abs().max() > 0.1


def test_adapters_of_a_bfloat16_decoder_are_float32_and_fold_into_bfloat16() -> None:
    decoder = adapted(LoraConfig(rank=2), dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in lora.adapter_parameters(decoder)} == {torch.float32}
    assert logits(decoder).dtype == torch.bfloat16
    assert {tensor.dtype for tensor in lora.merged_state(decoder).values()} == {torch.bfloat16}


def test_adapters_alone_are_a_whole_model_with_the_weights_they_stand_on() -> None:
    torch.manual_seed(3)
    base = Decoder(DecoderConfig.tiny(64)).state_dict()
    decoder = adapted(LoraConfig(rank=2))  # from the same seed, so upon the same weights
    stored = load(save(lora.adapter_state(decoder)))
    assert stored.keys() == {lora.ALPHA} | {
        f"model.layers.{layer}.{part}.{target}.lora_{half}.default.weight"
        for layer in range(2)
        for part, targets in (("self_attn", lora.TARGETS[:4]), ("mlp", lora.TARGETS[4:]))
        for target in targets
        for half in "AB"
    }
    merged, whole = lora.merge(stored, base), lora.merged_state(decoder)
    assert merged.keys() == whole.keys() == base.keys()
    assert all(torch.equal(merged[name], whole[name]) for name in whole)


def test_a_decoder_without_adapters_is_given_as_it_is() -> None:
    decoder = Decoder(DecoderConfig.tiny(64))
    merged = lora.merged_state(decoder)
    assert all(merged[name].data_ptr() == tensor.data_ptr() for name, tensor in decoder.state_dict().items())


def test_a_state_is_loaded_back_into_a_decoder_with_adapters() -> None:
    config = LoraConfig(rank=2, alpha=7.0)
    first, second = adapted(config), Decoder(DecoderConfig.tiny(64))
    lora.inject(second, config)
    second.load_state_dict(load(save(first.state_dict())))
    assert torch.equal(logits(second.eval()), logits(first))


def test_gradients_are_the_same_with_recomputed_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def gradients(decoder: Decoder) -> list[Tensor]:
        decoder.zero_grad()
        logits(decoder).square().mean().backward()
        return [parameter.grad for parameter in lora.adapter_parameters(decoder) if parameter.grad is not None]

    decoder = adapted(LoraConfig(rank=2)).train()
    whole = gradients(decoder)
    assert len(whole) == 28
    recomputed = 0
    for block in decoder.model.layers:
        plain = block.forward

        def forward(*given: Any, plain: Any = plain) -> Any:
            nonlocal recomputed
            recomputed += 1
            return checkpoint(plain, *given, use_reentrant=False)

        monkeypatch.setattr(block, "forward", forward)
    again = gradients(decoder)
    assert recomputed == 2
    for one, other in zip(whole, again, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("lost", ["lora_A", "lora_B", "base_layer.weight", lora.ALPHA])
def test_adapters_that_are_not_whole_are_refused(lost: str) -> None:
    state = adapted(LoraConfig(rank=2)).state_dict()
    left = {name: tensor for name, tensor in state.items() if not ("layers.1.mlp.up_proj" in name and lost in name)}
    left.pop(lost, None)
    with pytest.raises(CheckpointIncompleteError, match=r"adapter of model\.layers\.\d\.[\w.]+_proj lacks"):
        lora.merge(left)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"alpha": 0.0},
        {"dropout": 1.0},
        {"targets": ()},
        {"targets": ("q_proj", "lm_head")},
        {"targets": ("q_proj", "q_proj")},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="LoRA"):
        LoraConfig(**wrong)


def test_adapters_are_not_put_in_twice() -> None:
    decoder = adapted(LoraConfig(rank=2))
    with pytest.raises(ConfigError, match="already"):
        lora.inject(decoder, LoraConfig(rank=2))


def test_without_peft_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "peft":
            raise ImportError(name)
        return found(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    decoder = Decoder(DecoderConfig.tiny(64))
    with pytest.raises(MissingExtraError, match=r"stepwave\[train\]"):
        lora.inject(decoder, LoraConfig())
    assert all(parameter.requires_grad for parameter in decoder.parameters())
