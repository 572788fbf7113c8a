"""A run shown: what stands in each section, as a table and as JSON, and that no setting is left out."""

import io
import json
import math
from dataclasses import dataclass, field, fields, replace

import pytest
from rich.console import Console

from stepwave.data.sources.contract import SourceConfig
from stepwave.facts.errors import ConfigError
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.estimates.computation import H100, device_hours, position_flops
from stepwave.training.estimates.memory import Layout, device_memory
from stepwave.training.estimates.showing import (
    compute_section,
    fewest_devices,
    layout_of,
    memory_section,
    mix_section,
    parts_section,
    run_sections,
    show_run,
    sizes_of,
    stage_sections,
)
from stepwave.training.estimates.sizes import ModelSizes
from stepwave.training.experiment import Experiment
from stepwave.training.language.lora import LoraConfig
from stepwave.training.language.run import Checks, LanguageRun
from stepwave.training.language.stages import Portion, Rates, Stage
from stepwave.training.run import Run
from stepwave.training.sections import Quantity, Section, print_sections, sections_as_json, settings_section

MINI = ModelSizes.mini()
STAGE = Stage(
    name="trial",
    rates={"adaptor": Rates(1e-4, 1e-5), "decoder": Rates(2e-5)},
    portions=(
        Portion("text", 3e9),
        Portion("asr", 1e9, (SourceConfig("corpus/[a].jsonl"), SourceConfig("b/*.parquet"))),
    ),
    sequence_length=16_384,
    sequences_per_step=8,
    steps=1_000,
    schedule="cosine",
    warmup_steps=10,
    notes={"steps": "ours", "portions": "report 3.2", "portions.asr": "many languages", "rates": "chosen"},
)
LAYOUT = Layout(devices=4, lora=LoraConfig(rank=8), scored_positions=4_096)


def column(section: Section, name: str) -> dict[object, object]:
    place = section.columns.index(name)
    return {row[0]: row[place] for row in section.rows}


def printed(sections: list[Section], width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_sections("trial", sections, console)
    shown = console.file
    assert isinstance(shown, io.StringIO)
    return shown.getvalue()


@pytest.mark.parametrize(("value", "unit", "shown"), [
    (44.1e9, "bytes", "44.10 GB"),
    (3_805_312, "bytes", "3.81 MB"),
    (2e-5, "days", "1.7 seconds"),
    (0.1234, "share", "12.3 %"),
    (3.634e21, "FLOP", "3.63e+21 FLOP"),
    (28_998.4, "hours", "28,998 hours"),
    (2.345, "days", "2.35 days"),
    (100_663_296_000, "tokens", "100.7 B"),
    (1.356e12, "tokens", "1.356 T"),
    (14_883_584, "parameters", "14.88 M"),
    (0, "parameters", "0"),
    (512, "tokens", "512"),
])  # fmt: skip
def test_quantities_are_scaled_for_people(value: float, unit: str, shown: str) -> None:
    assert str(Quantity(value, unit)) == shown


def test_a_mix_has_the_shares_of_its_tokens() -> None:
    section = mix_section(STAGE)
    assert column(section, "share") == {"text": Quantity(0.75, "share"), "asr": Quantity(0.25, "share")}
    tokens = {"text": Quantity(98_304_000, "tokens"), "asr": Quantity(32_768_000, "tokens")}
    assert column(section, "tokens") == tokens
    assert column(section, "sources") == {"text": "yours", "asr": "corpus/[a].jsonl, b/*.parquet"}
    assert "portions.asr: many languages" in section.remarks
    assert "portions: report 3.2" in section.remarks


def test_parts_tell_what_learns_and_how_fast() -> None:
    section = parts_section(MINI, STAGE, Layout())
    assert column(section, "learn")["decoder"] == Quantity(6_525_621_760, "parameters")
    assert column(section, "learn")["encoder"] == Quantity(0, "parameters")
    assert column(section, "learning rate") == {
        "encoder": None, "adaptor": "0.0001 to 1e-05", "decoder": "2e-05", "embedding": None, "head": None,
        "together": None,
    }  # fmt: skip
    adapted = parts_section(MINI, STAGE, LAYOUT)
    assert column(adapted, "parameters") == column(section, "parameters")
    assert column(adapted, "learn")["decoder"] == Quantity(20_185_088, "parameters")
    assert any("rank 8" in remark for remark in adapted.remarks)


def test_computation_adds_up_to_hours_and_days() -> None:
    section = compute_section(MINI, STAGE, LAYOUT, H100, 0.5)
    amounts = column(section, "amount")
    whole = sum(position_flops(MINI, STAGE, LAYOUT.lora).values()) * STAGE.tokens
    hours = device_hours(whole, H100, 0.5)
    assert amounts["the stage"] == Quantity(whole, "FLOP")
    assert amounts["device time"] == Quantity(hours, "hours")
    assert amounts["time on 4"] == Quantity(hours / 96, "days")


@pytest.mark.parametrize(("layout", "told"), [(LAYOUT, "GB fit H100"), (Layout(), "do not fit H100")])
def test_memory_says_whether_it_fits(layout: Layout, told: str) -> None:
    section = memory_section(MINI, STAGE, layout, H100)
    together = column(section, "amount")["together"]
    assert together == Quantity(sum(device_memory(MINI, STAGE, layout).values()), "bytes")
    assert any(told in remark for remark in section.remarks)


def test_every_setting_is_shown_with_where_it_comes_from() -> None:
    config = TrainConfig("trial", 5, {"decoder": OptimiserConfig(1e-3)}, trackers=())
    section = settings_section("training", config, {"seed": "ours"}, left_out=("optimisers",))
    values = column(section, "value")
    assert set(values) == {each.name for each in fields(TrainConfig)} - {"optimisers"}
    assert values["steps"] == 5
    assert values["trackers"] == "none"
    assert column(section, "where it comes from")["seed"] == "ours"
    assert column(section, "where it comes from")["steps"] is None


@dataclass(frozen=True)
class Inner:
    rank: int = 4
    parts: tuple[str, ...] = ("a", "b")


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    nothing: Inner | None = None
    rates: dict[str, float] = field(default_factory=lambda: {"a": 0.5})
    longest: float = math.inf
    folded: bool = False


def test_settings_inside_settings_have_dotted_names() -> None:
    section = settings_section("all", Outer(), {"inner.rank": "ours"})
    assert section.rows == (
        ("inner.rank", 4, "ours"),
        ("inner.parts", "a, b", None),
        ("nothing", None, None),
        ("rates", "a: 0.5", None),
        ("longest", math.inf, None),
        ("folded", False, None),
    )
    shown = sections_as_json("all", [section])["sections"][0]["rows"]
    assert [row["value"] for row in shown] == [4, "a, b", None, "a: 0.5", "inf", False]
    fewer = settings_section("all", Outer(), left_out=("inner", "rates"))
    assert [row[0] for row in fewer.rows] == ["nothing", "longest", "folded"]


def test_people_see_every_section_and_markup_is_not_obeyed() -> None:
    text = printed(stage_sections(MINI, STAGE, LAYOUT, H100))
    for told in ("stage", "parts", "mix", "computation", "memory of a device", "corpus/[a].jsonl", "75.0 %", "1,000"):
        assert told in text
    assert "no" in printed([settings_section("all", Outer())]).split()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_amounts_are_never_cut(width: int) -> None:
    text = printed(stage_sections(MINI, STAGE, LAYOUT, H100), width)
    memory = device_memory(MINI, STAGE, LAYOUT)
    assert all(str(Quantity(value, "bytes")) in text for value in memory.values())


def test_programs_see_numbers_as_they_are() -> None:
    sections = stage_sections(MINI, STAGE, LAYOUT, H100)
    record = json.loads(json.dumps(sections_as_json("trial", sections), allow_nan=False))
    assert record["name"] == "trial"
    stage, _, mix, _, memory = record["sections"]
    assert {row["setting"]: row["value"] for row in stage["rows"]}["tokens of the stage"] == {
        "value": 131_072_000,
        "unit": "tokens",
    }
    assert mix["rows"][0]["tokens"] == {"value": 98_304_000, "unit": "tokens"}
    amounts = [row["amount"]["value"] for row in memory["rows"]]
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1])


