"""What nano hears and is checked with: drawn from a seed, and never the same text or voice on both sides."""

from pathlib import Path

import pytest

from stepwave.prepare.nano_texts import (
    ASSISTANT_VOICE,
    HELD_OUT_VOICES,
    NanoAmounts,
    NanoTexts,
    checked_utterances,
    load_texts,
    nano_utterances,
)
from stepwave.prepare.synthesis import Utterance

AMOUNTS = NanoAmounts(
    assistant_sentences=12, own_sentences=12, varied_sentences=9, cheap_sentences=10, questions=8, cheap_questions=6,
    checked_sentences=5, checked_questions=4,
)  # fmt: skip
QUESTIONS = [f"Is this question number {word}?" for word in ("one", "two", "three", "four", "five", "six")]
ANSWERS = ["Yes, it is.", "No, it isn't."]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A data folder with 80 short and 60 long sentences, and some that do not fit."""
    (tmp_path / "text").mkdir()
    (tmp_path / "ljspeech-32").mkdir()
    letters = [chr(97 + place % 26) * (2 + place // 26) for place in range(80)]
    short = [f"We saw the {word} again today." for word in letters]
    short += ["Hi.", "It was 1999 when we met.", "Caf\u00e9s are nice places to sit."]
    long = [f"In those days the {word} was carried by hand from one house to the next," for word in letters[:60]]
    (tmp_path / "text" / "tatoeba_en_cmn.tsv").write_text("".join(f"{text}\t-\tCC\n" for text in short))
    (tmp_path / "text" / "spoken_prompts.en.txt").write_text(" Please ask Lena, maybe she\u2019s here.\n")
    (tmp_path / "text" / "ljspeech_sentences.txt").write_text("\n".join(long) + "\n")
    (tmp_path / "ljspeech-32" / "transcripts.tsv").write_text(f"LJ1.flac\t{long[0]}\n")
    return tmp_path


@pytest.fixture
def texts(shared: Path) -> NanoTexts:
    return load_texts(shared, AMOUNTS, seed=0)


def drawn(texts: NanoTexts) -> list[Utterance]:
    return list(nano_utterances(texts, ANSWERS, QUESTIONS, AMOUNTS, seed=0))


def test_texts_are_cleaned_and_check_texts_kept_apart(texts: NanoTexts) -> None:
    assert "Please ask Lena, maybe she's here." in (*texts.short, *texts.checked)
    assert not any(any(letter.isdigit() for letter in text) for text in texts.short)
    assert all(text.isascii() for text in (*texts.short, *texts.long))
    assert len(texts.checked) == 5
    assert not set(texts.checked) & set(texts.short)
    assert not any("the aa was" in text for text in texts.long), "the recorded check sentence is in the training texts"


def test_the_same_seed_draws_the_same(shared: Path, texts: NanoTexts) -> None:
    assert load_texts(shared, AMOUNTS, seed=0) == texts
    assert load_texts(shared, AMOUNTS, seed=1) != texts
    assert drawn(texts) == drawn(texts)


def test_amounts_are_met_and_answers_come_first(texts: NanoTexts) -> None:
    utterances = drawn(texts)
    assert [one.text for one in utterances[:2]] == ANSWERS
    uses = [one.use for one in utterances]
    assert {use: uses.count(use) for use in set(uses)} == {"answer": 2, "tts": 12, "asr": 20, "question": 14}


def test_training_never_uses_a_checked_voice_or_sentence(texts: NanoTexts) -> None:
    utterances = drawn(texts)
    held_out = {name.removeprefix("kokoro/") for name in HELD_OUT_VOICES}
    assert not any(part in held_out for one in utterances for part in one.voice.removeprefix("kokoro/").split("+"))
    assert not set(texts.checked) & {one.text for one in utterances}
    assert {one.voice for one in utterances if one.use in ("answer", "tts")} == {ASSISTANT_VOICE}


def test_checked_questions_are_asked_in_held_out_voices(texts: NanoTexts) -> None:
    checks = checked_utterances(texts, QUESTIONS, AMOUNTS, seed=0)
    assert len({one.text for one in checks}) == 4
    assert {one.voice for one in checks} == set(HELD_OUT_VOICES)


def test_scaling_leaves_the_checks_alone() -> None:
    half = AMOUNTS.scaled(0.5)
    assert (half.assistant_sentences, half.cheap_questions) == (6, 3)
    assert (half.checked_sentences, half.checked_questions) == (5, 4)
