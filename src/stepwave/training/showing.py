"""A run shown before it runs: settings and where each comes from, the mix, what it computes and keeps in memory.

A view is a list of sections, each a table; whoever has more to tell adds a section. Printed for people through rich,
for programs as JSON. Nothing here builds a model or opens a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from stepwave.training.estimates import Hardware, device_hours, makeup, position_flops
from stepwave.training.memory_estimates import Layout, accumulation, device_memory
from stepwave.training.model_sizes import ModelSizes, learning_parameters, part_parameters
from stepwave.training.stages import PARTS, Stage

RESERVE: Final = 0.1
"""Share of a device's memory that is left free for the allocator."""
SETTINGS: Final = ("setting", "value", "where it comes from")
"""Columns of a section of settings."""
_SCALES: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, which people see scaled and programs as it is."""

    value: float
    unit: str
    """`bytes`, `FLOP`, `hours`, `days`, `share`, or what is counted: `tokens`, `parameters`."""

    def __str__(self) -> str:
        value, unit = self.value, self.unit
        if unit == "bytes":
            return f"{value / 1e9:,.2f} GB"
        if unit == "share":
            return f"{100 * value:.1f} %"
        if unit == "FLOP":
            return f"{value:.3g} FLOP"
        if unit in ("hours", "days"):
            return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
        for scale, letter in _SCALES:
            if abs(value) >= scale:
                return f"{value / scale:.4g} {letter}"
        return f"{value:,.4g}"


Cell: TypeAlias = str | int | float | bool | Quantity | None
"""What stands in a table; None for nothing."""


@dataclass(frozen=True)
class Section:
    """One table of a view."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """As many cells in each as there are columns."""
    remarks: tuple[str, ...] = ()
    """What is told under the table."""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), f"{self.title}: a row has other columns"


def settings_section(
    title: str, settings: object, notes: Mapping[str, str] | None = None, left_out: Sequence[str] = ()
) -> Section:
    """Every field of a dataclass, those of dataclasses inside it by dotted names.

    Args:
        title: of the section.
        settings: a dataclass.
        notes: where values come from, by dotted name.
        left_out: names (with all below them) that another section shows.
    """
    told = notes or {}
    rows = tuple((name, value, told.get(name)) for name, value in _flat(settings, "", tuple(left_out)))
    return Section(title, SETTINGS, rows)


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
    """Each portion's tokens, its share, what its positions are made of, and where its records come from."""
    total = sum(portion.tokens for portion in stage.portions)
    rows: list[tuple[Cell, ...]] = []
    for portion in stage.portions:
        of = makeup(portion)
        sources = ", ".join(source.address for source in portion.sources)
        rows.append(
            (
                portion.task,
                Quantity(portion.tokens, "tokens"),
                Quantity(portion.tokens / total, "share"),
                Quantity(of.heard, "share"),
                Quantity(of.text, "share"),
                Quantity(of.speech, "share"),
                sources or "yours",
            )
        )
    columns = ("task", "tokens", "share", "heard", "text", "speech", "sources")
    remarks = [f"{name}: {note}" for name, note in stage.notes.items() if name.partition(".")[0] == "portions"]
    remarks.append("heard, text, speech: estimated shares of a task's positions; the others carry no label")
    return Section("mix", columns, tuple(rows), tuple(remarks))


def compute_section(
    sizes: ModelSizes, stage: Stage, layout: Layout, hardware: Hardware, utilisation: float = 0.4
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
        ("device hours", Quantity(hours, "hours"), None),
        (f"days on {layout.devices}", Quantity(hours / layout.devices / 24, "days"), None),
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
    fits = needed <= (1 - RESERVE) * hardware.memory_bytes
    room = f"{needed / 1e9:,.1f} GB {'fit' if fits else 'do not fit'} {hardware.name}, a tenth of it left free"
    how = (
        f"{layout.devices} devices in {layout.data_parallel} groups of {layout.tensor_parallel}; "
        f"{layout.micro_sequences} sequences at once, {accumulation(stage, layout)} times in a step; activations are "
        f"{'computed again' if layout.checkpointing else 'kept'}"
    )
    return Section("memory of a device", ("what", "amount"), tuple(rows), (room, how))


def stage_sections(
    sizes: ModelSizes, stage: Stage, layout: Layout, hardware: Hardware, utilisation: float = 0.4
) -> list[Section]:
    """All that can be told of a stage: length, parts, mix, computation, memory."""
    return [
        stage_section(stage),
        parts_section(sizes, stage, layout),
        mix_section(stage),
        compute_section(sizes, stage, layout, hardware, utilisation),
        memory_section(sizes, stage, layout, hardware),
    ]


def print_sections(name: str, sections: Sequence[Section], console: Console) -> None:
    """Show a view to people."""
    console.print(Text(name, style="bold"))
    for section in sections:
        console.print(_table(section))


def sections_as_json(name: str, sections: Sequence[Section]) -> dict[str, Any]:
    """The same view as JSON values: numbers unscaled, units beside them."""
    return {
        "name": name,
        "sections": [
            {
                "title": section.title,
                "rows": [
                    {column: _plain(cell) for column, cell in zip(section.columns, row, strict=True)}
                    for row in section.rows
                ],
                "remarks": list(section.remarks),
            }
            for section in sections
        ],
    }


def _flat(settings: object, prefix: str, left_out: tuple[str, ...]) -> Iterator[tuple[str, Cell]]:
    """Dotted names and values of a dataclass's fields."""
    assert is_dataclass(settings)
    for field in fields(settings):
        name = prefix + field.name
        value = getattr(settings, field.name)
        if name in left_out:
            continue
        if is_dataclass(value) and not isinstance(value, type):
            yield from _flat(value, f"{name}.", left_out)
        elif value is None or isinstance(value, str | int | float):
            yield name, value
        else:
            yield name, _words(value)


def _words(value: object) -> str:
    """A mapping or sequence of settings on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_words(each) for each in value) or "none"
    return str(value)


def _table(section: Section) -> Group:
    table = Table(title=section.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for index, column in enumerate(section.columns):
        numbers = index > 0 and any(isinstance(row[index], Quantity) for row in section.rows)
        table.add_column(column, justify="right" if numbers else "left", no_wrap=numbers)
    for row in section.rows:
        table.add_row(*(Text(_shown(cell)) for cell in row))
    return Group(table, *(Text(remark) for remark in section.remarks), Text(""))


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


def _plain(cell: Cell) -> Any:
    return {"value": cell.value, "unit": cell.unit} if isinstance(cell, Quantity) else cell
