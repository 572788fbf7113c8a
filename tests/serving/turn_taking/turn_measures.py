"""Say each clip of `clips/` into a detector while the assistant speaks, and see whether and when that stops it.

    python tests/serving/turn_taking/turn_measures.py

prints every clip and the sums that `docs/turn-taking.md` gives.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stepwave.facts.rates import INPUT_SAMPLE_RATE as RATE
from stepwave.serving.turn_taking.detector import SpeechStarted, TurnDetector, TurnEvent
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import VoiceActivityConfig, frame_levels

CLIPS = Path(__file__).parent / "clips"
CHUNK = 320
"""A client's usual piece: 20 ms."""
LEAD = RATE
NOISE_DB = -70.0
_LEVELS = VoiceActivityConfig(frame_seconds=0.01)
_RANGE_DB = 30.0


@dataclass(frozen=True)
class Clip:
    """A stored sound; see the table in `clips/clips.tsv`."""

    file: str
    half: str
    kind: str
    what: str
    source: str

    @property
    def samples(self) -> Samples:
        """Samples [n] at 16 kHz."""
        return read_audio(CLIPS / self.file).samples


def clips(half: str) -> list[Clip]:
    """The clips of "tune" or of "report"."""
    with (CLIPS / "clips.tsv").open(encoding="utf-8", newline="") as table:
        return [clip for row in csv.DictReader(table, delimiter="\t") if (clip := Clip(**row)).half == half]


@dataclass(frozen=True)
class Outcome:
    """What a clip did; seconds are of sound, not of work."""

    clip: Clip
    stopped: bool
    after_onset: float = 0.0
    """From the first sound of the speech to the stop."""
    after_lasting: float = 0.0
    """From the moment when it had sounded for `lasting_seconds`, pauses left out, to the stop."""


def in_room(samples: Samples, seed: int = 0) -> Samples:
    """The samples [n] between two seconds of near silence: [n + 32000]."""
    sound = np.pad(samples, LEAD)
    noise = np.random.default_rng(seed).standard_normal(len(sound)) * 10 ** (NOISE_DB / 20)
    return np.asarray(sound + noise, np.float32)


def events(detector: TurnDetector, samples: Samples, answering: bool, chunk: int = CHUNK) -> list[TurnEvent]:
    """What a detector finds in samples [n] that come in chunks."""
    parts = [samples[start : start + chunk] for start in range(0, len(samples), chunk)]
    return [event for part in parts for event in detector.push(part, answering)]


def sounding(samples: Samples) -> Iterator[int]:
    """The ends, in samples, of the hundredths of a second of a clip [n] that are no pause."""
    levels = frame_levels(samples, RATE, _LEVELS)
    frame = round(_LEVELS.frame_seconds * RATE)
    return (int(index + 1) * frame for index in np.flatnonzero(levels > levels.max() - _RANGE_DB))


def measure(clip: Clip, settings: TurnSettings) -> Outcome:
    """Say one clip while the assistant speaks."""
    samples = clip.samples
    started = [e for e in events(TurnDetector(settings), in_room(samples), True) if isinstance(e, SpeechStarted)]
    if not started:
        return Outcome(clip, False)
    # The detector answers when a whole chunk is there.
    stop = -(-started[0].detected // CHUNK) * CHUNK - LEAD
    ends = list(sounding(samples))
    frames = round(settings.lasting_seconds / _LEVELS.frame_seconds)
    lasted = ends[min(frames, len(ends)) - 1]
    onset = ends[0] - round(_LEVELS.frame_seconds * RATE)
    return Outcome(clip, True, (stop - onset) / RATE, (stop - lasted) / RATE)


def main() -> None:
    """Print it all."""
    settings = TurnSettings()
    for half in ("tune", "report"):
        outcomes = [measure(clip, settings) for clip in clips(half)]
        for outcome in outcomes:
            clip = outcome.clip
            told = "goes on"
            if outcome.stopped:
                told = f"stops {outcome.after_onset:.2f} s after onset, {outcome.after_lasting:+.2f} s after lasting"
            print(f"{half:7}{clip.kind:13}{clip.what:32}{clip.source:26}{told}")
        for kind in ("interruption", "backchannel", "noise"):
            of = [outcome for outcome in outcomes if outcome.clip.kind == kind]
            stops = [outcome for outcome in of if outcome.stopped]
            print(f"{half}, {kind}: {len(stops)} of {len(of)} stop")
            if kind == "interruption":
                for name in ("after_onset", "after_lasting"):
                    values = sorted(getattr(outcome, name) for outcome in stops)
                    print(f"    {name}: median {values[len(values) // 2]:.2f} s, longest {values[-1]:.2f} s")
        print()


if __name__ == "__main__":
    main()
