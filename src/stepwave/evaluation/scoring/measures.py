"""Ways of scoring one answer: word errors of what was written or said, quality of sound, times.

Each takes the stored answer and the evidence (sounds, a listener) and gives an amount per something, None where the
question has no place in the measure, or UnscorableError where the answer lacks what is scored.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from stepwave.evaluation.answers import Answer, UnscorableError
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.figures import Score
from stepwave.evaluation.scoring.error_counts import compare
from stepwave.evaluation.scoring.judge_prompts import JUDGE_PROMPTS
from stepwave.evaluation.scoring.metrics import wideband_pesq
from stepwave.evaluation.scoring.normalisers import convention
from stepwave.evaluation.scoring.sound_quality import DNSMOS_NAME, dnsmos, intelligibility
from stepwave.text.word_errors import normalised

OPINIONS: Final = ("overall", "signal", "background")
"""What DNSMOS gives an opinion of, from 1 to 5."""


def compared(reference: str, hypothesis: str, language: str) -> Score:
    """Errors per word, or per character, of the reference: as the `convention` of the language counts them."""
    chosen = convention(language)
    found = compare(reference, hypothesis, chosen)
    if found.errors.words == 0:
        raise UnscorableError("there are no words to compare with")
    return Score(found.errors.errors, found.errors.words, found.reference, found.hypothesis, method=chosen.name)


def transcript(answer: Answer, evidence: Evidence) -> Score:
    """Word errors of the model's transcript against what is said."""
    return compared(answer.item.text, answer.text, answer.item.language)


def heard(answer: Answer, evidence: Evidence) -> Score:
    """Word errors of what the model says it heard against what was asked."""
    return compared(answer.item.text, answer.heard, answer.item.language)


def read_back(answer: Answer, evidence: Evidence) -> Score:
    """Word errors of the listener on the model's sound against the text that should be in it. Silence misses all."""
    language = answer.item.language
    return compared(answer.item.text, evidence.words(answer.sound, language), language)


def sound_against_text(answer: Answer, evidence: Evidence) -> Score:
    """Word errors of the listener on the answer's sound against the answer's own text."""
    language = answer.item.answered_in
    return compared(answer.text, evidence.words(answer.sound, language), language)


def original_read_back(answer: Answer, evidence: Evidence) -> Score:
    """Word errors of the listener on the recording that the model's sound was made from."""
    language = answer.item.language
    return compared(answer.item.text, evidence.words(answer.original, language), language)


def added_errors(answer: Answer, evidence: Evidence) -> Score:
    """Word errors that the model's sound has more than its original, per word of the text."""
    made, original = read_back(answer, evidence), original_read_back(answer, evidence)
    return replace(made, amount=made.amount - original.amount, reference=original.hypothesis)


def perceptual_quality(answer: Answer, evidence: Evidence) -> Score:
    """Wide-band PESQ of the model's sound against its original."""
    try:
        return Score(wideband_pesq(evidence.samples(answer.original), evidence.samples(answer.sound)))
    except ValueError as failure:
        raise UnscorableError(str(failure)) from failure


def intelligible(answer: Answer, evidence: Evidence, *, extended: bool = False) -> Score:
    """STOI of the model's sound against its original, which it must follow in step; ESTOI if `extended`."""
    original, sound = evidence.samples(answer.original), evidence.samples(answer.sound)
    try:
        return Score(intelligibility(original, sound, extended=extended))
    except ValueError as failure:
        raise UnscorableError(str(failure)) from failure


def intelligible_extended(answer: Answer, evidence: Evidence) -> Score:
    """ESTOI of the model's sound against its original."""
    return intelligible(answer, evidence, extended=True)


def opinion(kind: str, of: Literal["sound", "original"] = "sound") -> Callable[[Answer, Evidence], Score]:
    """DNSMOS of one of the `OPINIONS`, of the model's sound or of what it is compared with."""

    def scored(answer: Answer, evidence: Evidence) -> Score:
        try:
            return Score(getattr(dnsmos(evidence.samples(getattr(answer, of))), kind), method=DNSMOS_NAME)
        except ValueError as failure:
            raise UnscorableError(str(failure)) from failure

    return scored


