"""Standing texts against the strings of the reference's own prompts."""

import json
from pathlib import Path

from stepwave.text import prompts
from stepwave.text.language_names import LANGUAGE_NAMES

GOLDEN = json.loads((Path(__file__).parents[1] / "parity/golden/conversations.json").read_text(encoding="utf-8"))


def messages(name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = GOLDEN["conversations"][name]["messages"]
    return found


def test_system_prompts_are_those_of_the_reference() -> None:
    assert messages("text_to_text")[0]["content"] == prompts.CHAT
    assert messages("audio_to_text")[0]["content"] == prompts.TRANSCRIBE
    assert messages("audio_to_speech")[0]["content"] == prompts.SPOKEN_CHAT


def test_prefills_are_those_of_the_reference() -> None:
    assert messages("audio_to_speech")[-1]["content"] == prompts.SPEAK
    assert messages("think_first_pass")[-1]["content"] == prompts.THINK
    second = messages("think_second_pass")[-1]["content"]
    assert prompts.speak_after_thinking("The speaker is calm.\n") == second
    assert prompts.speak_after_thinking("The speaker is calm.\n</think>") == second


def test_search_results_end_as_in_the_reference() -> None:
    assert messages("tool_result")[-2]["content"][1]["text"] == prompts.SEARCH_RESULT_SUFFIX


def test_a_multiple_choice_question_lists_its_options() -> None:
    assert prompts.multiple_choice_question("Which?", ["a", "b"]) == (
        "Which? Please choose the answer from the following options: [a, b] "
        "Output the final answer in <RESPONSE> </RESPONSE>."
    )


def test_a_translation_into_chinese_is_asked_for_as_in_the_released_examples() -> None:
    language = LANGUAGE_NAMES["zh"]
    written, spoken = prompts.TRANSLATE.format(language=language), prompts.TRANSLATE_TO_SPEECH.format(language=language)
    assert written == "Please listen carefully to this audio and then translate its content into Chinese."
    assert spoken == "Please listen carefully to this audio and then translate its content into Chinese speech."


def test_both_models_have_a_prompt_for_every_task_and_nano_those_it_was_trained_with() -> None:
    assert prompts.TASK_PROMPTS_NANO.keys() == prompts.TASK_PROMPTS_RELEASED.keys()
    assert {name: prompts.TASK_PROMPTS_NANO[name] for name in prompts.NANO_PROMPTS} == prompts.NANO_PROMPTS
