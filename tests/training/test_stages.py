"""A stage as data: what it refuses, what it counts, and its learning rates at every step."""

import math
from dataclasses import replace

import pytest

from stepwave.facts.errors import ConfigError
from stepwave.training.language.stages import PARTS, Part, Portion, Rates, Stage


def stage(**changes: object) -> Stage:
    plain = Stage(
        name="trial",
        rates={"decoder": Rates(1e-3, 1e-4), "head": Rates(2e-3)},
        portions=(Portion("text", 3), Portion("asr", 1)),
        sequence_length=64,
        sequences_per_step=6,
        steps=100,
        schedule="cosine",
        warmup_steps=10,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_stage_counts_its_tokens() -> None:
    assert stage().tokens_per_step == 384
    assert stage().tokens == 38_400


def test_warm_up_rises_evenly_to_the_peak() -> None:
    rates = [stage().rate_at(step, "decoder") for step in range(10)]
    assert rates == pytest.approx([1e-4 * (step + 1) for step in range(10)])


def test_a_cosine_falls_from_peak_to_final() -> None:
    assert stage().rate_at(10, "decoder") == pytest.approx(1e-3)
    assert stage().rate_at(55, "decoder") == pytest.approx((1e-3 + 1e-4) / 2)
    quarter = 1e-4 + 9e-4 * (1 + math.cos(math.pi / 3)) / 2
    assert stage().rate_at(40, "decoder") == pytest.approx(quarter)
    assert stage().rate_at(100, "decoder") == pytest.approx(1e-4)


def test_a_line_falls_by_the_same_amount_each_step() -> None:
    falling = stage(schedule="linear")
    assert [falling.rate_at(step, "decoder") for step in (10, 40, 100)] == pytest.approx([1e-3, 7e-4, 1e-4])


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_past_the_end_the_final_rate_stays(schedule: str) -> None:
    assert stage(schedule=schedule).rate_at(5_000, "decoder") == pytest.approx(1e-4)


def test_a_constant_stays_at_the_peak_and_so_does_a_part_without_final_rate() -> None:
    assert stage(schedule="constant").rate_at(99, "decoder") == 1e-3
    assert stage().rate_at(99, "head") == pytest.approx(2e-3)


def test_parts_keep_their_ratio_while_warming_up() -> None:
    both = stage()
    assert both.rate_at(3, "head") == pytest.approx(2 * both.rate_at(3, "decoder"))


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert stage(warmup_steps=0).rate_at(0, "decoder") == 1e-3


@pytest.mark.parametrize("part", [part for part in PARTS if part not in ("decoder", "head")])
def test_a_frozen_part_has_no_rate(part: Part) -> None:
    with pytest.raises(KeyError):
        stage().rate_at(0, part)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rates": {}}, "nothing"),
        ({"rates": {"vocoder": Rates(1e-3)}}, "vocoder"),
        ({"sequence_length": 0}, "lengths"),
        ({"sequences_per_step": 0}, "lengths"),
        ({"steps": 0}, "steps"),
        ({"warmup_steps": -1}, "warm-up"),
        ({"portions": ()}, "empty"),
        ({"portions": (Portion("text", 0.0), Portion("asr", 0.0))}, "above 0"),
        ({"portions": (Portion("text", -1.0), Portion("asr", 2.0))}, "below 0"),
        ({"portions": (Portion("text", math.inf),)}, "inf"),
        ({"portions": (Portion("text", math.nan),)}, "nan"),
    ],
)
def test_a_stage_refuses_what_cannot_be_trained(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as raised:
        stage(**changes)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("peak", "final"), [(0.0, None), (-1e-3, None), (1e-3, 2e-3), (1e-3, -1e-9)])
def test_rates_refuse_a_peak_below_the_end(peak: float, final: float | None) -> None:
    with pytest.raises(ConfigError):
        Rates(peak, final)
