"""What is asked for one tool: kinds of questions with phrasings, arguments, results and answers, read from TOML.

A kind has templates of `explicit` and `implicit` questions and of `follow_ups`, which take from the exchange before
what they leave unsaid ("and in Oslo?"). Slots in a template are filled from the file's columns; an argument is built
of the slots that were said, so that it can be found in the words, and left out where they were not. `made` values and
`made_up` fill what the tool gives back and what is said of it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from random import Random
from string import Formatter
from typing import Any, Final, Literal, Protocol

from stepwave.data.records import Call
from stepwave.prepare.dialogues.everyday import Split, held_out
from stepwave.prepare.dialogues.grammar import expand, sentence
from stepwave.prepare.pipeline.steps import drawing
from stepwave.prepare.tool_dialogues.made_up import MAKERS, MadeUp
from stepwave.text.markup import write_json
from stepwave.text.schemas import ToolSchema

Intention = Literal["explicit", "implicit"]
FOLLOW_UP_SHARE: Final = 0.2
"""Of the implicit questions of a kind that has follow-ups."""


@dataclass(frozen=True)
class Scene:
    """The script that an exchange is drawn for: what is asked twice in it gives the same result twice."""

    id: str
    seed: int
    """Decides which phrasings are held out."""


@dataclass(frozen=True)
class Asked:
    """One exchange with a call: all that both sides say."""

    text: str
    """What the human says."""
    phrasing: str
    """The same before its slots were filled: what is held out."""
    intention: Intention
    preface: str
    """What the assistant says before the call; may be empty."""
    call: Call
    result: str
    """What the tool gives back."""
    answer: str
    """What the assistant says then."""
    before: "Asked | None" = None
    """The exchange that this one follows up."""


class Asker(Protocol):
    """Asks for one tool."""

    @property
    def schema(self) -> ToolSchema:
        """What the model is told about it."""
        ...

    def ask(self, random: Random, intention: Intention, scene: Scene, split: Split | None = None) -> Asked:
        """Draw an exchange; with `split`, one whose phrasing lies in it."""
        ...


@dataclass(frozen=True)
class Value:
    """What fills a slot."""

    said: str
    meant: str
    """What goes into arguments."""


@dataclass(frozen=True)
class Kind:
    """Questions that one set of answers fits."""

    name: str
    questions: Mapping[str, tuple[tuple[str, ...], ...]]
    """Phrasings by `explicit`, `implicit`, `follow_ups`; one tuple per template."""
    arguments: Mapping[str, str]
    """Templates by parameter."""
    results: tuple[str, ...]
    answers: Mapping[str, tuple[str, ...]]
    """By the case that holds, or `any`."""
    made: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class NearMiss:
    """Talk about the tool's subject that asks for nothing."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class ToolGrammar:
    """Asks for one of our own tools."""

    schema: ToolSchema
    own_name: str
    """The tool's name here, whatever it is called towards the model."""
    prefaces: tuple[str, ...]
    columns: Mapping[str, tuple[Value, ...]]
    kinds: tuple[Kind, ...]
    near: tuple[NearMiss, ...] = ()
    near_everyday: tuple[str, ...] = ()
    """Intents of everyday dialogues that are near misses too."""

    def ask(self, random: Random, intention: Intention, scene: Scene, split: Split | None = None) -> Asked:
        """Draw an exchange. Follow-ups count as implicit, and are drawn only without `split`, for final turns."""
        lists = [(kind, texts) for kind in self.kinds for texts in kind.questions[intention]]
        kind, texts = random.choice([each for each in lists if phrasings_in(each[1], scene.seed, split)])
        follow_ups = kind.questions["follow_ups"]
        if split is None and intention == "implicit" and follow_ups and random.random() < FOLLOW_UP_SHARE:
            return self._follow_up(kind, follow_ups, random, scene)
        phrasing = random.choice(phrasings_in(texts, scene.seed, split))
        return self._asked(kind, phrasing, intention, self._slots(phrasing, random), random, scene)

    def _follow_up(self, kind: Kind, follow_ups: Sequence[tuple[str, ...]], random: Random, scene: Scene) -> Asked:
        openings = [text for texts in kind.questions["explicit"] for text in phrasings_in(texts, scene.seed, "train")]
        phrasing = random.choice(random.choice(follow_ups))
        slots = self._slots(phrasing, random)
        # What is followed up has the same slots with other values, so that the new one is news.
        opening = random.choice([text for text in openings if set(slots) <= set(_names(text))] or openings)
        first = self._slots(opening, random)
        while any(first.get(name) == value for name, value in slots.items()):
            first = self._slots(opening, random)
        before = self._asked(kind, opening, "explicit", first, random, scene)
        return replace(self._asked(kind, phrasing, "implicit", first | slots, random, scene), before=before)

    def _slots(self, phrasing: str, random: Random) -> dict[str, Value]:
        return {name: random.choice(self.columns[name]) for name in _names(phrasing)}

    def _asked(
        self,
        kind: Kind,
        phrasing: str,
        intention: Intention,
        slots: Mapping[str, Value],
        random: Random,
        scene: Scene,
    ) -> Asked:
        said = {name: value.said for name, value in slots.items()}
        meant = {name: value.meant for name, value in slots.items()}
        arguments = self._arguments(kind, meant)
        maker = MAKERS.get(self.own_name)
        made = maker(kind.name, arguments, meant, scene.id) if maker else MadeUp("")
        facts = drawing(scene.seed, scene.id, self.own_name, kind.name, write_json(arguments))
        drawn = {name: facts.choice(values) for name, values in kind.made.items()}
        shared = arguments | said | {f"{name}_meant": text for name, text in meant.items()}
        written = shared | {name: value.said for name, value in drawn.items()} | dict(made.fields)
        spoken = shared | {name: value.meant for name, value in drawn.items()} | dict(made.fields)
        return Asked(
            sentence(phrasing.format_map(said)),
            phrasing,
            intention,
            sentence(random.choice(self.prefaces)),
            Call(self.schema.name, arguments),
            made.result or facts.choice(kind.results).format_map(written),
            sentence(random.choice(kind.answers[made.case]).format_map(spoken)),
        )

    def _arguments(self, kind: Kind, meant: Mapping[str, str]) -> dict[str, Any]:
        properties = self.schema.parameters["properties"]
        arguments: dict[str, Any] = {}
        for name, template in kind.arguments.items():
            text = template.format_map({slot: meant.get(slot, "") for slot in _names(template)})
            if text:
                arguments[name] = int(text) if properties[name]["type"] == "integer" else text
        return arguments


