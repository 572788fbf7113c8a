import math

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from stepwave.evaluation.scoring import bleu
from stepwave.evaluation.scoring.bleu import bleu_of_sums, bleu_tokenizer, corpus_bleu, sentence_statistics
from stepwave.evaluation.scoring.normalisers import NORMALISERS

ENGLISH = ["The cat sat on the mat.", "It rained all day, and nobody came.", "He bought seven small red apples."]
SPOKEN = ["the cat sat on a mat", "it rained all the day and nobody came", "he bought 7 small red apples"]
CHINESE = ["今天天气很好，我们去公园。", "他买了七个苹果。"]
CLOSE = ["今天天气很好，我们去了公园。", "他买七个苹果。"]


@pytest.mark.parametrize(
    ("language", "hypotheses", "references", "tokenizer"),
    [("en", SPOKEN, ENGLISH, "13a"), ("zh", CLOSE, CHINESE, "zh"), ("th", CLOSE, CHINESE, "char")],
)
def test_the_score_and_signature_are_sacrebleus(
    language: str, hypotheses: list[str], references: list[str], tokenizer: str
) -> None:
    metric = BLEU(tokenize=tokenizer)
    wanted = metric.corpus_score(hypotheses, [references]).score
    found = corpus_bleu(hypotheses, references, language)
    assert found.score == pytest.approx(wanted, abs=1e-9)
    assert found.signature == str(metric.get_signature())
    assert f"tok:{tokenizer}" in found.signature
    assert found.interval.low <= found.score <= found.interval.high
    assert found.sentences == len(references)


def test_a_transcript_is_scored_after_a_named_normaliser() -> None:
    english = NORMALISERS["whisper-english/1"]
    plain, spoken = corpus_bleu(SPOKEN, ENGLISH, "en"), corpus_bleu(SPOKEN, ENGLISH, "en", normaliser=english)
    wanted = sacrebleu.corpus_bleu([english(text) for text in SPOKEN], [[english(text) for text in ENGLISH]]).score
    assert spoken.score == pytest.approx(wanted)
    assert spoken.score > plain.score
    assert spoken.signature == "normaliser:whisper-english/1|" + plain.signature


def test_case_can_be_left_out() -> None:
    assert corpus_bleu(["THE CAT SAT ON THE MAT."], ENGLISH[:1], "en", lowercase=True).score == pytest.approx(100)
    assert "case:lc" in corpus_bleu(SPOKEN, ENGLISH, "en", lowercase=True).signature


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.text(alphabet="ab c.", max_size=20), st.text(alphabet="ab c.", max_size=20)),
        min_size=1,
        max_size=6,
    )
)
def test_summed_counts_give_the_corpus_score(pairs: list[tuple[str, str]]) -> None:
    hypotheses, references = map(list, zip(*pairs, strict=True))
    rows = sentence_statistics(hypotheses, references, "en")
    wanted = BLEU().corpus_score(hypotheses, [references]).score
    assert bleu_of_sums(rows.sum(0)) == pytest.approx(wanted, abs=1e-9)


def test_empty_answers_and_empty_corpora() -> None:
    assert corpus_bleu(["", "", ""], ENGLISH, "en").score == 0
    nothing = corpus_bleu([], [], "zh")
    assert math.isnan(nothing.score)
    assert "tok:zh" in nothing.signature
    with pytest.raises(ValueError, match="1 translations do not fit 3"):
        corpus_bleu(["one"], ENGLISH, "en")


def test_japanese_is_cut_by_mecab_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bleu.importlib.util, "find_spec", lambda name: None)
    assert bleu_tokenizer("ja") == "char"
    monkeypatch.setattr(bleu.importlib.util, "find_spec", lambda name: name)
    assert bleu_tokenizer("ja_jp") == "ja-mecab"


@pytest.mark.parametrize(("language", "tokenizer"), [("zh-CN", "zh"), ("yue", "zh"), ("de", "13a"), ("lo", "char")])
def test_each_language_has_a_tokenizer(language: str, tokenizer: str) -> None:
    assert bleu_tokenizer(language) == tokenizer


def test_the_same_seed_gives_the_same_interval() -> None:
    rows = sentence_statistics(SPOKEN * 20, ENGLISH * 20, "en")
    assert rows.shape == (60, 10)
    assert np.array_equal(rows[:3], rows[3:6])
    one, again, other = (corpus_bleu(SPOKEN * 20, ENGLISH * 20, "en", seed=seed).interval for seed in (1, 1, 2))
    assert one == again != other
