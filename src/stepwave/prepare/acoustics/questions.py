"""Questions about a scene that its recipe answers, with the thoughts that lead to the answer.

Every type looks at the recipe alone and is left out where the recipe does not decide it clearly: two starts too near to
be told apart, two sounds about as loud. How questions are worded, and which form they take, is `narration`'s business.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final, TypeAlias

from stepwave.prepare.acoustics.mixing import Ingredient
from stepwave.prepare.acoustics.phrases import NUMBERS, listed
from stepwave.prepare.acoustics.sounds import place_of, places
from stepwave.prepare.acoustics.timeline import Timeline, name, overlap

START_APART: Final = 0.4
"""Seconds between two starts whose order is asked for."""
LOUDER_DB: Final = 5.0
"""How far the loudest sound must lie above the next one."""
LONGER: Final = 1.4
"""How many times longer one sound must last than another to be called longer."""
TOGETHER_SECONDS: Final = (0.1, 0.5)
"""Overlap up to which two sounds are heard apart, and from which on they are heard together."""


@dataclass(frozen=True)
class Asked:
    """The material of one question about one scene."""

    type: str
    answer: Any
    """The answer as a JSON value: a label, a number, True or False, a list of labels, the words."""
    columns: Mapping[str, object] = field(default_factory=dict)
    """What the templates of the question, the answer and the reasoning are filled with."""
    right: str = ""
    """The answer as one option among others; empty where the type has no options."""
    wrong: tuple[str, ...] = ()
    """Other options, all of them wrong."""
    variant: str = ""
    """Key of the templates of answer and reasoning where it is not the type's name."""

    @property
    def key(self) -> str:
        """Key of the templates of answer and reasoning."""
        return self.variant or self.type


@dataclass(frozen=True)
class Material:
    """What questions may be made of."""

    scene: Timeline
    absent: Sequence[str]
    """Labels of sounds that are not in the scene, nor like any that is."""
    wanted: Mapping[str, bool]
    """By type of yes-or-no question, which answer the plan wants, so that both are as frequent."""
    chooser: Random


Type: TypeAlias = Callable[[Material], Asked | None]


def sounds(given: Material) -> Asked:
    """What is heard."""
    labels = given.scene.labels
    return Asked("sounds", list(labels), {"xs": listed([name(each) for each in labels])})


def order(given: Material) -> Asked | None:
    """The order of starts."""
    items = given.scene.items
    if len(items) < 2 or not _starts_apart(items):
        return None
    labels = [item.label for item in items]
    right = _sequence(labels)
    others = [given.chooser.sample(labels, len(labels)) for _ in range(6)]
    wrong = tuple(dict.fromkeys(text for text in map(_sequence, others) if text != right))
    return Asked("order", labels, {"ordered": right}, right, wrong)


def kinds(given: Material) -> Asked:
    """How many different sounds."""
    labels = given.scene.labels
    return _number("kinds", len(labels), xs=listed([name(each) for each in labels]))


def times(given: Material) -> Asked:
    """How often one of the sounds comes."""
    scene = given.scene
    repeated = [label for label in scene.labels if len(scene.of(label)) > 1]
    label = given.chooser.choice(repeated or list(scene.labels))
    at = listed([f"{item.start:.1f} s" for item in scene.of(label)])
    count = len(scene.of(label))
    often = ("once", "twice")[count - 1] if count < 3 else f"{_in_words(count)} times"
    return _number("times", count, x=name(label), at=at, often=often)


def present(given: Material) -> Asked | None:
    """Whether a sound is there."""
    yes = given.wanted["present"]
    labels = list(given.scene.labels if yes else given.absent)
    if not labels:
        return None
    label = given.chooser.choice(labels)
    return Asked("present", yes, {"x": name(label), "label": label}, variant=_verdict("present", yes))


def before(given: Material) -> Asked | None:
    """Whether one sound starts before another."""
    pairs = [
        (one, other) for one in given.scene.single for other in given.scene.single
        if other.start - one.start >= START_APART
    ]  # fmt: skip
    if not pairs:
        return None
    yes = given.wanted["before"]
    x, y = given.chooser.choice(pairs) if yes else given.chooser.choice(pairs)[::-1]
    columns = _two(x.label, y.label) | {
        "a": f"{x.start:.1f}", "b": f"{y.start:.1f}", "verdict": "yes" if yes else "no"
    }  # fmt: skip
    return Asked("before", yes, columns, variant=_verdict("before", yes))


def loudest(given: Material) -> Asked | None:
    """Which sound is loudest."""
    scene = given.scene
    labels = sorted(scene.labels, key=scene.gain, reverse=True)
    if len(labels) < 2 or (lead := scene.gain(labels[0]) - scene.gain(labels[1])) < LOUDER_DB:
        return None
    return _label("loudest", labels[0], given, **_two(labels[0], labels[1]), db=round(lead))


def after(given: Material) -> Asked | None:
    """What comes after a sound that comes once."""
    items = given.scene.items
    pairs = []
    for one in given.scene.single:
        later = [item for item in items if item.start > one.start]
        if later and later[0].start >= one.end - 0.05 and _starts_apart(later[:2]):
            pairs.append((one, later[0]))
    if not pairs:
        return None
    asked, answer = given.chooser.choice(pairs)
    found = _label("after", answer.label, given, leave_out=asked.label)
    reasons = {"y": name(asked.label), "a": f"{asked.end:.1f}", "b": f"{answer.start:.1f}"}
    return _asking(found, x=name(asked.label), thought={**reasons, "x": name(answer.label)})


