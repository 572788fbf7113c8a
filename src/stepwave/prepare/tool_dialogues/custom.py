"""Questions for tools of which nothing is known but the schema: simple on purpose.

The description's first sentence becomes an order ("Books a table." gives "could you book a table"), and a second
sentence says what the arguments should be ("the city should be Oslo, and the guests should be four"). Values come from
`enum`, `const`, `examples`, `example` or `default`; otherwise they are made up from the type and, for texts, from words
in the argument's name and description. Required arguments are always given, others in a third of the questions.

What a tool returns is not known, so results say no more than that it worked, with a number, or why it failed. Whoever
wants better dialogues writes a grammar. Refused, unless examples are given: required texts with a `pattern`, a `format`
or bounds on their length, and parameters that are only a `$ref`, `anyOf`, `oneOf` or `allOf`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from stepwave.data.records import Call
from stepwave.facts.errors import DataError, MarkupError
from stepwave.prepare.dialogues.everyday import Split, held_out
from stepwave.prepare.dialogues.grammar import sentence
from stepwave.prepare.tool_dialogues.numbers_said import digits_said, number_said
from stepwave.prepare.tool_dialogues.tool_grammar import Asked, Intention, Scene, expanded, read, shared_rules
from stepwave.text.schemas import ToolSchema, read_tool_schemas

OPTIONAL_SHARE: Final = 1 / 3
FAILURE_SHARE: Final = 0.1
LARGEST: Final = 20
"""Numbers are drawn up to here where the schema sets no bounds."""
LONGEST: Final = 12
"""Words of a description that are still said; of a longer one, the tool's name is said instead."""
_FINDING: Final = ("return", "retrieve", "fetch")
"""What only programs say."""
_GIVEN: Final = ("examples", "enum")
_ONE_GIVEN: Final = ("const", "example", "default")
_STRICT: Final = ("pattern", "format", "minLength", "maxLength")
_UNREADABLE: Final = ("$ref", "anyOf", "oneOf", "allOf")


def read_custom_tools(file: Path) -> tuple[ToolSchema, ...]:
    """Tools from a JSON file: an array of OpenAI-style entries.

    Raises DataError where it cannot be read, is no such array, or holds a tool for which no arguments can be made up.
    """
    try:
        tools = tuple(read_tool_schemas(file.read_text(encoding="utf-8")))
    except OSError as problem:
        raise DataError(f"{file} cannot be read ({problem.strerror}); name a JSON file of tool schemas") from None
    except (MarkupError, UnicodeDecodeError) as problem:
        raise DataError(f"{file}: {problem}") from None
    for tool in tools:
        CustomTool(tool)
    return tools


@dataclass(frozen=True)
class CustomTool:
    """Asks for a tool by its schema alone.

    Raises DataError for a schema with a parameter for which no value can be made up.
    """

    schema: ToolSchema

    def __post_init__(self) -> None:
        for name in self._required:
            _made_up(name, self._properties.get(name, {}), Random(0), self.schema.name)

    def ask(self, random: Random, intention: Intention, scene: Scene, split: Split | None = None) -> Asked:
        """Draw an exchange."""
        texts = expanded(tuple(_table()[intention]), shared_rules())
        if split is not None:
            texts = tuple(text for text in texts if held_out(f"{self.schema.name} {text}", scene.seed) == split)
        phrasing = random.choice(texts)
        order = _order(self.schema)
        text = sentence(phrasing.format(do=order, tool=_in_words(self.schema.name)))
        arguments, said = self._arguments(random)
        if said:
            way = random.choice(_table()["arguments"])
            text += " " + sentence(
                ", and ".join(way.format(name=_in_words(name), value=value) for name, value in said.items())
            )
        result, answer = self._outcome(random)
        preface = sentence(random.choice(expanded(tuple(_table()["prefaces"]), shared_rules())))
        return Asked(
            text,
            f"{self.schema.name} {phrasing}",
            intention,
            preface,
            Call(self.schema.name, arguments),
            result,
            answer,
        )

    @property
    def _properties(self) -> Mapping[str, Any]:
        properties: Mapping[str, Any] = self.schema.parameters.get("properties", {})
        return properties

    @property
    def _required(self) -> Sequence[str]:
        required: Sequence[str] = self.schema.parameters.get("required", ())
        return required

    def _arguments(self, random: Random) -> tuple[dict[str, Any], dict[str, str]]:
        """Values by name, as meant and as said."""
        meant: dict[str, Any] = {}
        said: dict[str, str] = {}
        for name, schema in self._properties.items():
            if name not in self._required:
                if random.random() >= OPTIONAL_SHARE:
                    continue
                try:
                    meant[name] = _made_up(name, schema, random, self.schema.name)
                except DataError:
                    continue
            else:
                meant[name] = _made_up(name, schema, random, self.schema.name)
            said[name] = _said(meant[name])
        return meant, said

    def _outcome(self, random: Random) -> tuple[str, str]:
        table = _table()
        reference = str(random.randint(100, 999))
        fields = {
            "tool": self.schema.name,
            "reference": reference,
            "reference_said": digits_said(reference),
            "problem": random.choice(table["made"]["problem"]),
        }
        failed = random.random() < FAILURE_SHARE
        results, answers = (
            (table["results"]["failures"], table["answers"]["failed"])
            if failed
            else (table["results"]["texts"], table["answers"]["done"])
        )
        return random.choice(results).format_map(fields), sentence(random.choice(answers).format_map(fields))


