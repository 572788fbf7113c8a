from pathlib import Path

from stepwave.evaluation.figures import Figure, Score, ScoredItem, Target
from stepwave.evaluation.reporting.picture import draw
from stepwave.evaluation.scoring.metrics import Interval


def test_a_picture_is_drawn_of_rates_and_times(tmp_path: Path) -> None:
    figures = [
        Figure("speech", "word error", 12.0, "%", Interval(8.0, 16.0), 100, 0, Target(10)),
        Figure("answers", "accepted", float("nan"), "%", None, 3, 3),
        Figure("vocoder", "PESQ-wb", 2.6, "", Interval(2.5, 2.7), 32, 0, Target(2.5, "higher")),
    ]
    scores = [
        ScoredItem("speed", "first sound, median", "a", Score(0.9)),
        ScoredItem("speed", "real-time factor, median", "a", Score(3.0, 4.0)),
        ScoredItem("speed", "first sound, median", "b", None, "there is no sound"),
    ]
    draw(figures, scores, tmp_path / "a.png", "with times")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    draw(figures, [], tmp_path / "b.png", "where speed was not measured")
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
