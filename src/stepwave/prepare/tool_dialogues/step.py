"""The step that writes tool dialogues: as many scripts that ask for each tool as scripts that do not."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, Literal

from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError
from stepwave.prepare.dialogues.everyday import everyday_dialogues
from stepwave.prepare.pipeline.steps import Kept, Outcome, Step, Worker, drawing, one_by_one, short_digest
from stepwave.prepare.tool_dialogues.custom import CustomTool
from stepwave.prepare.tool_dialogues.tool_grammar import Asker, other_tools, own_tool, read
from stepwave.prepare.tool_dialogues.writing import Target, Writer
from stepwave.text.schemas import ToolSchema
from stepwave.text.standard_tools import AUDIO_SEARCH, BENCHMARK_NAMES, STANDARD_TOOLS

Names = Literal["own", "benchmark"]
"""What the four tools are called: plainly, or as in StepEval-Audio-Toolcall (`timbre_rag`, `get_weather`, ...)."""
_NEGATIVES: Final[tuple[Target, ...]] = ("nothing", "another")


@dataclass(frozen=True)
class ToolDialogues(Step):
    """Writes scripts of the kind `tools`, not spoken yet; see `writing` for how they are made.

    `details` of a record: `tools` (the schemas offered, as entries of the `tool_json_schemas` turn), `tool` (the one
    under test), `positive` (whether the last human turn asks for it), `intention` (`explicit`, `implicit`, `none`, or
    `other` for another tool, which is then called), `reference` (the call expected after that turn, or null),
    `phrasing` (that turn before its slots were filled; its digest decides the split).

    Raises ConfigError for an amount below one, an unknown tool, and a custom tool named as a standard one.
    """

    name: ClassVar[str] = "tool-dialogues"
    part_size: ClassVar[int] = 256
    per_tool: int = 1_000
    """Scripts that ask for each tool; as many that do not are written as well."""
    seed: int = 0
    tools: tuple[str, ...] = tuple(STANDARD_TOOLS)
    """Which of the standard tools to write for, by their own names; the others are still offered."""
    names: Names = "own"
    custom: tuple[ToolSchema, ...] = ()
    """Further tools to write for, known by their schemas alone; see `custom`."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.tools) - set(STANDARD_TOOLS))
        if self.per_tool < 1 or unknown:
            raise ConfigError(
                f"got {self.per_tool} scripts for each of {', '.join(self.tools)}; wanted at least one, "
                f"and tools among {', '.join(STANDARD_TOOLS)}"
            )
        taken = [tool.name for tool in self.custom]
        clash = sorted(
            name for name in set(taken) if taken.count(name) > 1 or name in map(self._called, STANDARD_TOOLS)
        )
        if clash:
            raise ConfigError(f"custom tools named {', '.join(clash)} clash with others; rename them")

    def rows(self) -> Iterable[Record]:
        """Scripts that ask and scripts that do not, in turn, tool by tool."""
        tested = [*map(self._called, self.tools), *(tool.name for tool in self.custom)]
        for tool in tested:
            for number in range(2 * self.per_tool):
                target: Target = "asked" if number % 2 == 0 else _NEGATIVES[number // 2 % 2]
                id = short_digest(self.name, self.seed, tool, number)
                yield Record(id, "tools", (), details={"tool": tool, "target": target})

    def open(self) -> Worker:
        """Read the grammars and draw the everyday dialogues."""
        standard = [own_tool(replace(tool, name=self._called(name)), name) for name, tool in STANDARD_TOOLS.items()]
        custom = [CustomTool(tool) for tool in self.custom]
        known = {tool.name for tool in self.custom}
        others = [tool for tool in other_tools() if tool.schema.name not in known]
        askers: list[Asker] = [*standard, *custom, *others]
        writer = Writer(
            askers,
            everyday_dialogues(self.seed, None),
            read("shared")["everyday"],
            self.seed,
            self._called(AUDIO_SEARCH.name),
        )

        def work(row: Record) -> Outcome:
            random = drawing(self.seed, row.id)
            return Kept(writer.write(row.id, row.details["tool"], row.details["target"], random))

        return one_by_one(work)

    def _called(self, name: str) -> str:
        return BENCHMARK_NAMES[name] if self.names == "benchmark" else name