@cache
def _table() -> Mapping[str, Any]:
    return read("custom")


def _made_up(name: str, schema: Any, random: Random, tool: str) -> Any:
    """A value that fits `schema`. Raises DataError where none can be made up."""
    if not isinstance(schema, Mapping):
        raise DataError(f"argument {name!r} of tool {tool!r} has the schema {schema!r}; wanted an object")
    for key in _GIVEN:
        if schema.get(key):
            return random.choice(schema[key])
    for key in _ONE_GIVEN:
        if key in schema:
            return schema[key]
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if any(key in schema for key in _UNREADABLE) or (kind == "string" and any(key in schema for key in _STRICT)):
        raise DataError(f"nothing can be made up for argument {name!r} of tool {tool!r}; give it an enum or examples")
    if kind in ("integer", "number"):
        return _number(schema, random)
    if kind == "boolean":
        return random.random() < 0.5
    if kind == "array":
        least = max(1, schema.get("minItems", 1))
        count = random.randint(least, max(least, min(3, schema.get("maxItems", 3))))
        return [_made_up(name, schema.get("items", {}), random, tool) for _ in range(count)]
    if kind == "object":
        properties = schema.get("properties", {})
        return {each: _made_up(each, properties.get(each, {}), random, tool) for each in schema.get("required", ())}
    if kind == "string":
        return _text(name, str(schema.get("description", "")), random)
    raise DataError(f"argument {name!r} of tool {tool!r} has the type {kind!r}, for which nothing can be made up")


def _number(schema: Mapping[str, Any], random: Random) -> int:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    most = schema.get("maximum", schema.get("exclusiveMaximum", max(least, 0) + LARGEST + 1) - 1)
    step = schema.get("multipleOf", 1)
    # Whole numbers serve `number` as well, and can be said; a range without one gives its lower end.
    first, last = -(-least // step), most // step
    return int(random.randint(int(first), max(int(first), int(last))) * step)


def _text(name: str, description: str, random: Random) -> str:
    for words in (_in_words(name).lower().split(), re.findall(r"[a-z]+", description.lower())):
        for entry in _table()["values"]:
            if set(words) & set(entry["words"]):
                return str(random.choice(entry["said"]))
    return str(random.choice(_table()["values"][-1]["said"]))


def _said(value: Any) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number_said(value)
    if isinstance(value, float):
        whole, _, rest = str(value).partition(".")
        return f"{number_said(int(whole))} point {digits_said(rest)}"
    if isinstance(value, list):
        return " and ".join(_said(each) for each in value)
    if isinstance(value, Mapping):
        return " and ".join(f"{_in_words(name)} {_said(each)}" for name, each in value.items())
    return _speakable(str(value))


def _speakable(text: str) -> str:
    """Letters and apostrophes, with numbers in words."""
    text = re.sub(r"\d{1,6}", lambda found: f" {number_said(int(found.group()))} ", text.replace("_", " "))
    return " ".join(re.sub(r"[^\w' ]", " ", text).split())


def _in_words(name: str) -> str:
    """`getUserName`, `get_user_name` as "get user name"."""
    return _speakable(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).lower()


def _order(schema: ToolSchema) -> str:
    """What the tool does, as an order: without brackets, with the verb as in "book a table"."""
    described = re.sub(r"\(.*?\)", " ", schema.description).strip()
    described = re.sub(r"^(Use this( (tool|function))? to|This (tool|function)) ", "", described)
    words = _speakable(re.split(r"[.;:!?\n]", described, maxsplit=1)[0]).split()
    if not words or len(words) > LONGEST or not words[0].isascii():
        return f"use {_in_words(schema.name)}"
    verb = _verb(words[0].lower())
    return " ".join(["find" if verb in _FINDING else verb, *words[1:]])


def _verb(word: str) -> str:
    """The verb without the ending of the third person: books, searches, copies, does."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if re.fullmatch(r".*(ch|sh|ss|x|o)es", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
