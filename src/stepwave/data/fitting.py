"""Which turns a record of each kind must have to be learnt from, and the refusal of those that don't fit."""

from collections.abc import Mapping, Sequence
from itertools import dropwhile, pairwise
from types import MappingProxyType
from typing import Final

from stepwave.data.records import Kind, Record, Turn
from stepwave.facts.errors import DataError

EXCHANGES: Final[Mapping[Kind, tuple[bool, bool | None]]] = MappingProxyType(
    {
        "asr": (True, False),
        "tts": (False, True),
        "s2tt": (True, False),
        "t2st": (False, True),
        "s2st": (True, True),
        "caption": (True, False),
        "continuation": (True, None),
    }
)
"""Kinds of one human and one assistant turn: whether each is spoken; None for either."""
MONOLOGUES: Final[Mapping[Kind, str]] = MappingProxyType({"interleaved": "assistant", "text": "human"})
"""Kinds in which one side says everything, and which."""
RAW: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "speech": "make `asr`, `tts` or `continuation` records of it with `stepwave prepare tasks`",
        "sound": "make `caption` and `qa` records of it with `stepwave prepare scenes`",
    }
)
"""Kinds that are material, and what makes tasks of them."""
NAMELESS: Final = frozenset({"system", "tool_json_schemas"})
"""Roles that say nothing in the conversation; they come before it."""


def refusal(record: Record, reason: str) -> DataError:
    """The error for a record that cannot be used: its id and kind, then after a colon the reason."""
    return DataError(f"record {record.id!r} ({record.kind}): {reason}")


def fitting_turns(record: Record) -> tuple[Turn, ...]:
    """The turns to render, all of them but for a preference: there the question and the chosen answer.

    Raises DataError for a record whose turns don't fit its kind, are silent, or lack their sound.
    """
    if record.kind in RAW:
        raise refusal(record, f"is raw material; {RAW[record.kind]}")
    turns = _preferred(record) if record.kind == "preference" else record.turns
    said = list(dropwhile(lambda turn: turn.role in NAMELESS, turns))
    for number, turn in enumerate(turns, 1):
        _check_content(record, number, turn)
    if record.kind in MONOLOGUES:
        _check_monologue(record, turns, MONOLOGUES[record.kind])
    elif record.kind in EXCHANGES:
        _check_exchange(record, said, *EXCHANGES[record.kind])
    else:
        _check_conversation(record, said)
    return turns


def _preferred(record: Record) -> tuple[Turn, ...]:
    ranked = [record.details.get(name) for name in ("chosen", "rejected")]
    places = [place for place in ranked if isinstance(place, int) and 0 < place < len(record.turns)]
    if len(places) != len(ranked):
        raise refusal(record, "its answers are not ranked; run `stepwave prepare preferences`")
    return (*record.turns[: min(places)], record.turns[places[0]])


def _check_content(record: Record, number: int, turn: Turn) -> None:
    where = f"turn {number} ({turn.role})"
    if turn.spoken and turn.role not in ("human", "assistant"):
        raise refusal(record, f"{where} is spoken; only the human and the assistant have a voice")
    if turn.spoken and turn.clip is None:
        raise refusal(record, f"{where} is to be spoken but has no sound; run `stepwave prepare speak`")
    wordless = not turn.text.strip()
    if wordless and turn.spoken and turn.role == "assistant":
        raise refusal(record, f"{where} has sound but no words; run `stepwave prepare transcribe`")
    if wordless and not turn.spoken and not turn.calls and turn.role != "input":
        raise refusal(record, f"{where} has neither words nor sound")
    if turn.calls and turn.role != "assistant":
        raise refusal(record, f"{where} calls a tool; only the assistant does")


def _check_monologue(record: Record, turns: Sequence[Turn], role: str) -> None:
    if not turns or any(turn.role != role or turn.calls for turn in turns):
        roles = ", ".join(turn.role for turn in record.turns) or "none"
        raise refusal(record, f"its turns are {roles}; wanted {role} turns only, without tool calls")
    if record.kind == "text" and (len(turns) > 1 or turns[0].spoken):
        raise refusal(record, "wanted one turn of written text")


def _check_exchange(record: Record, said: Sequence[Turn], human: bool, assistant: bool | None) -> None:
    if [turn.role for turn in said] != ["human", "assistant"]:
        roles = ", ".join(turn.role for turn in said) or "none"
        raise refusal(record, f"its turns are {roles}; wanted one human turn, then one assistant turn")
    for turn, spoken in zip(said, (human, assistant), strict=True):
        if spoken is not None and turn.spoken != spoken:
            has, wanted = ("sound", "text") if turn.spoken else ("text", "sound")
            raise refusal(record, f"the {turn.role} turn is {has}; wanted {wanted}")
    if record.kind == "continuation" and len(record.turns) > len(said):
        raise refusal(record, "has a system turn; a recording that goes on takes no instruction")


def _check_conversation(record: Record, said: Sequence[Turn]) -> None:
    late = [turn.role for turn in said if turn.role in NAMELESS]
    if late:
        raise refusal(record, f"a {late[0]} turn comes in the middle; wanted it before the conversation")
    humans = [turn for turn in said if turn.role == "human"]
    if not humans or said[-1].role != "assistant":
        raise refusal(record, "wanted a human turn, and the assistant's at the end")
    if any(one.role == other.role == "assistant" for one, other in pairwise(said)):
        raise refusal(record, "two assistant turns follow each other; wanted a human turn or a tool's result between")
    if record.kind == "qa" and (len(humans) < 2 or not any(turn.spoken for turn in humans)):
        raise refusal(record, "wanted two human turns, a sound and the question about it")
