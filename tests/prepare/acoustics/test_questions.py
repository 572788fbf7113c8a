"""Questions: over many random recipes, each answer is the one that a second reading of the recipe gives."""

import itertools
from collections import Counter
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

import pytest

from stepwave.prepare.acoustics.mixing import Ingredient
from stepwave.prepare.acoustics.narration import Worded, caption, worded
from stepwave.prepare.acoustics.phrases import phrase_table, phrasings
from stepwave.prepare.acoustics.questions import TYPES, Asked, Material
from stepwave.prepare.acoustics.sounds import alike, place_of, places, sound_kind
from stepwave.prepare.acoustics.timeline import Timeline

LABELS = ["dog", "rooster", "rain", "sea_waves", "clock_tick", "siren", "chainsaw", "sneezing", "crying_baby"]
SEEDS = range(400)


def a_scene(seed: int) -> Timeline:
    chooser = Random(seed)
    labels = [chooser.choice(LABELS[: chooser.choice((3, 9))]) for _ in range(chooser.randint(1, 4))]
    items, at = [], 0.0
    for number, label in enumerate(labels):
        at += chooser.choice((0.0, 0.2, 1.0, 3.0))
        seconds = chooser.uniform(0.5, 5.0)
        previous = [item for item in items if item.label == label]
        start = max([at, *(item.end + 0.8 for item in previous)])
        items.append(Ingredient(label, f"clip-{number}", round(start, 3), seconds, chooser.uniform(-8, 6)))
    if chooser.random() < 0.4:
        items.append(Ingredient("speech", "voice", chooser.uniform(0, 8), 2.5, 0.0, "See the $5 {hat}. yes"))
    return Timeline(tuple(sorted(items, key=lambda each: each.start)))


@cache
def asked_of(seed: int) -> tuple[tuple[Timeline, Material, Asked, Worded], ...]:
    """Every question about one scene, half of them with options."""
    scene, chooser = a_scene(seed), Random(seed)
    absent = [label for label in LABELS if not any(alike(label, each) for each in scene.labels)]
    material = Material(scene, absent, {"present": seed % 2 == 0, "before": seed % 4 < 2}, chooser)
    found = [each for each in (make(material) for make in TYPES.values()) if each is not None]
    return tuple((scene, material, each, worded(each, scene, chooser.random() < 0.5, chooser)) for each in found)


def all_of(type_: str) -> list[tuple[Timeline, Material, Asked, Worded]]:
    return [each for seed in SEEDS for each in asked_of(seed) if each[2].type == type_]


def named(text: str, scene: Timeline, absent: Any = ()) -> list[str]:
    """Labels whose names stand in a text, in the order in which they stand there."""
    found = [(text.lower().find(sound_kind(label).name), label) for label in {*scene.labels, *absent}]
    return [label for at, label in sorted(found) if at >= 0]


def test_every_type_is_asked_of_some_scenes() -> None:
    counts = {type_: len(all_of(type_)) for type_ in TYPES}
    assert min(counts.values()) >= 25, counts


def test_sounds_are_all_sounds() -> None:
    for scene, _, asked, words in all_of("sounds"):
        assert asked.answer == list(dict.fromkeys(item.label for item in scene.items))
        assert named(words.answer, scene, LABELS) == asked.answer


def test_order_is_that_of_the_starts() -> None:
    for scene, _, asked, words in all_of("order"):
        starts = sorted(item.start for item in scene.items)
        assert all(after - before >= 0.4 for before, after in itertools.pairwise(starts))
        assert asked.answer == [item.label for item in sorted(scene.items, key=lambda each: each.start)]
        sequence = ", then ".join(sound_kind(label).name for label in asked.answer)
        assert sequence in words.answer.lower()


def test_kinds_and_times_are_counts() -> None:
    for scene, _, asked, _ in all_of("kinds"):
        assert asked.answer == len({item.label for item in scene.items})
    for scene, _, asked, words in all_of("times"):
        label = next(each for each in scene.labels if sound_kind(each).name == asked.columns["x"])
        assert asked.answer == sum(item.label == label for item in scene.items)
        assert sound_kind(label).name in words.question


