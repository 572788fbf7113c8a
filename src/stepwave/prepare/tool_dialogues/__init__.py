"""Dialogues in which the assistant calls tools: scripts as text, after Step-Audio 2, sections 3.3 and 4.5.

    tool_grammar  what is asked for one tool, read from the TOML files beside it
    custom        the same for a tool of which only the schema is known
    made_up       results of the weather, the clock and sums, and what follows from them
    numbers_said  numbers, times and dates as words
    writing       whole scripts: ordinary turns, calls on the way, the final turn
    step          the step that writes them into a manifest

Scripts are text; speaking them is the business of another step. Tools are not run here: every result is made up.
"""

from stepwave.prepare.tool_dialogues.custom import read_custom_tools
from stepwave.prepare.tool_dialogues.step import ToolDialogues

__all__ = ["ToolDialogues", "read_custom_tools"]
