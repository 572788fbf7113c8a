"""BLEU of translations by sacreBLEU, with the signature that says how it was computed.

Speech is scored through a transcript (ASR-BLEU): pass what a listener wrote down and the normaliser that both sides go
through first. BLEU belongs to a whole corpus; `sentence_statistics` gives the counts that it is made of, one row a
sentence, so that intervals and paired tests resample sentences without counting n-grams again.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stepwave.evaluation.packages import package
from stepwave.evaluation.scoring.metrics import Interval
from stepwave.evaluation.scoring.normalisers import Normaliser
from stepwave.evaluation.scoring.resampling import sum_interval

_ORDER: Final = 4
_UNSPACED: Final = frozenset({"th", "lo", "km", "my", "bo", "dz"})


@dataclass(frozen=True)
class Bleu:
    """A corpus's score and how it came about."""

    score: float
    """0 to 100; NaN without sentences."""
    interval: Interval
    """By the bootstrap over sentences."""
    signature: str
    """sacreBLEU's signature, after the normaliser's name where there was one."""
    sentences: int


def bleu_tokenizer(language: str) -> str:
    """sacreBLEU's tokenizer for a target language.

    `zh` for Chinese and Cantonese; for Japanese `ja-mecab` where MeCab and its dictionary are installed, else `char`;
    `char` for languages written without spaces; `13a` for all others.
    """
    code = language.lower().replace("_", "-").split("-")[0]
    if code in ("zh", "cmn", "yue"):
        return "zh"
    if code in ("ja", "jpn"):
        installed = all(importlib.util.find_spec(name) for name in ("MeCab", "ipadic"))
        return "ja-mecab" if installed else "char"
    return "char" if code in _UNSPACED else "13a"


def corpus_bleu(
    hypotheses: Sequence[str],
    references: Sequence[str],
    language: str,
    *,
    normaliser: Normaliser | None = None,
    lowercase: bool = False,
    seed: int = 0,
) -> Bleu:
    """BLEU of sentences against one reference each, in the target `language`.

    Raises ValueError where the two differ in number, and MissingExtraError.
    """
    rows = sentence_statistics(hypotheses, references, language, normaliser=normaliser, lowercase=lowercase)
    signature = bleu_signature(language, normaliser=normaliser, lowercase=lowercase)
    score = bleu_of_sums(rows.sum(0)) if len(rows) else float("nan")
    return Bleu(score, sum_interval(rows, bleu_of_sums, seed=seed), signature, len(rows))


def bleu_signature(language: str, *, normaliser: Normaliser | None = None, lowercase: bool = False) -> str:
    """sacreBLEU's signature of a score in `language`, after the normaliser's name where there is one."""
    metric = _metric(language, lowercase)
    # The signature counts references, which the metric only knows once it has scored something.
    metric.corpus_score([""], [[""]])
    signature = str(metric.get_signature())
    return f"normaliser:{normaliser.name}|{signature}" if normaliser else signature


def sentence_statistics(
    hypotheses: Sequence[str],
    references: Sequence[str],
    language: str,
    *,
    normaliser: Normaliser | None = None,
    lowercase: bool = False,
) -> NDArray[np.float64]:
    """Counts `[sentences, 10]`: lengths of hypothesis and reference, n-grams that match, n-grams there are (n 1 to 4).

    Raises ValueError where the two differ in number, and MissingExtraError.
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} translations do not fit {len(references)} references")
    # Without effective order single sentences make sacreBLEU warn; their counts are the same.
    metric = _metric(language, lowercase, effective_order=True)
    rows = np.zeros((len(hypotheses), 2 + 2 * _ORDER))
    for row, hypothesis, reference in zip(rows, hypotheses, references, strict=True):
        if normaliser:
            hypothesis, reference = normaliser(hypothesis), normaliser(reference)
        counted = metric.sentence_score(hypothesis, [reference])
        row[:] = (counted.sys_len, counted.ref_len, *counted.counts, *counted.totals)
    return rows


def bleu_of_sums(sums: NDArray[np.float64]) -> float:
    """sacreBLEU's score (exponential smoothing) of summed rows of `sentence_statistics` `[10]`."""
    lengths, matching, total = sums[:2], sums[2 : 2 + _ORDER], sums[2 + _ORDER :]
    compute = package("sacrebleu.metrics").BLEU.compute_bleu
    return float(
        compute(
            correct=[int(count) for count in matching],
            total=[int(count) for count in total],
            sys_len=int(lengths[0]),
            ref_len=int(lengths[1]),
            smooth_method="exp",
        ).score
    )


def _metric(language: str, lowercase: bool, effective_order: bool = False) -> Any:
    return package("sacrebleu.metrics").BLEU(
        tokenize=bleu_tokenizer(language), lowercase=lowercase, effective_order=effective_order
    )
