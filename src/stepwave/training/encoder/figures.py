"""What a validation of the audio encoder tells: errors of words, accuracies of age and gender, precision of sounds."""

import torch
from torch import Tensor

from stepwave.models.audio_heads import UNKNOWN, AudioScores, AudioTargets
from stepwave.training.encoder.ctc_labels import collapsed
from stepwave.training.parts.adaptor import edit_distance


class HearingFigures:
    """Gathers batch by batch; a task that no clip has a label for has no figure."""

    def __init__(self) -> None:
        self._right: dict[str, int] = {}
        self._asked: dict[str, int] = {}
        self._losses: dict[str, list[float]] = {}
        self._events: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def add(self, losses: dict[str, Tensor], scores: AudioScores, targets: AudioTargets, counts: list[int]) -> None:
        """Take a batch, of whose clips `counts` frames are valid."""
        for name, loss in losses.items():
            self._losses.setdefault(f"{name}_loss", []).append(float(loss))
        if scores.words is not None:
            self._add_words(scores.words, targets, counts)
        if scores.ages is not None:
            self._count(
                "age_accuracy", targets.ages.gather(1, scores.ages.argmax(1)[:, None])[:, 0], targets.ages.any(1)
            )
        if scores.genders is not None:
            known = targets.genders != UNKNOWN
            self._count("gender_accuracy", scores.genders.argmax(1) == targets.genders, known)
        if scores.events is not None and targets.events_known.any():
            rows = targets.events_known
            self._events.setdefault("event_precision", []).append((scores.events[rows], targets.events[rows]))
        if scores.event_frames is not None:
            for row in targets.event_frames_known.nonzero()[:, 0].tolist():
                moments = scores.event_frames[row, : counts[row]], targets.event_frames[row, : counts[row]]
                self._events.setdefault("event_frame_precision", []).append(moments)

    def _add_words(self, scores: Tensor, targets: AudioTargets, counts: list[int]) -> None:
        per_frame = scores.shape[1] // targets.event_frames.shape[1]
        best, wanted = scores.argmax(-1), torch.split(targets.words, targets.word_counts.tolist())
        for row, labels in enumerate(wanted):
            if len(labels):
                heard = collapsed(best[row, : per_frame * counts[row]].tolist())
                self._asked["label_error"] = self._asked.get("label_error", 0) + len(labels)
                wrong = edit_distance(heard, labels.tolist())
                self._right["label_error"] = self._right.get("label_error", 0) + wrong

    def _count(self, name: str, right: Tensor, known: Tensor) -> None:
        if known.any():
            self._right[name] = self._right.get(name, 0) + int(right[known].sum())
            self._asked[name] = self._asked.get(name, 0) + int(known.sum())

    def shown(self) -> dict[str, float]:
        """Mean losses; in percent `label_error` of greedy CTC, accuracies, and mean average precision over sounds."""
        figures = {name: sum(values) / len(values) for name, values in self._losses.items()}
        figures |= {name: 100 * self._right[name] / self._asked[name] for name in self._asked}
        for name, pairs in self._events.items():
            scores, wanted = (torch.cat(each) for each in zip(*pairs, strict=True))
            figures[name] = 100 * mean_average_precision(scores, wanted)
        return figures


def mean_average_precision(scores: Tensor, wanted: Tensor) -> float:
    """Average precision of ranking `[n, K]` scores by whether each is `wanted`, over the classes that occur; 0 if none.

    The average of the precision at the rank of each one that is wanted.
    """
    occurring = wanted.any(0)
    if not occurring.any():
        return 0.0
    order = scores[:, occurring].argsort(stable=True, dim=0, descending=True)
    ranked = wanted[:, occurring].gather(0, order).float()
    ranks = torch.arange(1, len(ranked) + 1, device=scores.device)[:, None]
    precision = ranked.cumsum(0) / ranks * ranked
    return float((precision.sum(0) / ranked.sum(0)).mean())
