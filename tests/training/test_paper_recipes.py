"""The report's stages: figures as its sections 3.2 and 3.3 print them, and the sums that they must make."""

import importlib.util
import io
import json
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from rich.console import Console

from stepwave.data.records import Kind
from stepwave.training.estimates.computation import known
from stepwave.training.estimates.showing import show_run
from stepwave.training.language.stages import Stage
from stepwave.training.run import find_recipes
from stepwave.training.sections import settings_section

RECIPES = Path(__file__).parents[2] / "recipes"
FILE = RECIPES / "paper.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("paper_recipes", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAPER = _load()
STAGES: dict[str, Stage] = PAPER.PAPER_STAGES
RECIPE = find_recipes(RECIPES)


def billions(name: str) -> dict[str, float]:
    return {portion.task: portion.tokens / 1e9 for portion in STAGES[name].portions}


def test_there_are_four_stages_of_pre_training_and_fine_tuning() -> None:
    assert list(STAGES) == ["paper_pretrain_1", "paper_pretrain_2", "paper_pretrain_3", "paper_pretrain_4", "paper_sft"]
    assert all(stage.name == name for name, stage in STAGES.items())


def test_pre_training_is_1356_billion_tokens() -> None:
    totals = [sum(billions(name).values()) for name in list(STAGES)[:4]]
    assert totals == pytest.approx([100, 256, 800, 200])
    assert sum(totals) == pytest.approx(1356)


@pytest.mark.parametrize(("name", "text", "audio"), [
    ("paper_pretrain_2", 128, {"tts": 80, "conversation": 32, "interleaved": 16}),
    ("paper_pretrain_3", 400, {"asr": 42, "tts": 120, "s2tt": 8, "t2st": 30, "continuation": 5, "interleaved": 45,
                               "conversation": 150}),
    ("paper_pretrain_4", 100, {"asr": 24.6, "tts": 12.4, "paralinguistic": 2.4, "s2tt": 3.6, "s2st": 6,
                               "interleaved": 15, "conversation": 36}),
])  # fmt: skip
def test_text_and_audio_are_balanced(name: str, text: float, audio: dict[str, float]) -> None:
    assert billions(name) == pytest.approx({"text": text, **audio})
    assert sum(audio.values()) == pytest.approx(text)


def test_alignment_trains_the_adaptor_alone_for_12_000_steps() -> None:
    stage = STAGES["paper_pretrain_1"]
    assert set(stage.rates) == {"adaptor"}
    assert (stage.rates["adaptor"].peak, stage.rates["adaptor"].final) == (1e-4, 2e-5)
    assert (stage.steps, stage.sequence_length) == (12_000, 8_192)
    assert billions(stage.name) == {"asr": 100}


def test_token_extension_has_a_rate_for_each_part() -> None:
    rates = STAGES["paper_pretrain_2"].rates
    peaks = {part: rate.peak for part, rate in rates.items()}
    assert peaks == {"decoder": 2e-5, "adaptor": 5e-5, "embedding": 5e-5, "head": 4e-5}


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("paper_pretrain_3", 2e-5, 2e-5), ("paper_pretrain_4", 2e-5, 5e-6), ("paper_sft", 1e-5, 1e-6)],
)
def test_later_stages_have_one_rate(name: str, first: float, last: float) -> None:
    stage = STAGES[name]
    assert set(stage.rates) == {"adaptor", "decoder", "embedding", "head"}
    for part in stage.rates:
        assert stage.rate_at(stage.warmup_steps, part) == pytest.approx(first)
        assert stage.rate_at(stage.steps, part) == pytest.approx(last)


@pytest.mark.parametrize("stage", STAGES.values(), ids=list(STAGES))
def test_steps_make_the_tokens_of_the_mix(stage: Stage) -> None:
    wanted = sum(portion.tokens for portion in stage.portions)
    # The first stage's steps and tokens are both the report's, and both are rounded there.
    assert stage.tokens == pytest.approx(wanted, rel=0.007 if stage.name == "paper_pretrain_1" else 0.0003)


