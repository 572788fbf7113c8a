"""Standing texts: what the released examples say to the model for each task, and the marks of thinking aloud.

Strings only, quoted as the models were trained on them (reference facts 4.5-4.7); how they become ids is the
template's business.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CHAT: Final = "You are a helpful assistant."
SPOKEN_CHAT: Final = "请用语音与我交流。"
TRANSCRIBE: Final = "请记录下你所听到的语音内容。"
TRANSLATE_TO_CHINESE: Final = "Please listen carefully to this audio and then translate its content into Chinese."
TRANSLATE_TO_CHINESE_SPEECH: Final = (
    "Please listen carefully to this audio and then translate its content into Chinese speech."
)
CAPTION: Final = "Please briefly explain the important events involved in this audio clip."
MULTIPLE_CHOICE: Final = (
    "You are an expert in audio analysis, please analyze the audio content and answer the questions accurately."
)
READ_ALOUD: Final = "Read this paragraph at a natural pace.\n"
"""Base model: stands before the text to be said, which `<tts_start>` follows."""

SEARCH_RESULT_SUFFIX: Final = "\n\n\n请用口语化形式总结检索结果，简短地回答用户的问题。"
"""Stands after search results in an `input` turn; a part of its own."""

SPEAK: Final = "<tts_start>"
"""Prefill of the assistant's turn that asks for a spoken answer."""
THINK: Final = "\n<think>\n"
"""Prefill of the assistant's turn that asks for thoughts first; generate until THINK_END."""
THINK_END: Final = "</think>"

NANO_PROMPTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transcribe": "Write down what you hear.",
        "read": "Read the text aloud.",
        "answer": "Answer aloud.",
        "chat": CHAT,
    }
)
"""System prompts that nano is trained with, by task; short, since every position costs a small model time."""


def multiple_choice_question(question: str, options: list[str]) -> str:
    """The question of a multiple-choice item as it follows the recording."""
    listed = ", ".join(options)
    return (
        f"{question} Please choose the answer from the following options: [{listed}] "
        "Output the final answer in <RESPONSE> </RESPONSE>."
    )


def speak_after_thinking(thoughts: str) -> str:
    """Prefill that goes on to the spoken answer; `thoughts` as generated, with or without the mark at their end."""
    return f"{THINK}{thoughts.removesuffix(THINK_END)}{THINK_END}\n\n{SPEAK}"
