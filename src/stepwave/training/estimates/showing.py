"""A run shown before it runs: settings and where each comes from, the mix, what it computes and keeps in memory.

Nothing here builds a model or opens a file, so a stage for a thousand GPUs can be shown on a laptop. The sums are
`computation`'s and `memory`'s.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from rich.console import Console

from stepwave.training.estimates.computation import H100, Hardware, device_hours, known, makeup, position_flops
from stepwave.training.estimates.memory import Layout, accumulation, device_memory
from stepwave.training.estimates.sizes import ModelSizes, learning_parameters, part_parameters
from stepwave.training.language.model import CHUNK
from stepwave.training.language.run import LanguageRun
from stepwave.training.language.stages import PARTS, Stage
from stepwave.training.run import Run
from stepwave.training.sections import (
    SETTINGS,
    Cell,
    Quantity,
    Section,
    print_sections,
    sections_as_json,
    settings_section,
)

RESERVE: Final = 0.1
"""Share of a device's memory that is left free for the allocator."""
UTILISATION: Final = 0.4
"""Share of a device's peak that training is taken to reach."""


def show_run(
    run: Run,
    *,
    as_json: bool = False,
    devices: int | None = None,
    hardware: Hardware = H100,
    console: Console | None = None,
) -> None:
    """Print all that can be told of a run.

    Args:
        run: any; only a stage of the speech language model has its cost estimated.
        as_json: one JSON object in place of tables.
        devices: how many to reckon with; by default as few as have room.
        hardware: what they are.
        console: where to; standard output by default.

    Raises ConfigError where the devices do not suit the stage.
    """
    sections = run_sections(run, devices, hardware)
    console = console or Console()
    if as_json:
        record = json.dumps(sections_as_json(run.config.name, sections), ensure_ascii=False, allow_nan=False)
        console.print(record, markup=False, highlight=False, soft_wrap=True)
    else:
        print_sections(run.config.name, sections, console)


def run_sections(run: Run, devices: int | None = None, hardware: Hardware = H100) -> list[Section]:
    """All sections of a run; see `show_run`."""
    config = settings_section("how it goes", run.config, left_out=("optimisers",))
    if run.language is None:
        optimisers = [
            settings_section(f"optimiser of {name}", settings) for name, settings in run.config.optimisers.items()
        ]
        return [config, *optimisers]
    language = run.language
    # The command line may shorten a run.
    stage = replace(language.stage, steps=run.config.steps)
    sizes = sizes_of(language)
    layout = fewest_devices(sizes, stage, layout_of(language), hardware)
    if devices is not None:
        layout = replace(layout, devices=devices)
    told = settings_section("what it is told", language, stage.notes, left_out=("stage", "checks.portions"))
    checks = ("checks.portions", ", ".join(portion.task for portion in language.checks.portions) or "none", None)
    return [
        *stage_sections(sizes, stage, layout, hardware),
        replace(told, rows=(*told.rows, checks)),
        config,
    ]


def sizes_of(language: LanguageRun) -> ModelSizes:
    """Sizes of the model that a run trains: nano's or the released one's, as its prompts are."""
    sizes = ModelSizes.nano if language.prompts == "nano" else ModelSizes.mini
    return sizes(by_slot=language.losses.by_slot)


def layout_of(language: LanguageRun) -> Layout:
    """How a run computes, on as few devices as its tensor parallelism needs."""
    return Layout(
        devices=language.tensor_parallel,
        tensor_parallel=language.tensor_parallel,
        checkpointing=language.recompute,
        micro_sequences=language.feeding.sequences_at_once,
        lora=language.lora,
        stored_frames=language.feeding.heard == "frames",
        scored_positions=CHUNK,
    )


def fewest_devices(sizes: ModelSizes, stage: Stage, layout: Layout, hardware: Hardware) -> Layout:
    """The layout on twice as many devices, and twice as many, until one has room or none is left without a sequence."""
    while not _fits(sum(device_memory(sizes, stage, layout).values()), hardware):
        more = replace(layout, devices=2 * layout.devices)
        if more.data_parallel * more.micro_sequences > stage.sequences_per_step:
            break
        layout = more
    return layout


def stage_section(stage: Stage) -> Section:
    """How long a stage is and what follows from that."""
    notes = stage.notes
    rows: list[tuple[Cell, ...]] = [
        (name, getattr(stage, name), notes.get(name))
        for name in ("sequence_length", "sequences_per_step", "steps", "schedule", "warmup_steps")
    ]
    rows.append(("tokens in a step", Quantity(stage.tokens_per_step, "tokens"), "follows"))
    rows.append(("tokens of the stage", Quantity(stage.tokens, "tokens"), "follows"))
    return Section("stage", SETTINGS, tuple(rows))


