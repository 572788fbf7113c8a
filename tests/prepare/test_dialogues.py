import json
import re
from collections import Counter
from pathlib import Path

import pytest

from stepwave.facts.errors import ConfigError
from stepwave.prepare.dialogues import (
    Conversation,
    Dialogue,
    distinct_answers,
    everyday_conversations,
    everyday_dialogues,
)
from stepwave.prepare.dialogues.grammar import expand, normalised, sentence
from stepwave.prepare.dialogues.scripts import Script, all_scripts

SPEAKABLE = re.compile(r"[A-Za-z',.?! ]+")


@pytest.fixture(scope="module")
def dialogues() -> list[Dialogue]:
    return everyday_dialogues(0, None)


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    return everyday_conversations(0)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_expand_gives_every_phrasing_once() -> None:
    assert expand("[so|hey] (what is|what's) <it>", {"it": "up|new"}) == [
        f"{start}{ask} {it}" for start in ("so ", "hey ", "") for ask in ("what is", "what's") for it in ("up", "new")
    ]


def test_expand_keeps_columns_and_nests() -> None:
    assert expand("say ({x}|[the (big|small)] {y})", {}) == [
        "say {x}",
        "say the big {y}",
        "say the small {y}",
        "say {y}",
    ]


@pytest.mark.parametrize("template", ["(a|b", "a)", "[a", "<missing>", "<it"])
def test_expand_refuses_what_it_cannot_read(template: str) -> None:
    with pytest.raises(ValueError, match=r"rule|bracket|closes"):
        expand(template, {"it": "up"})


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("hey,  what's your name", "Hey, what's your name?"),
        ("what a beautiful day", "What a beautiful day."),
        ("do my homework", "Do my homework."),
        ("can you say: the sky is blue", "Can you say: the sky is blue."),
        ("maybe , later", "Maybe, later."),
        ("wait!", "Wait!"),
    ],
)
def test_sentence_is_written_as_spoken(text: str, written: str) -> None:
    assert sentence(text) == written


def test_normalised_tells_only_words_apart() -> None:
    assert normalised("Hey, WHAT'S that?") == normalised("hey what is that")


def test_a_row_needs_a_value_for_each_column() -> None:
    with pytest.raises(ValueError, match="2 values"):
        Script("capital", ("what",), ("that",), 1, ("country", "capital"), (("France",),))


def test_same_seed_gives_the_same_dialogues_and_another_seed_others(dialogues: list[Dialogue]) -> None:
    assert everyday_dialogues(0, None) == dialogues
    assert everyday_dialogues(1, None) != dialogues


def test_there_is_enough_to_train_on_and_little_enough_to_synthesise(dialogues: list[Dialogue]) -> None:
    answers = {dialogue.answer for dialogue in dialogues}
    assert 6000 <= len(dialogues) <= 10_000
    assert 700 <= len(answers) <= 1000
    assert sum(len(answer.split()) for answer in answers) <= 6500


def test_answers_are_short_and_speakable_as_written(dialogues: list[Dialogue]) -> None:
    odd = {d.answer for d in dialogues if not 3 <= len(d.answer.split()) <= 14 or not SPEAKABLE.fullmatch(d.answer)}
    assert not odd


def test_questions_hold_neither_digits_nor_leftover_markup(dialogues: list[Dialogue]) -> None:
    odd = [d.question for d in dialogues if not re.fullmatch(r"[A-Za-z',.?!: ]+[.?!]", d.question)]
    assert not odd


def test_each_question_occurs_once(dialogues: list[Dialogue]) -> None:
    counts = Counter(normalised(dialogue.question) for dialogue in dialogues)
    assert max(counts.values()) == 1


def test_no_phrasing_has_answers_of_two_intents() -> None:
    answers: dict[str, set[str]] = {}
    clashes = []
    for script in all_scripts():
        for row in script.rows:
            here = set(script.answers_for(row))
            for question in {normalised(text) for texts in script.phrasings(row) for text in texts}:
                if not here & answers.setdefault(question, here):
                    clashes.append(question)
    assert not clashes


def test_every_intent_has_phrasings_and_at_most_a_few_answers(dialogues: list[Dialogue]) -> None:
    counts = Counter(dialogue.intent for dialogue in dialogues)
    assert set(counts) == {script.name for script in all_scripts()}
    assert min(counts.values()) >= 8


def test_a_twentieth_of_the_phrasings_is_held_out_and_every_answer_is_trained(dialogues: list[Dialogue]) -> None:
    held_out = [dialogue for dialogue in dialogues if dialogue.split == "test"]
    assert 0.03 <= len(held_out) / len(dialogues) <= 0.07
    assert {d.answer for d in held_out} <= {d.answer for d in dialogues if d.split == "train"}


