"""What nano's training and checks hear: which texts, in which voices, and what is kept apart for checking.

Every choice is drawn from a seed. Texts or voices that a check uses never occur in training: four Kokoro voices,
100 sentences, the questions of the dialogues' test split and 50 LibriSpeech speakers are held out.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stepwave.prepare.engines.kokoro import KOKORO_ENGLISH
from stepwave.prepare.synthesis import Utterance

ASSISTANT_VOICE = "piper/joe-even"
"""The one voice whose speech tokens nano learns to say; it costs an eighth of Kokoro's time."""

SECOND_VOICE = "kokoro/af_heart"
"""Speaks a tenth of the answers too: heard by nano, and a built-in voice for flow matching to give."""

HELD_OUT_VOICES = ("kokoro/af_nova", "kokoro/am_fenrir", "kokoro/bf_lily", "kokoro/bm_lewis")
"""Never heard in training: the checks ask their questions in these."""

CHEAP_VOICES = [
    "piper/joe",
    "piper/joe",
    "piper/joe",
    "flite/awb",
    "flite/rms",
    "flite/slt",
    "flite/kal16",
    "espeak/en-us",
    "espeak/en-gb",
    "espeak/en-us+f3",
    "espeak/en-us+m3",
]
"""Rule-based and light voices that cost next to nothing; `joe`, the most human of them, is drawn more often."""

_TRAINING_AMOUNTS = (
    "assistant_sentences",
    "own_sentences",
    "varied_sentences",
    "cheap_sentences",
    "questions",
    "cheap_questions",
)


@dataclass(frozen=True)
class NanoAmounts:
    """How many utterances of each kind are spoken."""

    assistant_sentences: int = 5000
    own_sentences: int = 2800
    """Of the assistant's sentences, this many are left to its own voice; light voices may speak the others too."""
    varied_sentences: int = 250
    cheap_sentences: int = 7_000
    """Many, for their words: what is never said in training is hardly ever heard right."""
    questions: int = 250
    cheap_questions: int = 1500
    checked_sentences: int = 100
    checked_questions: int = 50

    def scaled(self, factor: float) -> "NanoAmounts":
        """The same mixture, `factor` times as much; what is kept for checks stays as it is."""
        amounts = {name: round(factor * getattr(self, name)) for name in _TRAINING_AMOUNTS}
        return replace(self, **amounts)


@dataclass(frozen=True)
class NanoTexts:
    """Plain sentences by source, cleaned and without those held out."""

    short: tuple[str, ...]
    """Everyday sentences (Tatoeba, CC BY 2.0 FR; Piper's recording prompts, MIT)."""
    long: tuple[str, ...]
    """Read-aloud sentences (LJ Speech texts, public domain)."""
    checked: tuple[str, ...]
    """Everyday sentences kept for the read-aloud check."""


