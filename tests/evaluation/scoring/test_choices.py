import pytest

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.scoring.choices import CHOICE_RULES, chosen_option, chosen_right, mmau_right, response

ANIMALS = ("A dog barking", "A cat", "Rain", "Heavy rain")
LABELLED = ("(A) Man", "(B) Woman", "(C) Child", "(D) Robot")
CHINESE = ("下雨", "打雷", "刮风")


@pytest.mark.parametrize(
    ("answer", "options", "expected"),
    [
        ("I think so. <RESPONSE> Rain </RESPONSE>", ANIMALS, 2),
        ("<response>A cat</RESPONSE>", ANIMALS, 1),
        ("First <RESPONSE>A cat</RESPONSE>, no, <RESPONSE>Rain", ANIMALS, 2),
        ("<think>a cat, surely</think><RESPONSE>Rain</RESPONSE>", ANIMALS, 2),
        ("<RESPONSE>B</RESPONSE>", ANIMALS, 1),
        ("(c)", ANIMALS, 2),
        ("D.", ANIMALS, 3),
        ("B) A cat", ANIMALS, 1),
        ("**C. Rain**", ANIMALS, 2),
        ("The answer is D", ANIMALS, 3),
        ("The correct option is (B) because it meows.", ANIMALS, 1),
        ("The answer is A dog barking.", ANIMALS, 0),
        ("One hears heavy rain on a roof.", ANIMALS, 3),
        ("There is rain, it is HEAVY   RAIN!", ("Rain", "Snow"), 0),
        ("a cat", ANIMALS, 1),
        ("Ａ：", ANIMALS, 0),
        ("(B) Woman", LABELLED, 1),
        ("It is a woman speaking.", LABELLED, 1),
        ("答案是B", CHINESE, 1),
        ("选C。", CHINESE, 2),
        ("我听到外面在打雷。", CHINESE, 1),
        ("答案：下雨", CHINESE, 0),
    ],
)
def test_the_chosen_option_is_found(answer: str, options: tuple[str, ...], expected: int) -> None:
    assert chosen_option(answer, options) == expected


@pytest.mark.parametrize(
    ("answer", "options", "why"),
    [
        ("", ANIMALS, "no option"),
        ("<RESPONSE></RESPONSE> A cat", ANIMALS, "no option"),
        ("I cannot tell.", ANIMALS, "no option"),
        ("E", ANIMALS, "no option"),
        ("Not a cat, but a dog barking.", ANIMALS, "several options"),
        ("The answer is B or the answer is C", ANIMALS, "several options"),
        ("B) Rain", ANIMALS, "names one option and words another"),
        ("The answer is B: rain.", ANIMALS, "names one option and words another"),
        ("下雨和打雷", CHINESE, "several options"),
    ],
)
def test_an_answer_that_cannot_be_read_is_unscorable(answer: str, options: tuple[str, ...], why: str) -> None:
    with pytest.raises(UnscorableError, match=why):
        chosen_option(answer, options)


@pytest.mark.parametrize(
    ("answer", "right", "expected"),
    [
        ("A cat", 1, True),
        ("the cat is a loud one", 1, True),
        ("a cat, no dog", 1, False),
        ("cat", 1, False),  # MMAU wants every word of the option.
        ("B", 1, False),
        ("", 1, False),
        ("rain", 2, True),
        ("heavy rain", 2, False),
        ("<RESPONSE>Heavy rain</RESPONSE> and a dog", 3, True),
    ],
)
def test_mmaus_own_rule(answer: str, right: int, expected: bool) -> None:
    assert mmau_right(answer, ANIMALS, right) is expected


def test_rules_have_names() -> None:
    assert dict(CHOICE_RULES) == {"mmau/1": mmau_right, "chosen/1": chosen_right}
    assert CHOICE_RULES["chosen/1"]("C", ANIMALS, 2)
    assert not CHOICE_RULES["chosen/1"]("B", ANIMALS, 2)


def test_without_a_tag_the_whole_answer_is_the_response() -> None:
    assert response(" <think>hm</think> Rain. ") == "Rain."
    assert response("<think>never ends") == ""