def test_repeating_gives_back_what_was_said(dialogues: list[Dialogue]) -> None:
    repeated = [dialogue for dialogue in dialogues if dialogue.intent == "repeat_after_me"]
    assert repeated
    for dialogue in repeated:
        assert words(dialogue.question)[-len(words(dialogue.answer)) :] == words(dialogue.answer)


def test_sums_and_differences_are_right(dialogues: list[Dialogue]) -> None:
    named = dict(zip(SMALL_NUMBERS.split(), range(21), strict=True))
    checked = 0
    for answer in {d.answer for d in dialogues if d.intent in {"sum", "difference"}}:
        first, sign, second, _, result = words(answer)
        assert named[first] + named[second] * (1 if sign == "plus" else -1) == named[result]
        checked += 1
    assert checked == 100


SMALL_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)


def test_spelled_words_have_their_letters(dialogues: list[Dialogue]) -> None:
    spelled = {d.answer for d in dialogues if d.intent == "spelling"}
    assert len(spelled) == 20
    for answer in spelled:
        word, letters = answer.split(" is spelled ")
        assert "".join(words(letters)) == word.lower()


def test_clinc_queries_join_our_intents(tmp_path: Path, dialogues: list[Dialogue]) -> None:
    file = tmp_path / "clinc.json"
    queries = [["am i low on cash", "balance"], ["give me $20", "balance"], ["what is 3 plus 4", "calculator"]]
    file.write_text(json.dumps({"train": queries, "oos_train": [["how is glue made", "oos"]]}))
    before = set(dialogues)
    added = [dialogue for dialogue in everyday_dialogues(0, file) if dialogue not in before]
    assert {(d.intent, d.question) for d in added} == {
        ("money_accounts", "Am I low on cash?"),
        ("unknown_fact", "How is glue made?"),
    }
    assert {d.answer for d in added} <= {d.answer for d in dialogues}


def test_clinc_as_published_adds_questions_but_no_answers(shared_data: Path, dialogues: list[Dialogue]) -> None:
    more = everyday_dialogues(0, shared_data / "text" / "clinc150.json")
    assert len(more) > len(dialogues) + 1000
    assert {d.answer for d in more} == {d.answer for d in dialogues}


@pytest.mark.parametrize("content", ["not json", '{"train": []}', '{"train": [1], "oos_train": []}'])
def test_another_file_than_clinc_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "clinc.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match="CLINC150"):
        everyday_dialogues(0, file)


def test_a_missing_clinc_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        everyday_dialogues(0, tmp_path / "missing.json")


def test_conversations_are_the_same_for_the_same_seed(conversations: list[Conversation]) -> None:
    assert everyday_conversations(0) == conversations
    assert everyday_conversations(1) != conversations


def test_conversations_need_hardly_any_further_answers(
    dialogues: list[Dialogue], conversations: list[Conversation]
) -> None:
    single, all_answers = distinct_answers(dialogues, []), distinct_answers(dialogues, conversations)
    assert all_answers[: len(single)] == single
    assert all(answer.startswith("Your name is ") for answer in all_answers[len(single) :])


def test_a_training_conversation_holds_no_phrasing_held_out(
    dialogues: list[Dialogue], conversations: list[Conversation]
) -> None:
    held_out = {dialogue.question for dialogue in dialogues if dialogue.split == "test"}
    trained = {question for talk in conversations if talk.split == "train" for question, _ in talk.turns}
    tested = {question for talk in conversations if talk.split == "test" for question, _ in talk.turns}
    assert not trained & held_out
    assert tested & held_out


def test_saying_it_again_gives_the_last_answer_and_another_one_a_new_one(conversations: list[Conversation]) -> None:
    for talk in conversations:
        (_, first), (_, last) = talk.turns[0], talk.turns[-1]
        if talk.intent == "again":
            assert last == first
        if talk.intent == "another":
            assert last != first


def test_a_name_given_is_remembered(conversations: list[Conversation]) -> None:
    talks = [talk for talk in conversations if talk.intent == "remembered_name"]
    assert talks
    for talk in talks:
        name = words(talk.turns[-1][1])[-1]
        assert name in words(talk.turns[0][0])


def test_a_row_asked_about_in_short_gets_the_answer_of_the_long_question(
    dialogues: list[Dialogue], conversations: list[Conversation]
) -> None:
    answers = {(dialogue.intent, dialogue.answer) for dialogue in dialogues}
    for talk in (talk for talk in conversations if talk.intent == "what_about"):
        intents = {intent for intent, answer in answers if answer == talk.turns[0][1]}
        assert any((intent, talk.turns[1][1]) in answers for intent in intents)