def first(given: Material) -> Asked | None:
    """Which sound starts first."""
    items = given.scene.items
    if len(items) < 2 or not _starts_apart(items[:2]):
        return None
    return _label("first", items[0].label, given, x=name(items[0].label), a=f"{items[0].start:.1f}")


def last(given: Material) -> Asked | None:
    """Which sound starts last."""
    items = given.scene.items
    if len(items) < 2 or not _starts_apart(items[-2:]):
        return None
    return _label("last", items[-1].label, given, x=name(items[-1].label), a=f"{items[-1].start:.1f}")


def longest(given: Material) -> Asked | None:
    """Which sound lasts longest."""
    scene = given.scene
    labels = sorted(scene.labels, key=scene.seconds, reverse=True)
    if len(labels) < 3 or scene.seconds(labels[0]) < LONGER * scene.seconds(labels[1]):
        return None
    x, y = labels[:2]
    return _label("longest", x, given, **_two(x, y), a=f"{scene.seconds(x):.1f}", b=f"{scene.seconds(y):.1f}")


def compare(given: Material) -> Asked | None:
    """Which of two sounds lasts longer."""
    scene = given.scene
    pairs = [(x, y) for x in scene.labels for y in scene.labels if scene.seconds(x) >= LONGER * scene.seconds(y)]
    if not pairs:
        return None
    x, y = given.chooser.choice(pairs)
    lengths = {"a": f"{scene.seconds(x):.1f}", "b": f"{scene.seconds(y):.1f}"}
    shown = (x, y) if given.chooser.random() < 0.5 else (y, x)
    return _asking(Asked("compare", x), **_two(*shown), thought={**_two(x, y), **lengths})


def when(given: Material) -> Asked | None:
    """When a sound that comes once starts, in whole seconds."""
    items = [item for item in given.scene.single if item.start >= 0.6 and abs(item.start % 1 - 0.5) > 0.1]
    if not items:
        return None
    item = given.chooser.choice(items)
    found = _number("when", round(item.start), x=name(item.label), a=f"{item.start:.1f}")
    right, *wrong = (f"after about {each} second{'' if each == 'one' else 's'}" for each in (found.right, *found.wrong))
    return replace(found, right=right, wrong=tuple(wrong))


def together(given: Material) -> Asked | None:
    """What is heard at the same time as a sound that comes once."""
    apart, joint = TOGETHER_SECONDS
    clear: list[tuple[Ingredient, list[str]]] = []
    for one in given.scene.single:
        others = [item for item in given.scene.items if item is not one]
        shared = [(item.label, overlap(one, item)) for item in others]
        if others and all(seconds < apart or seconds >= joint for _, seconds in shared):
            clear.append((one, list(dict.fromkeys(label for label, seconds in shared if seconds >= joint))))
    if not clear:
        return None
    one, labels = given.chooser.choice([each for each in clear if each[1]] or clear)
    xs = listed([name(label) for label in labels]) if labels else ""
    columns = {"x": name(one.label), "y": name(one.label), "xs": xs, "a": f"{one.start:.1f}", "b": f"{one.end:.1f}"}
    return Asked("together", labels, columns, variant="" if labels else "alone")


def words(given: Material) -> Asked | None:
    """What is said."""
    speech = given.scene.speech
    return Asked("words", speech.text, {"words": speech.text}) if speech is not None and speech.text else None


def scene(given: Material) -> Asked | None:
    """Where this could be."""
    found = place_of(given.scene.labels)
    if found is None:
        return None
    place, telling = found
    heard = set(given.scene.labels)
    wrong = [each.name for each in places() if not heard & each.telling and not heard <= each.fitting]
    return Asked("scene", place.name, {"place": place.name, "x": name(telling)}, place.name, tuple(wrong))


TYPES: Final[Mapping[str, Type]] = {
    each.__name__: each
    for each in (
        sounds, order, kinds, times, present, before, loudest, after, first, last, longest, compare, when, together,
        words, scene,
    )
}  # fmt: skip
"""Every type of question, by name."""


def _label(type_: str, label: str, given: Material, *, leave_out: str = "", **columns: object) -> Asked:
    others = [each for each in (*given.scene.labels, *given.absent) if each not in (label, leave_out)]
    return Asked(type_, label, {"x": name(label), **columns}, name(label), tuple(map(name, others)))


def _number(type_: str, number: int, **columns: object) -> Asked:
    near = [each for each in range(max(1, number - 2), number + 4) if each != number]
    shown = {"n": _in_words(number), "s": "" if number == 1 else "s", **columns}
    return Asked(type_, number, shown, _in_words(number), tuple(map(_in_words, near)))


def _asking(asked: Asked, thought: Mapping[str, object], **shown: object) -> Asked:
    # The names in the question are not those in the answer: the question's come with a prefix.
    columns = {**asked.columns, **thought, **{f"asked_{key}": value for key, value in shown.items()}}
    return replace(asked, columns=columns)


def _two(x: str, y: str) -> dict[str, str]:
    return {"x": name(x), "y": name(y)}


def _starts_apart(items: Sequence[Ingredient]) -> bool:
    return all(b.start - a.start >= START_APART for a, b in itertools.pairwise(items))


def _sequence(labels: Sequence[str]) -> str:
    return ", then ".join(name(label) for label in labels)


def _verdict(type_: str, yes: bool) -> str:
    return f"{type_}_{'yes' if yes else 'no'}"


def _in_words(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else str(number)