@pytest.mark.parametrize("type_", ["present", "before"])
def test_yes_and_no_are_equally_frequent(type_: str) -> None:
    answers = Counter(asked.answer for _, _, asked, _ in all_of(type_))
    assert answers[True] == pytest.approx(answers[False], rel=0.15)
    for _, material, asked, words in all_of(type_):
        assert asked.answer is material.wanted[type_]
        assert words.answer.startswith("Yes" if asked.answer else "No")
        assert words.reasoning.endswith(("yes.", "no."))
        assert words.reasoning.endswith("yes.") == asked.answer


def test_present_sounds_are_there_and_absent_ones_are_not() -> None:
    for scene, _, asked, words in all_of("present"):
        label = asked.columns["label"]
        assert (label in {item.label for item in scene.items}) is asked.answer
        assert sound_kind(str(label)).name in words.question.lower()


def test_before_compares_starts() -> None:
    for scene, _, asked, words in all_of("before"):
        x, y = named(words.question, scene)
        starts = {item.label: item.start for item in scene.items}
        assert (starts[x] < starts[y]) is asked.answer
        assert abs(starts[x] - starts[y]) >= 0.4


def test_the_loudest_stands_out() -> None:
    for scene, _, asked, words in all_of("loudest"):
        gains = {label: max(item.gain_db for item in scene.items if item.label == label) for label in scene.labels}
        assert all(gains[asked.answer] >= gain + 5 for label, gain in gains.items() if label != asked.answer)
        assert named(words.answer, scene) == [asked.answer]


def test_after_is_what_starts_next_once_the_sound_is_over() -> None:
    for scene, _, asked, words in all_of("after"):
        (x,) = [label for label in named(words.question.split("?")[0], scene)]
        one = next(item for item in scene.items if item.label == x)
        following = min((item for item in scene.items if item.start > one.start), key=lambda each: each.start)
        assert asked.answer == following.label != x
        assert following.start >= one.end - 0.05
        assert named(words.answer, scene) == [asked.answer]


def test_first_and_last_go_by_starts() -> None:
    for type_, pick in (("first", min), ("last", max)):
        for scene, _, asked, words in all_of(type_):
            found = pick(scene.items, key=lambda each: each.start)
            assert asked.answer == found.label
            assert all(abs(item.start - found.start) >= 0.4 for item in scene.items if item is not found)
            assert named(words.answer, scene) == [asked.answer]


@pytest.mark.parametrize("type_", ["longest", "compare"])
def test_longer_is_clearly_longer(type_: str) -> None:
    for scene, _, asked, words in all_of(type_):
        seconds = Counter[str]()
        for item in scene.items:
            seconds[item.label] += item.seconds  # type: ignore[assignment]
        others = set(seconds) if type_ == "longest" else set(named(words.question, scene))
        assert asked.answer in others
        assert len(others) >= 2
        assert all(seconds[asked.answer] >= 1.4 * seconds[label] for label in others - {asked.answer})
        assert named(words.answer, scene) == [asked.answer]


def test_comparisons_name_the_longer_one_first_only_half_of_the_time() -> None:
    first = [named(words.question, scene)[0] == asked.answer for scene, _, asked, words in all_of("compare")]
    assert 0.4 < sum(first) / len(first) < 0.6


def test_when_is_the_start_in_seconds() -> None:
    for scene, _, asked, words in all_of("when"):
        (label,) = named(words.question.split("?")[0], scene)
        (item,) = [each for each in scene.items if each.label == label]
        assert abs(item.start - asked.answer) <= 0.4
        assert f"{item.start:.1f} s" in words.reasoning


def test_together_are_those_that_overlap() -> None:
    for scene, _, asked, words in all_of("together"):
        (x,) = named(words.question, scene)
        (one,) = [item for item in scene.items if item.label == x]
        expected = []
        for item in scene.items:
            shared = min(one.end, item.end) - max(one.start, item.start)
            if item is not one and shared >= 0.5:
                expected.append(item.label)
            elif item is not one:
                assert shared < 0.1
        assert asked.answer == list(dict.fromkeys(expected))
        assert words.answer.startswith("Nothing else") == (not expected)


