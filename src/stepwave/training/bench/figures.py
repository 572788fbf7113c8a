"""What measured training steps say: throughput, share of the peak, where time goes, memory; for people and programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from stepwave.training.bench.measuring import Measurements
from stepwave.training.bench.step_times import PHASES, Phase, StepTimes
from stepwave.training.sections import Cell, Quantity, Section

RANGE: Final = (5, 95)
"""Percentiles over steps between which a figure is told to lie."""
COLUMNS: Final = ("what", "median", "5 %", "95 %", "overall")


@dataclass(frozen=True)
class Figure:
    """A figure over the steps."""

    median: float
    low: float
    high: float
    """Between these lie nine steps of ten."""
    overall: float
    """Of all steps taken as one."""


def figure(steps: Sequence[StepTimes], of: Callable[[StepTimes], float], per: Callable[[StepTimes], float]) -> Figure:
    """The ratio of two quantities of a step."""
    above, below = np.array([of(step) for step in steps]), np.array([per(step) for step in steps])
    ratios = above / below
    low, high = np.percentile(ratios, RANGE)
    return Figure(float(np.median(ratios)), float(low), float(high), float(above.sum() / below.sum()))


@dataclass(frozen=True)
class Figures:
    """What a benchmark found."""

    step_seconds: Figure
    tokens_per_second: Figure
    """Positions without padding, over all devices."""
    flops_per_second: Figure | None
    """Model FLOPs, over all devices; None where nobody counts them."""
    utilisation: Figure | None
    """Model FLOPs utilisation (MFU): their share of the devices' peak."""
    phases: dict[str, Figure]
    """Shares of a step's time."""
    tokens: int
    seconds: float


def figures_of(measured: Measurements) -> Figures:
    """Reckon the figures."""
    steps = measured.steps

    def seconds(step: StepTimes) -> float:
        return step.seconds

    def flops(step: StepTimes) -> float:
        return step.flops or 0.0

    def share(phase: Phase) -> Figure:
        return figure(steps, lambda step: step.phases[phase], seconds)

    counted = all(step.flops is not None for step in steps)
    peak = measured.peak.flops
    return Figures(
        figure(steps, seconds, lambda step: 1.0),
        figure(steps, lambda step: step.positions, seconds),
        figure(steps, flops, seconds) if counted else None,
        figure(steps, lambda step: flops(step) / peak, seconds) if counted else None,
        {phase: share(phase) for phase in PHASES},
        sum(step.positions for step in steps),
        sum(step.seconds for step in steps),
    )


def as_json(measured: Measurements) -> dict[str, Any]:
    """All of it as JSON values: bytes, seconds, FLOPs a second, shares from 0 to 1."""
    found = figures_of(measured)
    memory = measured.memory
    return {
        "name": measured.plan.config.name,
        **asdict(found),
        "steps": len(measured.steps),
        "warmup": measured.warmup,
        "device": measured.device,
        "processes": measured.processes,
        "peak": {"flops_per_second": measured.peak.flops, "origin": measured.peak.origin},
        "memory": {"peak": memory.peak, "before": memory.before},
        "settings": dict(_settings(measured)),
        "environment": measured.environment,
    }


def sections_of(measured: Measurements) -> list[Section]:
    """All of it as tables."""
    found = figures_of(measured)
    peak, memory = measured.peak, measured.memory
    speed = [_row("seconds a step", "seconds", found.step_seconds)]
    speed.append(_row("tokens a second", "tokens", found.tokens_per_second))
    if found.flops_per_second is not None and found.utilisation is not None:
        speed.append(_row("model FLOPs a second", "FLOP a second", found.flops_per_second))
        speed.append(_row("MFU", "share", found.utilisation))
    names = {"waiting": "waiting for data", "optimiser": "clipping, optimiser"}
    phases = [_row(names.get(phase, phase), "share", each) for phase, each in found.phases.items()]
    facts = measured.environment
    length = f"{len(measured.steps)} steps after {measured.warmup} to warm up"
    remarks = (
        f"{length}; {found.tokens:,} tokens in {found.seconds:.1f} s",
        f"peak: {Quantity(peak.flops, 'FLOP a second')} FLOPs a second ({peak.origin})",
    )
    where = (
        f"{measured.processes} x {measured.device}; {facts['cores']} cores, {facts['threads']} threads, "
        f"load {facts['load']} when it began; PyTorch {facts['packages']['torch']}"
    )
    full = "allocated on the GPU" if measured.kind == "cuda" else "resident, the whole process"
    amounts = (
        (full, Quantity(memory.peak, "bytes")),
        ("of it since the model was begun", Quantity(max(0.0, memory.peak - memory.before), "bytes")),
    )
    return [
        Section("speed", COLUMNS, tuple(speed), remarks),
        Section("a step's time", COLUMNS, tuple(phases)),
        Section("memory of a process at its fullest", ("what", "amount"), amounts),
        Section("settings", ("setting", "value"), tuple(_settings(measured)), (where,)),
    ]


def comparison(measured: Mapping[str, Measurements]) -> Section:
    """Several measurements side by side, the first of which the others are compared with."""
    first = next(iter(measured.values()))
    rows: list[tuple[Cell, ...]] = []
    for label, each in measured.items():
        found, at_first = figures_of(each), figures_of(first)
        times = at_first.step_seconds.median / found.step_seconds.median
        positions = found.tokens_per_second.overall / at_first.tokens_per_second.overall
        # Resident memory only grows, so that what comes second shows the first one's.
        memory = Quantity(each.memory.peak, "bytes") if each.kind == "cuda" else None
        rows.append(
            (
                label,
                Quantity(found.step_seconds.median, "seconds"),
                f"x {times:.2f}",
                Quantity(found.tokens_per_second.overall, "tokens"),
                f"x {positions:.2f}",
                memory,
            )
        )
    columns = ("with", "seconds a step", "speed", "tokens a second", "throughput", "memory")
    return Section("compared", columns, tuple(rows))


def _row(name: str, unit: str, each: Figure) -> tuple[Cell, ...]:
    return (name, *(Quantity(value, unit) for value in (each.median, each.low, each.high, each.overall)))


def _settings(measured: Measurements) -> list[tuple[str, Cell]]:
    plan = measured.plan
    rows: list[tuple[str, Cell]] = [
        ("precision", measured.precision),
        ("compile", plan.config.compile),
    ]
    language = plan.language
    if language is None:
        return rows
    feeding, stage = language.feeding, language.stage
    return [
        *rows,
        ("learns", ", ".join(stage.rates)),
        ("sequence length", stage.sequence_length),
        ("sequences in a step", stage.sequences_per_step),
        ("sequences at once", feeding.sequences_at_once),
        ("packed", feeding.packed),
        ("recompute", language.recompute),
        ("attention", plan.attention or "what suits the device"),
        ("LoRA rank", None if language.lora is None else language.lora.rank),
        ("heard as", feeding.heard),
        ("workers", feeding.workers),
        ("tensor parallel", language.tensor_parallel),
    ]
