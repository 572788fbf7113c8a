"""Reading what a language model answered: the turns of a conversation, checked before anybody speaks them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stepwave.facts.conversation import Role
from stepwave.prepare.writing.languages import Language
from stepwave.prepare.writing.speakable import Lengths, plain, trouble
from stepwave.prepare.writing.writer import UNREADABLE, WriterError

WRONG_COUNT: Final = "another number of turns than asked for"
WRONG_ROLES: Final = "roles in another order"


def read_turns(answer: Mapping[str, Any], roles: Sequence[Role], language: Language, lengths: Lengths) -> list[str]:
    """The texts of `{"turns": [{"role": ..., "text": ...}, ...]}`, one for each of `roles`.

    Raises WriterError for an answer of another form, of another
    number or order of turns, or with a text that is too short, too long, or that no voice can say.
    """
    turns = answer.get("turns")
    if set(answer) != {"turns"} or not isinstance(turns, list):
        raise WriterError(UNREADABLE, f"wanted the key 'turns' alone, got {', '.join(sorted(answer))[:200]!r}")
    for turn in turns:
        if not isinstance(turn, dict) or set(turn) != {"role", "text"} or not isinstance(turn["text"], str):
            raise WriterError(UNREADABLE, f"wanted a turn with role and text, got {str(turn)[:200]!r}")
    if len(turns) != len(roles):
        raise WriterError(WRONG_COUNT, f"wanted {len(roles)}, got {len(turns)}")
    if [turn["role"] for turn in turns] != list(roles):
        raise WriterError(WRONG_ROLES, ", ".join(str(turn["role"]) for turn in turns)[:200])
    texts = [plain(turn["text"]) for turn in turns]
    for text in texts:
        reason = trouble(text, language) or lengths.trouble(text, language)
        if reason:
            raise WriterError(reason, text[:200])
    return texts
