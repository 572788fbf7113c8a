"""Whole scripts: ordinary talk, calls on the way, and a final turn that does or does not ask for the tool under test.

After Step-Audio 2, sections 3.3 and 4.5: three to six exchanges, earlier ones with or without calls, and as many
scripts in which the final turn asks for nothing or for another tool. Departures: grammars instead of a language model,
English instead of Chinese, and results that are made up.

Once a voice has been searched for, every later turn of the assistant has `style={"voice": query}`; a later step can
speak those turns in a voice that fits the query, as the model would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Literal

from stepwave.data.records import Call, Record, Turn
from stepwave.prepare.dialogues.everyday import Dialogue, Split, held_out
from stepwave.prepare.dialogues.grammar import sentence
from stepwave.prepare.tool_dialogues.tool_grammar import Asked, Asker, Intention, NearMiss, Scene, ToolGrammar

EXCHANGES: Final = (3, 6)
"""Fewest and most human turns in a script."""
OFFERED: Final = (3, 6)
"""Fewest and most tools that a script offers; more only where more are called."""
EARLIER_CALL_SHARE: Final = 0.3
"""Of the exchanges before the last, how many call a tool."""
EXPLICIT_SHARE: Final = 0.5
"""Of the questions that ask for a tool, how many do so openly."""
PREFACE_SHARE: Final = 0.7
"""Of the calls, how many have words before them."""
NEAR_SHARE: Final = 0.5
"""Of the final turns without intention, how many speak of the tool's subject."""

Target = Literal["asked", "nothing", "another"]
"""What the final turn asks for: the tool under test, nothing, another tool."""


@dataclass(frozen=True)
class Plain:
    """An exchange without a call."""

    text: str
    answer: str
    split: Split


class Writer:
    """Writes scripts from a set of tools and everyday dialogues."""

    def __init__(
        self,
        askers: Sequence[Asker],
        dialogues: Sequence[Dialogue],
        everyday: Mapping[str, Sequence[str]],
        seed: int,
        voice_tool: str,
    ) -> None:
        """`everyday` lists intents by place: `first`, `between`, `last`. `voice_tool` is the tool that finds voices."""
        self._askers = {asker.schema.name: asker for asker in askers}
        self._everyday, self._seed, self._voice_tool = everyday, seed, voice_tool
        self._by_intent: dict[str, list[Dialogue]] = {}
        for dialogue in dialogues:
            self._by_intent.setdefault(dialogue.intent, []).append(dialogue)

    def write(self, id: str, tool: str, target: Target, random: Random) -> Record:
        """A script for `tool` (its name towards the model)."""
        offered = random.sample([name for name in self._askers if name != tool], random.randint(*OFFERED) - 1)
        offered.insert(random.randint(0, len(offered)), tool)
        scene = Scene(id, self._seed)
        final: Asked | Plain
        if target == "nothing":
            final = self._nothing(tool, random)
        else:
            asked = tool if target == "asked" else random.choice([name for name in offered if name != tool])
            final = self._askers[asked].ask(random, _drawn_intention(random), scene)
        exchanges = [*self._earlier(offered, final, random, scene), final]
        reference = final.call if isinstance(final, Asked) else None
        split = final.split if isinstance(final, Plain) else held_out(final.phrasing, self._seed)
        intention: str = "other" if target == "another" else "none"
        if target == "asked" and isinstance(final, Asked):
            intention = final.intention
        details: dict[str, Any] = {
            "tools": [self._askers[name].schema.entry() for name in offered],
            "tool": tool,
            "positive": target == "asked",
            "intention": intention,
            "reference": reference and {"name": reference.name, "arguments": dict(reference.arguments)},
            "phrasing": final.phrasing if isinstance(final, Asked) else final.text,
        }
        turns = tuple(self._turns(exchanges, random))
        return Record(id, "tools", turns, "stepwave tool dialogues", "Apache-2.0", split, details)

    def _earlier(
        self, offered: Sequence[str], final: Asked | Plain, random: Random, scene: Scene
    ) -> list[Asked | Plain]:
        """The exchanges before the last; their phrasings are never held out, and none is there twice."""
        before = final.before if isinstance(final, Asked) else None
        count = random.randint(*EXCHANGES) - 1 - (before is not None)
        exchanges: list[Asked | Plain] = []
        taken = {final.text} | ({before.text} if before else set())
        while len(exchanges) < count:
            exchange: Asked | Plain
            if random.random() < EARLIER_CALL_SHARE:
                asker = self._askers[random.choice(offered)]
                exchange = asker.ask(random, _drawn_intention(random), scene, "train")
            else:
                opening = not exchanges and random.random() < 0.5
                exchange = self._ordinary(["first" if opening else "between"], random, "train")
            if exchange.text not in taken:
                exchanges.append(exchange)
                taken.add(exchange.text)
        return [*exchanges, before] if before else exchanges

    def _nothing(self, tool: str, random: Random) -> Plain:
        asker = self._askers[tool]
        if isinstance(asker, ToolGrammar) and random.random() < NEAR_SHARE:
            choices: list[NearMiss | str] = [*asker.near, *asker.near_everyday]
            if choices:
                chosen = random.choice(choices)
                if isinstance(chosen, str):
                    return _plain(random.choice(self._by_intent[chosen]))
                text = sentence(random.choice(chosen.questions))
                return Plain(text, sentence(random.choice(chosen.answers)), held_out(text, self._seed))
        return self._ordinary(["between", "between", "last"], random, None)

    def _ordinary(self, places: Sequence[str], random: Random, split: Split | None) -> Plain:
        """Everyday talk of one of the places."""
        while True:
            dialogue = random.choice(self._by_intent[random.choice(self._everyday[random.choice(places)])])
            if split is None or dialogue.split == split:
                return _plain(dialogue)

    def _turns(self, exchanges: Sequence[Asked | Plain], random: Random) -> list[Turn]:
        turns: list[Turn] = []
        style: dict[str, str] = {}
        for exchange in exchanges:
            turns.append(Turn("human", exchange.text, spoken=True, language="en", speaker="human"))
            if isinstance(exchange, Asked):
                preface = exchange.preface if random.random() < PREFACE_SHARE else ""
                turns.append(_assistant(preface, style, (exchange.call,)))
                turns.append(Turn("input", exchange.result, language="en"))
                if exchange.call.name == self._voice_tool:
                    style = {"voice": exchange.call.arguments["query"]}
            turns.append(_assistant(exchange.answer, style))
        return turns


def _drawn_intention(random: Random) -> Intention:
    return "explicit" if random.random() < EXPLICIT_SHARE else "implicit"


def _assistant(text: str, style: Mapping[str, str], calls: tuple[Call, ...] = ()) -> Turn:
    # A call without words before it has nothing to be spoken.
    if not text:
        return Turn("assistant", speaker="assistant", calls=calls)
    return Turn("assistant", text, spoken=True, language="en", speaker="assistant", style=dict(style), calls=calls)


def _plain(dialogue: Dialogue) -> Plain:
    return Plain(dialogue.question, dialogue.answer, dialogue.split)