def parts_section(sizes: ModelSizes, stage: Stage, layout: Layout) -> Section:
    """Each part's parameters, those that learn, and its learning rate at both ends."""
    own, learning = part_parameters(sizes), learning_parameters(sizes, stage.rates, layout.lora)
    rows: list[tuple[Cell, ...]] = []
    for part in PARTS:
        rates = None
        if part in stage.rates:
            first, last = (stage.rate_at(step, part) for step in (stage.warmup_steps, stage.steps))
            rates = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        rows.append((part, Quantity(own[part], "parameters"), Quantity(learning.get(part, 0), "parameters"), rates))
    total = (Quantity(sum(own.values()), "parameters"), Quantity(sum(learning.values()), "parameters"))
    rows.append(("together", *total, None))
    remarks = [f"rates: {stage.notes['rates']}"] if "rates" in stage.notes else []
    if layout.lora is not None:
        remarks.append(f"the decoder learns through adapters of rank {layout.lora.rank}")
    if sizes.decoder.tied:
        remarks.append("the head is the embedding itself")
    return Section("parts", ("part", "parameters", "learn", "learning rate"), tuple(rows), tuple(remarks))


def mix_section(stage: Stage) -> Section:
    """Tokens from each portion, its share, what its positions are made of, and where its records come from."""
    total = sum(portion.tokens for portion in stage.portions)
    rows: list[tuple[Cell, ...]] = []
    for portion in stage.portions:
        of, share = makeup(portion), portion.tokens / total
        sources = ", ".join(source.address for source in portion.sources)
        rows.append(
            (
                portion.task,
                Quantity(share * stage.tokens, "tokens"),
                Quantity(share, "share"),
                Quantity(of.heard, "share"),
                Quantity(of.text, "share"),
                Quantity(of.speech, "share"),
                sources or "yours",
            )
        )
    columns = ("task", "tokens", "share", "heard", "text", "speech", "sources")
    remarks = [f"{name}: {note}" for name, note in stage.notes.items() if name.partition(".")[0] == "portions"]
    remarks.append("heard, text, speech: estimated shares of a task's positions; the others carry no label")
    remarks += [
        f"{portion.task}: not known, reckoned as conversation" for portion in stage.portions if not known(portion)
    ]
    return Section("mix", columns, tuple(rows), tuple(remarks))


def compute_section(
    sizes: ModelSizes, stage: Stage, layout: Layout, hardware: Hardware, utilisation: float = UTILISATION
) -> Section:
    """FLOPs of a position by part, and the time of the whole stage at a share of the peak.

    Raises ConfigError for a utilisation out of range.
    """
    flops = position_flops(sizes, stage, layout.lora, stored_frames=layout.stored_frames)
    each = sum(flops.values())
    whole = each * stage.tokens
    hours = device_hours(whole, hardware, utilisation)
    rows: list[tuple[Cell, ...]] = [
        (f"{name}, a position", Quantity(value, "FLOP"), Quantity(value / each, "share"))
        for name, value in flops.items()
    ]
    rows += [
        ("together, a position", Quantity(each, "FLOP"), None),
        ("the stage", Quantity(whole, "FLOP"), None),
        ("device time", Quantity(hours, "hours"), None),
        (f"time on {layout.devices}", Quantity(hours / layout.devices / 24, "days"), None),
    ]
    remarks = (
        f"{hardware.name}: {hardware.peak_flops / 1e12:,.0f} TFLOP/s at {100 * utilisation:g} % of the peak, assumed",
        "documents are taken to fill a sequence, which is the most that attention can cost",
    )
    return Section("computation", ("what", "amount", "share"), tuple(rows), remarks)


def memory_section(sizes: ModelSizes, stage: Stage, layout: Layout, hardware: Hardware) -> Section:
    """What each device keeps, and whether it has room.

    Raises ConfigError where the layout does not suit the model or the stage.
    """
    memory = device_memory(sizes, stage, layout)
    needed = sum(memory.values())
    rows: list[tuple[Cell, ...]] = [(name, Quantity(value, "bytes")) for name, value in memory.items()]
    rows.append(("together", Quantity(needed, "bytes")))
    fits = "fit" if _fits(needed, hardware) else "do not fit"
    room = f"{needed / 1e9:,.1f} GB {fits} {hardware.name}, a tenth of it left free"
    how = (
        f"{layout.devices} devices in {layout.data_parallel} groups of {layout.tensor_parallel}; "
        f"{layout.micro_sequences} sequences at once, {accumulation(stage, layout)} times in a step; activations are "
        f"{'computed again' if layout.checkpointing else 'kept'}"
    )
    return Section("memory of a device", ("what", "amount"), tuple(rows), (room, how))


def stage_sections(
    sizes: ModelSizes, stage: Stage, layout: Layout, hardware: Hardware, utilisation: float = UTILISATION
) -> list[Section]:
    """All that can be told of a stage: length, parts, mix, computation, memory."""
    return [
        stage_section(stage),
        parts_section(sizes, stage, layout),
        mix_section(stage),
        compute_section(sizes, stage, layout, hardware, utilisation),
        memory_section(sizes, stage, layout, hardware),
    ]


def _fits(needed: float, hardware: Hardware) -> bool:
    return needed <= (1 - RESERVE) * hardware.memory_bytes
