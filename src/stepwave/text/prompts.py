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
TRANSLATE: Final = "Please listen carefully to this audio and then translate its content into {language}."
"""The released examples ask for Chinese; `{language}` is the English name of any."""
TRANSLATE_TO_SPEECH: Final = (
    "Please listen carefully to this audio and then translate its content into {language} speech."
)
CAPTION: Final = "Please briefly explain the important events involved in this audio clip."
MULTIPLE_CHOICE: Final = (
    "You are an expert in audio analysis, please analyze the audio content and answer the questions accurately."
)
READ_ALOUD: Final = "Read this paragraph at a natural pace.\n"
"""Base model: stands before the text to be said, which `<tts_start>` follows."""
READ_TRANSLATED: Final = "Translate the following text into {language} and broadcast it with voice.\n"
"""Base model: stands before the text whose translation is to be said."""
USE_TOOLS: Final = (
    "你具备调用工具解决问题的能力，你需要根据用户的需求和上下文情景，自主选择是否调用系统提供的工具来协助用户。"
)
"""The line of the released persona that speaks of tools."""

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
TASK_PROMPTS_NANO: Final[Mapping[str, str]] = MappingProxyType(
    {
        **NANO_PROMPTS,
        "s2tt": "Translate what you hear into {language}.",
        "t2st": "Say the text in {language}.",
        "s2st": "Say what you hear in {language}.",
        "caption": "Describe what you hear.",
        "qa": "Answer the question about what you hear.",
        "tools": "Answer, with tools where they help.",
    }
)
"""The same with the tasks that nano's dialogue does not offer; `{language}` is the English name of the answer's."""
TASK_PROMPTS_RELEASED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transcribe": TRANSCRIBE,
        "read": READ_ALOUD.strip(),
        "answer": SPOKEN_CHAT,
        "chat": CHAT,
        "s2tt": TRANSLATE,
        "t2st": READ_TRANSLATED.strip(),
        "s2st": TRANSLATE_TO_SPEECH,
        "caption": CAPTION,
        "qa": MULTIPLE_CHOICE,
        "tools": USE_TOOLS,
    }
)
"""Prompts for training the released model further: its own where it has one, the Base model's for `read`, `t2st`."""


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