def test_only_alignment_has_short_sequences() -> None:
    assert [stage.sequence_length for stage in STAGES.values()] == [8_192] + [16_384] * 4


def test_the_encoder_never_learns() -> None:
    assert not any("encoder" in stage.rates for stage in STAGES.values())


def test_fine_tuning_sees_four_billion_tokens() -> None:
    assert sum(billions("paper_sft").values()) == pytest.approx(4)


@pytest.mark.parametrize("name", STAGES)
def test_every_figure_says_where_it_comes_from(name: str) -> None:
    stage = STAGES[name]
    tasks = {f"portions.{portion.task}" for portion in stage.portions}
    figures = {field.name for field in fields(Stage)} - {"name", "notes"}
    told = settings_section("all", RECIPE[name](Path("runs"), "cpu").language, left_out=("stage",))
    settings = {str(row[0]) for row in told.rows}
    assert figures | {"start", "betas", "weight_decay", "clip_norm"} <= set(stage.notes) <= figures | tasks | settings
    assert all(note for note in stage.notes.values())


def test_tasks_are_known_and_name_no_data() -> None:
    for stage in STAGES.values():
        tasks = [portion.task for portion in stage.portions]
        assert set(tasks) <= {*get_args(Kind), "chat", "paralinguistic"}
        assert len(set(tasks)) == len(tasks)
        assert all(known(portion) for portion in stage.portions)
        assert not any(portion.sources for portion in stage.portions)


def test_each_stage_is_a_recipe_that_starts_from_the_one_before(tmp_path: Path) -> None:
    runs = {name: RECIPE[name](tmp_path, "cpu") for name in STAGES}
    languages = [run.language for run in runs.values()]
    assert [language and language.stage for language in languages] == list(STAGES.values())
    starts = [language and language.start for language in languages]
    assert starts == [str(tmp_path / "base"), *list(STAGES)[:4]]
    assert [run.config.name for run in runs.values()] == list(STAGES)
    # Making a run reads and writes nothing.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", STAGES)
def test_a_recipe_is_shown_with_what_it_costs(name: str, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    show_run(RECIPE[name](tmp_path, "cpu"), as_json=True, console=console)
    shown = console.file
    assert isinstance(shown, io.StringIO)
    record = json.loads(shown.getvalue())
    sections = {section["title"]: section for section in record["sections"]}
    mix = {row["task"]: row["tokens"]["value"] / 1e9 for row in sections["mix"]["rows"]}
    assert mix == pytest.approx(billions(name), rel=0.007)
    parts = {row["part"]: row["parameters"]["value"] for row in sections["parts"]["rows"]}
    assert parts["together"] == 8_315_179_264
    assert "GB fit" in sections["memory of a device"]["remarks"][0]
    settings = {row["setting"]: row["where it comes from"] for row in sections["what it is told"]["rows"]}
    assert settings["betas"].startswith("ours")
    assert settings["start"].startswith("report")


def test_the_sums_that_are_told_are_right() -> None:
    names = list(STAGES)[:4]
    text = round(sum(billions(name).get("text", 0) for name in names))
    everything = round(sum(sum(billions(name).values()) for name in names))
    first = STAGES["paper_pretrain_1"]
    exact = round(100e9 / (first.steps * first.sequence_length))
    a_second = (everything - text) * 1e9 / (8e6 * 3600)
    followed = [
        f"{everything:,} B",
        f"{text} B of text",
        f"{680 - text} B more",
        f"{everything - text} B audio tokens",
        f"{a_second:.1f} a second",
        f"{exact:,} sequences",
        f"{first.tokens / 1e9:.1f} B",
        f"{round(everything * 1e9 / (21 * 86_400), -3):,.0f} tokens a second",
    ]
    told = " ".join(PAPER.PAPER_SUMS)
    assert [figure for figure in followed if figure not in told] == []


def test_all_of_pre_training_has_steps_of_the_same_size() -> None:
    assert {STAGES[name].tokens_per_step for name in list(STAGES)[:4]} == {PAPER.TOKENS_PER_STEP}