def test_a_row_with_other_columns_is_a_slip() -> None:
    with pytest.raises(AssertionError, match="stage"):
        Section("stage", ("a", "b"), (("one",),))


def _run(language: LanguageRun | None, steps: int = 1_000) -> Run:
    def build() -> Experiment:
        raise AssertionError("a run that is shown is not built")

    return Run(TrainConfig("trial", steps, {"decoder": OptimiserConfig(1e-3)}), build, language)


def test_the_fewest_devices_with_room_are_shown() -> None:
    whole = LanguageRun(STAGE, "mini", recompute=True, prompts="released")
    adapted = replace(whole, lora=LoraConfig())
    kept = replace(adapted, recompute=False)
    counts = {}
    for name, language in (("whole", whole), ("adapted", adapted), ("kept", kept)):
        layout = fewest_devices(sizes_of(language), STAGE, layout_of(language), H100)
        counts[name] = layout.devices
    # Weights, gradients and moments divide; activations do not, and a step has only 8 sequences.
    assert counts == {"whole": 4, "adapted": 1, "kept": 8}


def test_a_stage_is_shown_as_long_as_the_command_line_makes_it() -> None:
    language = LanguageRun(STAGE, "mini", recompute=True, prompts="released")
    stage = run_sections(_run(language, steps=7))[0]
    assert column(stage, "value")["steps"] == 7
    assert column(stage, "value")["tokens of the stage"] == Quantity(7 * 131_072, "tokens")


def test_every_setting_of_a_language_run_is_shown() -> None:
    checked = Checks((Portion("asr", 1.0), Portion("tts", 1.0)))
    language = LanguageRun(STAGE, "mini", checks=checked, prompts="released", recompute=True)
    sections = {section.title: section for section in run_sections(_run(language), devices=8)}
    settings = column(sections["what it is told"], "value")
    names = {each.name for each in fields(LanguageRun)} - {"stage"}
    assert names == {str(name).partition(".")[0] for name in settings}
    assert settings["checks.portions"] == "asr, tts"
    assert "time on 8" in column(sections["computation"], "amount")


def test_devices_that_do_not_suit_a_stage_are_refused() -> None:
    with pytest.raises(ConfigError, match="8 sequences in a step"):
        run_sections(_run(LanguageRun(STAGE, "mini", prompts="released")), devices=16)


def test_a_run_of_another_part_shows_its_optimisers() -> None:
    console = Console(file=io.StringIO(), width=80)
    show_run(_run(None), console=console)
    shown = console.file
    assert isinstance(shown, io.StringIO)
    assert "optimiser of decoder" in shown.getvalue()
    assert "0.001" in shown.getvalue()


def test_json_is_one_object_on_one_line() -> None:
    console = Console(file=io.StringIO(), width=40)
    show_run(_run(LanguageRun(STAGE, "mini", prompts="released", recompute=True)), as_json=True, console=console)
    shown = console.file
    assert isinstance(shown, io.StringIO)
    assert shown.getvalue().count("\n") == 1
    assert json.loads(shown.getvalue())["name"] == "trial"