def likeness(answer: Answer, evidence: Evidence) -> Score:
    """How alike the voice of the model's sound and that of the recording are."""
    return Score(evidence.likeness(answer.sound, _clip(answer)))


def own_likeness(answer: Answer, evidence: Evidence) -> Score:
    """How alike the voice compared with, the model's own, and that of the recording are."""
    return Score(evidence.likeness(answer.original, _clip(answer)))


def nearer(answer: Answer, evidence: Evidence) -> Score:
    """By how much the model's sound is nearer to the recording's voice than the model's own voice is."""
    return Score(likeness(answer, evidence).amount - own_likeness(answer, evidence).amount)


def is_nearer(answer: Answer, evidence: Evidence) -> Score:
    """1 if it is nearer at all, else 0."""
    return Score(float(nearer(answer, evidence).amount > 0))


def _clip(answer: Answer) -> Path:
    if answer.item.sound is None:
        raise UnscorableError("there is no recording of a voice")
    return Path(answer.item.sound.path)


def accepted(answer: Answer, evidence: Evidence) -> Score | None:
    """1 if the answer's text is among those accepted, else 0; None where nobody knows what is right."""
    if not answer.item.references:
        return None
    language = answer.item.answered_in
    normaliser = convention(language).normaliser
    right = {normaliser(text) for text in answer.item.references}
    said = normaliser(answer.text)
    return Score(float(said in right), 1.0, " | ".join(sorted(right)), said, method=normaliser.name)


def judged_by(prompt: str) -> Callable[[Answer, Evidence], Score]:
    """What the judge says of the answer, heard where it was spoken, against the first reference: a share of the best.

    `prompt` is one of `judge_prompts.JUDGE_PROMPTS`.
    """
    asked = JUDGE_PROMPTS[prompt]

    def judged(answer: Answer, evidence: Evidence) -> Score:
        if not answer.item.references:
            raise UnscorableError("there is no reference to judge by")
        said, reference = evidence.spoken(answer), answer.item.references[0]
        question = " ".join(filter(None, (answer.item.text, answer.item.instruction)))
        verdict = evidence.verdict(prompt, question, reference, said, answer.item.answered_in)
        return Score(asked.percent(verdict.score) / 100, 1.0, reference, said, reason=verdict.said)

    return judged


def with_named_class(score: Score, classes: Sequence[str]) -> Score:
    """The score with the class that its text names, where it names just one: for tables of confusions."""
    said = f" {normalised(score.hypothesis)} "
    named = [each for each in classes if _stands_in(normalised(each), said) or each in score.hypothesis]
    return replace(score, predicted=named[0]) if len(named) == 1 else score


def _stands_in(words: str, said: str) -> bool:
    """Whether whole words stand in `said`, which begins and ends with a space."""
    return bool(words) and f" {words} " in said


def first_sound(answer: Answer, evidence: Evidence) -> Score:
    """Seconds from the question's end to the first sound."""
    if not answer.arrivals:
        raise UnscorableError("there is no sound")
    return Score(answer.arrivals[0].after)


def real_time_factor(answer: Answer, evidence: Evidence) -> Score:
    """Seconds from the question's end to the reply's, per second of sound."""
    if answer.sound_seconds == 0:
        raise UnscorableError("there is no sound")
    return Score(answer.seconds, answer.sound_seconds)


def waiting(answer: Answer, evidence: Evidence) -> Score:
    """Seconds of silence that someone who plays each piece as soon as it comes hears inside the reply."""
    if not answer.arrivals:
        raise UnscorableError("there is no sound")
    silence, played_until = 0.0, answer.arrivals[0].after
    for arrival in answer.arrivals:
        silence += max(0.0, arrival.after - played_until)
        played_until = max(played_until, arrival.after) + arrival.seconds
    return Score(silence)