def load_texts(shared: Path, amounts: NanoAmounts, seed: int) -> NanoTexts:
    """Read and clean the sentences under `shared/text`; the 32 LJ Speech check clips' texts are left out."""
    pairs = (shared / "text" / "tatoeba_en_cmn.tsv").read_text(encoding="utf-8").splitlines()
    prompts = (shared / "text" / "spoken_prompts.en.txt").read_text(encoding="utf-8").splitlines()
    spoken = (shared / "ljspeech-32" / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    recorded = {line.split("\t")[1].strip() for line in spoken}
    read = (shared / "text" / "ljspeech_sentences.txt").read_text(encoding="utf-8").splitlines()
    short = sorted({text for text in map(_clean, [p.split("\t")[0] for p in pairs] + prompts) if _fits(text, 3, 14)})
    long = sorted({text for text in map(_clean, read) if _fits(text, 4, 20)} - {_clean(text) for text in recorded})
    chooser = random.Random(seed)
    chooser.shuffle(short)
    chooser.shuffle(long)
    kept = [text for text in short if 5 <= len(text.split()) <= 12][: amounts.checked_sentences]
    rest = tuple(text for text in short if text not in set(kept))
    return NanoTexts(rest, tuple(long), tuple(kept))


def _clean(text: str) -> str:
    for fancy, plain in {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2014": ", "}.items():
        text = text.replace(fancy, plain)
    return " ".join(text.split())


def _fits(text: str, fewest: int, most: int) -> bool:
    words = text.split()
    plain = all(letter.isalpha() or letter in " .,?!'-;:" for letter in text)
    return plain and text.isascii() and fewest <= len(words) <= most


def nano_utterances(
    texts: NanoTexts, answers: list[str], questions: list[str], amounts: NanoAmounts, seed: int
) -> Iterator[Utterance]:
    """All training utterances, the most useful first, so that a run that is stopped early is still balanced."""
    voices = _kokoro_voices(random.Random(seed))
    yield from (Utterance(text, ASSISTANT_VOICE, 1.0, "answer") for text in answers)
    yield from (Utterance(text, SECOND_VOICE, 1.0, "asr") for text in answers[::10])
    # A chooser each, so that asking for more of one kind does not change what the others say.
    varied, cheap, asked, cheaply_asked, order_chooser = (random.Random(f"{seed} {kind}") for kind in range(5))
    kinds: list[Iterator[Utterance]] = [
        _assistant_sentences(texts, amounts),
        _varied_sentences(texts, voices, amounts, varied),
        _cheap_sentences(texts, amounts, cheap),
        _questions(questions, voices, amounts.questions, asked),
        _questions(questions, CHEAP_VOICES, amounts.cheap_questions, cheaply_asked),
    ]
    weights = [
        amounts.assistant_sentences,
        amounts.varied_sentences,
        amounts.cheap_sentences,
        amounts.questions,
        amounts.cheap_questions,
    ]
    order = [kind for kind, weight in enumerate(weights) for _ in range(weight)]
    order_chooser.shuffle(order)
    for kind in order:
        utterance = next(kinds[kind], None)
        if utterance is not None:
            yield utterance


def checked_utterances(texts: NanoTexts, questions: list[str], amounts: NanoAmounts, seed: int) -> list[Utterance]:
    """Spoken questions of the check, in voices that training never heard."""
    chooser = random.Random(seed + 1)
    chosen = chooser.sample(sorted(questions), min(amounts.checked_questions, len(questions)))
    return [Utterance(text, HELD_OUT_VOICES[i % 4], 1.0, "check") for i, text in enumerate(chosen)]


def _kokoro_voices(chooser: random.Random) -> list[str]:
    single = [f"kokoro/{name}" for name in KOKORO_ENGLISH if f"kokoro/{name}" not in HELD_OUT_VOICES]
    names = [voice.removeprefix("kokoro/") for voice in single]
    blends = [f"kokoro/{'+'.join(chooser.sample(names, 2))}" for _ in range(40)]
    return single * 2 + blends


def _assistant_sentences(texts: NanoTexts, amounts: NanoAmounts) -> Iterator[Utterance]:
    count = amounts.assistant_sentences
    pool = [*texts.short[: count * 3 // 4], *texts.long[: count // 4]]
    random.Random(count).shuffle(pool)
    return (Utterance(text, ASSISTANT_VOICE, 1.0, "tts") for text in pool)


def _varied_sentences(
    texts: NanoTexts, voices: list[str], amounts: NanoAmounts, chooser: random.Random
) -> Iterator[Utterance]:
    count = amounts.varied_sentences
    pool = [*texts.short[-count // 3 :], *texts.long[-count * 2 // 3 :]]
    random.Random(count).shuffle(pool)
    return (Utterance(text, chooser.choice(voices), chooser.choice((0.8, 0.9, 1.0, 1.1, 1.25)), "asr") for text in pool)


def _cheap_sentences(texts: NanoTexts, amounts: NanoAmounts, chooser: random.Random) -> Iterator[Utterance]:
    pool = [*texts.long[amounts.own_sentences // 4 :], *texts.short[amounts.own_sentences * 3 // 4 :]]
    random.Random(len(pool)).shuffle(pool)
    return (
        Utterance(text, chooser.choice(CHEAP_VOICES), chooser.choice((0.85, 1.0, 1.15)), "asr")
        for text in pool[: amounts.cheap_sentences]
    )


def _questions(questions: list[str], voices: list[str], count: int, chooser: random.Random) -> Iterator[Utterance]:
    if not questions:
        return
    for _ in range(count):
        yield Utterance(
            chooser.choice(questions), chooser.choice(voices), chooser.choice((0.9, 1.0, 1.1, 1.2)), "question"
        )