def own_tool(schema: ToolSchema, name: str) -> ToolGrammar:
    """The grammar of a standard tool from NAME.toml; `schema` may give the tool another name."""
    return _tool(schema, name, read(name))


@cache
def other_tools() -> tuple[ToolGrammar, ...]:
    """The small tools of others.toml."""
    entries = read("others")["tool"]
    schemas = [ToolSchema(each["name"], each["description"], each["parameters"]) for each in entries]
    return tuple(_tool(schema, schema.name, each) for schema, each in zip(schemas, entries, strict=True))


def read(name: str) -> dict[str, Any]:
    """One of the TOML files in `scripts`."""
    return tomllib.loads(files(__package__).joinpath("scripts", f"{name}.toml").read_text(encoding="utf-8"))


@cache
def shared_rules() -> Mapping[str, str]:
    """The named templates that all files may use."""
    return dict(read("shared")["rules"])


def expanded(templates: Sequence[str], rules: Mapping[str, str]) -> tuple[str, ...]:
    """All phrasings of all templates."""
    return tuple(text for template in templates for text in expand(template, rules))


@cache
def phrasings_in(texts: tuple[str, ...], seed: int, split: Split | None) -> tuple[str, ...]:
    """Those of the phrasings that lie in `split`; all for None."""
    return tuple(text for text in texts if split is None or held_out(text, seed) == split)


def _names(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _tool(schema: ToolSchema, name: str, document: dict[str, Any]) -> ToolGrammar:
    rules = {**shared_rules(), **document.get("rules", {})}
    return ToolGrammar(
        schema,
        name,
        expanded(document["prefaces"], rules),
        {column: _values(entries, rules) for column, entries in document["columns"].items()},
        tuple(_kind(entry, document, rules) for entry in document["kind"]),
        tuple(
            NearMiss(expanded(entry["questions"], rules), tuple(entry["answers"])) for entry in document.get("near", ())
        ),
        tuple(document.get("near_everyday", {}).get("intents", ())),
    )


def _kind(entry: dict[str, Any], document: dict[str, Any], rules: Mapping[str, str]) -> Kind:
    """A kind from its TOML table; arguments, results, answers and made values may be the whole file's."""

    def table(name: str) -> dict[str, Any]:
        return {**(entry.get(name) or document.get(name, {}))}

    return Kind(
        entry["name"],
        {
            way: tuple(tuple(expand(template, rules)) for template in entry.get(way, ()))
            for way in ("explicit", "implicit", "follow_ups")
        },
        table("arguments"),
        tuple(table("results").get("texts", ())),
        {case: expanded(answers, rules) for case, answers in table("answers").items()},
        {name: _values(entries, rules) for name, entries in table("made").items()},
    )


def _values(entries: Sequence[Any], rules: Mapping[str, str]) -> tuple[Value, ...]:
    """Values of a column: a pair of said and meant, or a template for values that mean what they say."""
    values: list[Value] = []
    for entry in entries:
        values += [Value(*entry)] if isinstance(entry, list) else [Value(text, text) for text in expand(entry, rules)]
    return tuple(values)
