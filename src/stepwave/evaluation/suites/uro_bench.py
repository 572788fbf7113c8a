"""The suite `uro_bench`: speech-to-speech conversation, as in tables 6 and 7 of the report (section 4.6).

Spoken answers are written down by the listener and judged (the report: Whisper and GPT-4o-mini). Points from 1 to 5 are
a share of 5, "yes" is 100; repeating is 100 times one minus the errors per word, and 0 where more than half is wrong.
An average is the plain mean of its sets, as the report prints it. GenEmotion is left out, and the averages that lack it
say so: the official score compares the sound by emotion2vec, which is no part of this suite.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from stepwave.evaluation.answers import Answer, UnscorableError
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Measure, Score
from stepwave.evaluation.items import Item
from stepwave.evaluation.material.samples import sample_or
from stepwave.evaluation.material.uro_bench import Part, Scored, part_items
from stepwave.evaluation.scoring.judge import rounds
from stepwave.evaluation.scoring.judge_prompts import JUDGE_PROMPTS
from stepwave.evaluation.scoring.measures import compared

UNDERSTANDING, REASONING, ORAL = "understanding", "reasoning", "oral conversation"
_PROMPTS: Final[dict[Scored, str]] = {
    "qa": "question-answering/1",
    "open": "open-answer/1",
    "suggested": "open-answer-with-suggestion/1",
    "empathy": "empathy/1",
    "privacy": "privacy/1",
    "style": "speaking-style/1",
    "language": "answer-language/1",
    "rounds": "conversation/1",
    "speakers": "speaker-awareness/1",
}
_MOST_WRONG: Final = 0.5

CHINESE_BASIC: Final = {
    UNDERSTANDING: (Part("Repeat-zh", "Repeat", "repeat"), Part("LCSTS-zh", "LCSTS", "suggested")),
    REASONING: (Part("MLC-zh", "MLC", "qa"), Part("OpenbookQA-zh", "OpenBook", "qa")),
    ORAL: (Part("AlpacaEval-zh", "Alpaca", "open"), Part("Claude-zh", "Claude", "open")),
}
CHINESE_PRO: Final = {
    UNDERSTANDING: (
        Part("UnderEmotion-zh", "UnderEmotion", "empathy"),
        Part("CodeSwitching-zh", "CodeSwitch", "suggested"),
        Part("Safety-zh", "Safety", "privacy"),
    ),
    REASONING: (Part("MLCpro-zh", "MLC-Pro", "qa"), Part("SpeakerAware-zh", "Speaker", "speakers")),
    ORAL: (Part("SRT-zh", "SRT", "suggested"), Part("GenStyle-zh", "GenStyle", "style")),
}
ENGLISH_BASIC: Final = {
    UNDERSTANDING: (
        Part("Repeat", "Repeat", "repeat"),
        Part("Summary", "Summary", "suggested"),
        Part("GaokaoEval", "Gaokao", "qa"),
    ),
    REASONING: (
        Part("StoralEval", "Storal", "suggested"),
        Part("TruthfulEval", "Truthful", "suggested"),
        Part("Gsm8kEval", "Gsm8k", "qa"),
        Part("MLC", "MLC", "qa"),
    ),
    ORAL: (
        Part("AlpacaEval", "Alpaca", "open"),
        Part("CommonEval", "Common", "open"),
        Part("WildchatEval", "Wildchat", "open"),
    ),
}
ENGLISH_PRO: Final = {
    UNDERSTANDING: (
        Part("UnderEmotion-en", "UnderEmotion", "empathy"),
        Part("CodeSwitching-en", "CodeSwitch", "suggested"),
        Part("Safety-en", "Safety", "privacy"),
        Part("ClothoEval-en", "Clotho", "qa"),
        Part("MuChoEval-en", "MuCho", "qa"),
    ),
    REASONING: (
        Part("MLCpro-en", "MLC-Pro", "qa"),
        Part("MtBenchEval-en", "MtBench", "rounds"),
        Part("SpeakerAware-en", "Speaker", "speakers"),
    ),
    ORAL: (
        Part("SRT-en", "SRT", "suggested"),
        Part("GenStyle-en", "GenStyle", "style"),
        Part("Multilingual", "Multilingual", "language"),
    ),
}


def score(answer: Answer, evidence: Evidence) -> Score:
    """An answer's share of the best, by the way in which its set is scored."""
    item = answer.item
    kind: Scored = item.tags["scored"]  # type: ignore[assignment]  # written by the reader
    said = evidence.spoken_rounds(answer)
    if kind == "repeat":
        return _repeated(item, said[-1])
    asked = JUDGE_PROMPTS[_PROMPTS[kind]]
    reference = _reference(item, kind)
    questions = [*(turn.text for turn in item.turns), item.text]
    several = kind in ("rounds", "speakers")
    question, told = (rounds(questions), rounds(said)) if several else (questions[-1], said[-1])
    verdict = evidence.verdict(asked.name, question, reference, told, item.answered_in)
    return Score(asked.percent(verdict.score) / 100, 1.0, reference, told, reason=verdict.said)


def _repeated(item: Item, said: str) -> Score:
    if not item.references:
        raise UnscorableError("there is no text that should be repeated")
    errors = compared(item.references[0], said, item.language)
    rate = errors.amount / errors.per
    return Score(1 - rate if rate <= _MOST_WRONG else 0.0, 1.0, errors.reference, errors.hypothesis)


def _reference(item: Item, kind: Scored) -> str:
    if kind in ("rounds", "speakers"):
        return rounds(list(item.references))
    if kind == "language":
        return item.tags.get("language", "")
    label = item.tags.get({"empathy": "emotion", "style": "style"}.get(kind, ""), "")
    return " | ".join(filter(None, (label, *item.references)))


def _of(dimension: str) -> Callable[[Answer, Evidence], Score | None]:
    def scored(answer: Answer, evidence: Evidence) -> Score | None:
        return score(answer, evidence) if answer.item.tags["dimension"] == dimension else None

    return scored


def _check(
    name: str, title: str, on: str, language: str, track: Literal["basic", "pro"], sets: Mapping[str, Sequence[Part]]
) -> Check:
    lacking = ", without GenEmotion" if track == "pro" else ""
    named = {UNDERSTANDING: "", REASONING: "", ORAL: lacking}
    measures = [Measure(f"{each}{named[each]}", _of(each), by="dataset", better="higher") for each in sets]
    average = Measure(f"average{lacking}", score, by="dataset", better="higher")

    def items(places: Places) -> list[Item]:
        return part_items(sample_or(places, "uro_bench"), track, language, sets)

    return Check(name, title, on, items, "converse", (*measures, average), data="URO-Bench (Honggao/URO-Bench)")


SUITE: Final = Suite(
    "uro_bench",
    "speech-to-speech conversation: understanding, reasoning, oral conversation",
    (
        _check(
            "chinese-basic", "conversation", "URO-Bench, Chinese, basic track, 6 sets", "zh", "basic", CHINESE_BASIC
        ),
        _check("chinese-pro", "conversation", "URO-Bench, Chinese, pro track, 7 of 8 sets", "zh", "pro", CHINESE_PRO),
        _check(
            "english-basic", "conversation", "URO-Bench, English, basic track, 10 sets", "en", "basic", ENGLISH_BASIC
        ),
        _check("english-pro", "conversation", "URO-Bench, English, pro track, 11 of 12 sets", "en", "pro", ENGLISH_PRO),
    ),
)