def test_words_are_those_of_the_speaker_as_they_are() -> None:
    for scene, _, asked, words in all_of("words"):
        assert asked.answer == "See the $5 {hat}. yes"
        assert asked.answer in words.answer
        assert scene.speech is not None


def test_a_place_is_told_by_its_sounds_alone() -> None:
    for scene, _, asked, _ in all_of("scene"):
        place = next(each for each in places() if each.name == asked.answer)
        heard = set(scene.labels)
        assert heard <= place.telling | place.fitting
        assert heard & place.telling
        for each in places():
            if each.name in asked.wrong:
                assert not heard <= each.telling | each.fitting
                assert not heard & each.telling


def test_of_the_options_exactly_one_is_right() -> None:
    forms = Counter[str]()
    for seed in SEEDS:
        for scene, material, asked, words in asked_of(seed):
            options = words.details.get("options")
            if options is None:
                continue
            assert len(set(options)) == len(options) >= 3
            assert options.count(asked.right) == 1
            assert words.details["right"] == asked.right
            assert words.details["answer"] == asked.answer
            assert all(option in words.question for option in options)
            assert asked.right.lower() in words.answer.lower()
            assert not any(wrong.lower() == asked.right.lower() for wrong in asked.wrong)
            form = (
                "response" if "<RESPONSE>" in words.question else "lettered" if " B) " in words.question else "listed"
            )
            forms[form] += 1
            if form == "lettered":
                letter, text = words.answer.split(") ", 1)
                assert text == asked.right
                assert f"{letter}) {asked.right}" in words.question
            assert ("<RESPONSE>" in words.answer) == (form == "response")
            if asked.type in ("loudest", "first", "last", "after", "longest"):
                names = {sound_kind(label).name for label in (*scene.labels, *material.absent)}
                assert set(options) <= names
    assert min(forms.values()) > 100
    assert set(forms) == {"response", "lettered", "listed"}


def test_thoughts_go_through_all_sounds_before_they_come_to_the_answer() -> None:
    for seed in SEEDS:
        for scene, _, _, words in asked_of(seed):
            for item in scene.items:
                assert f"from {item.start:.1f} to {item.end:.1f} s" in words.reasoning
            for text in (words.question, words.answer, words.reasoning):
                assert text == text.strip()
                assert "  " not in text
            assert len(words.reasoning.split()) < 160


def test_a_caption_names_every_sound_and_says_every_word() -> None:
    captions = set()
    for seed in SEEDS:
        scene = a_scene(seed)
        text = caption(scene, Random(seed))
        captions.add(text)
        for label in scene.labels:
            if label != "speech":
                kind = sound_kind(label)
                assert kind.doing in text.lower() or kind.name in text.lower(), (label, text)
        if scene.speech is not None:
            assert "“See the $5 {hat}. yes.”" in text
        if (found := place_of(scene.labels)) is None:
            assert not any(f"{each.name}." in text for each in places())
        else:
            assert found[0].telling & set(scene.labels)
    assert len(captions) > 0.8 * len(SEEDS)


def test_what_is_not_clear_is_not_asked() -> None:
    same = Timeline((Ingredient("dog", "a", 1.0, 2.0, 0.0), Ingredient("rain", "b", 1.2, 2.0, 1.0)))
    wanted = {"present": True, "before": True}
    given = Material(same, [], wanted, Random(0))
    for type_ in ("order", "before", "loudest", "after", "first", "last", "compare", "scene", "words"):
        assert TYPES[type_](given) is None, type_
    assert TYPES["present"](Material(same, [], {"present": False, "before": True}, Random(0))) is None


def test_every_phrasing_can_be_filled_in() -> None:
    names = ("x", "y", "xs", "n", "s", "words", "ordered", "often", "at", "a", "b", "db", "verdict", "place", "option")
    shown = ("clause", "name", "text", "question", "lettered", "listed")
    columns: Mapping[str, str] = dict.fromkeys((*names, *shown), "thing")
    total = 0
    for section, keys in phrase_table("scenes").items():
        for key in keys if section != "rules" else ():
            for text in phrasings("scenes", section, key):
                filled = text.format_map(columns)
                assert "{" not in filled
                assert filled.strip()
                total += 1
    assert total > 300
