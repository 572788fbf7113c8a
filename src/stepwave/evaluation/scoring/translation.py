"""BLEU of written and of spoken translations as measures: what an item adds to a corpus's counts, and their score.

Both keep case and marks in writing, as CoVoST 2 is scored by sacreBLEU's defaults. What a listener wrote down has no
marks or case that the speaker chose, so of speech both sides go through the normaliser of the language first, as CVSS
was scored (Jia et al., 2022): its figures are of normalised texts.
"""

from typing import Final

from stepwave.evaluation.answers import Answer, UnscorableError
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Measure, Score
from stepwave.evaluation.scoring.aggregates import OfSums
from stepwave.evaluation.scoring.bleu import bleu_of_sums, bleu_signature, sentence_statistics
from stepwave.evaluation.scoring.normalisers import Normaliser, convention


def written(answer: Answer, evidence: Evidence) -> Score:
    """What a written translation adds to BLEU's counts."""
    return _counted(answer, answer.text, None)


def spoken(answer: Answer, evidence: Evidence) -> Score:
    """What a spoken translation adds, as the listener hears it. Silence misses every word."""
    said = evidence.words(answer.sound, answer.item.answered_in)
    return _counted(answer, said, convention(answer.item.answered_in).normaliser)


def _counted(answer: Answer, said: str, normaliser: Normaliser | None) -> Score:
    if not answer.item.references:
        raise UnscorableError("there is no translation to compare with")
    reference, language = answer.item.references[0], answer.item.answered_in
    counts = sentence_statistics([said], [reference], language, normaliser=normaliser)[0]
    if normaliser is not None:
        said, reference = normaliser(said), normaliser(reference)
    return Score(
        bleu_of_sums(counts) / 100,
        1.0,
        reference,
        said,
        counts=tuple(map(float, counts)),
        method=bleu_signature(language, normaliser=normaliser),
    )


BLEU: Final = Measure("BLEU", written, "", aggregate=OfSums(bleu_of_sums), better="higher")
"""Of written translations, 0 to 100."""
ASR_BLEU: Final = Measure("ASR-BLEU", spoken, "", aggregate=OfSums(bleu_of_sums), better="higher")
"""Of spoken translations, 0 to 100."""
