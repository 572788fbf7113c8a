"""From a table of recordings to a model of one's own: check, tokenise, train, export, and measure before and after.

Every stage keeps what it did in `RUNS/NAME`, so that the same call goes on where an earlier one was stopped:

    recordings/, tokens/, voices/   the table's records, their speech tokens and encoder frames, the speakers' voices
    training/NAME/                  the run, its curves and checkpoints
    listen/                         held-out texts: as recorded, as read before and after
    settings.json, plan.json, losses.json, before.json, after.json

What learns and how fast is `recipe`'s business.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from stepwave.checkpoints.headers import SUFFIX
from stepwave.checkpoints.layouts import Layout, open_layout
from stepwave.checkpoints.locate import locate
from stepwave.checkpoints.runs import newest_state
from stepwave.checkpoints.voices import VOICES, read_voices, save_voices
from stepwave.data.held_out import CHECK
from stepwave.data.manifests import MANIFEST, read_manifest
from stepwave.data.records import Record
from stepwave.dialogue.engine import use_threads
from stepwave.dialogue.loading import load
from stepwave.facts.errors import ConfigError, DataError, MissingExtraError
from stepwave.models.detokenizer import Voice
from stepwave.prepare.own_recordings import TASKS, OwnRecordings, Task, left_out
from stepwave.prepare.own_voices import make_voices, voice_names
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import run_step
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.tokenise import Tokenise
from stepwave.signal.atomic import replace_file
from stepwave.training.finetuning.before_and_after import Shown, Written, read_aloud, word_error, write_down
from stepwave.training.finetuning.recipe import Way, finetuning
from stepwave.training.finetuning.run import LOSSES, PLAN, Length, run_finetuning
from stepwave.training.language.exporting import export_run
from stepwave.training.language.run import LanguageRun

SETTINGS: Final = "settings.json"
BEFORE: Final = "before.json"
AFTER: Final = "after.json"
RECORDINGS: Final = "recordings"
TOKENS: Final = "tokens"
LISTEN: Final = "listen"
FOLDERS: Final = (RECORDINGS, TOKENS, VOICES, LISTEN, "indexes", "training")
"""What is made in the folder of work."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class OwnModel:
    """What is wanted."""

    table: Path
    """Lines of file, text and, if known, speaker, separated by tabs."""
    to: Path
    """Model folder to write; its name is the run's too."""
    audio: Path | None = None
    """Folder that the table's paths count from; its own where None."""
    model: str = "nano"
    """Name or folder of the model that learns further."""
    tasks: tuple[Task, ...] = TASKS
    length: Length = field(default_factory=lambda: Length(minutes=10))
    """How long it learns."""
    way: Way = "lora"
    voice: str | None = None
    """Name under which the speaker's voice is stored; by default the table's name for the speaker, else the model's."""
    runs: Path = Path("runs/finetune")
    language: str = "en"
    device: str = "cpu"
    threads: int | None = None
    """CPU threads; all cores where None."""
    workers: int = 0
    """Processes that tokenise; 0 for none beside this one."""

    @property
    def folder(self) -> Path:
        """Where everything is kept."""
        return self.runs / self.to.name

    def settings(self, step: OwnRecordings, base: Layout) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        return {
            "table": step.digest,
            "audio": str(step.audio.resolve()),
            "model": str(base.folder.resolve()),
            "tasks": list(step.tasks),
            "way": self.way,
            "language": self.language,
            "to": str(self.to.resolve()),
        }


@dataclass(frozen=True)
class Finetuned:
    """What came of it."""

    model: Path
    voices: tuple[str, ...]
    """Names of the stored voices that are new."""
    steps: int
    before: Mapping[str, float]
    """Figures on what was held out: `text loss`, `speech loss` (nats a token), `word error` (percent), as far as the
    tasks have them."""
    after: Mapping[str, float]
    written: tuple[tuple[Written, Written], ...]
    """Held-out recordings as the model wrote them down before and after."""
    listen: Path | None
    """Folder of the sounds to compare, where there are any."""

    @property
    def worse(self) -> list[str]:
        """Figures that rose, all of which should fall."""
        return [name for name, value in self.after.items() if value > self.before[name]]


def make_own_model(wanted: OwnModel, shown: Shown, say: Say) -> Finetuned:
    """Carry it out, or go on with it.

    Args:
        wanted: see there.
        shown: is told what is being done.
        say: gets lines that stay: what was left out, what was found.

    Raises:
        ConfigError: the folder belongs to another table or other settings, something else is at `to`, or a model that
            is not in nano's format.
        DataError: the table can't be used.
        KeyboardInterrupt: training was stopped; what was learnt is kept.
        StepwaveError: whatever the parts raise.
    """
    shown.now(f"reading {wanted.table}")
    base = open_layout(locate(wanted.model))
    if base.kind != "stepwave":
        raise ConfigError(
            f"{wanted.model} is in the {base.kind} format; models in nano's format are fine-tuned by this command, "
            "for others write a recipe (recipes/paper.py)"
        )
    _check_packages(wanted)
    step = replace(OwnRecordings.of(wanted.table, wanted.audio, wanted.tasks), language=wanted.language)
    work, name = wanted.folder, wanted.to.name
    _claim(work, wanted.to, wanted.settings(step, base))
    records = _prepared(step, wanted, shown, say)
    held_out = [record for record in records if record.split == CHECK]
    learnt = [record for record in records if record.split != CHECK]
    if not held_out or not learnt:
        raise DataError(f"nothing usable is left to {'check' if learnt else 'learn from'}; add more recordings")
    voices = _voices(wanted, learnt, voice_names(records, wanted.voice, name), shown, say)
    before = _measured(BEFORE, 0, wanted, wanted.model, held_out, voices, shown)
    shown.now("training")
    use_threads(wanted.threads)
    of_each = max(sum(record.kind == task for record in held_out) for task in step.tasks)
    make = partial(_run, work / TOKENS, str(base.folder.resolve()), wanted.way, step.tasks, of_each)
    losses = run_finetuning(make, name, work, wanted.length, wanted.device, say)
    shown.now(f"writing {wanted.to}")
    export_run(work / "training" / name, wanted.to, replace=True)
    stored = read_voices(wanted.to) if _has_voices(wanted.to) else {}
    save_voices(wanted.to, {**stored, **{voice.name: voice for voice in voices.values()}}.values())
    after = _measured(AFTER, losses.step, wanted, str(wanted.to), held_out, voices, shown)
    return Finetuned(
        wanted.to,
        tuple(voice.name for voice in voices.values()),
        losses.step,
        {**losses.before, **before.figures},
        {**losses.after, **after.figures},
        tuple(zip(before.written, after.written, strict=True)),
        work / LISTEN if before.sounds and after.sounds else None,
    )


def _check_packages(wanted: OwnModel) -> None:
    """Raise MissingExtraError for a package that would be missed after minutes of work."""
    needed = ["peft"] if wanted.way == "lora" else []
    needed += ["jiwer", "whisper_normalizer"] if "asr" in wanted.tasks else []
    for package in needed:
        if find_spec(package) is None:
            raise MissingExtraError("train", package)


@dataclass(frozen=True)
class _Measures:
    """What a whole model did with what was held out."""

    step: int
    """Steps that it had learnt for."""
    figures: Mapping[str, float]
    written: Sequence[Written]
    sounds: int
    """How many texts were read aloud."""


def _run(tokens: Path, model: str, way: Way, tasks: Sequence[Task], records: int, steps: int) -> LanguageRun:
    return finetuning(tokens, model, steps, way, tasks, records)


def _claim(work: Path, to: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder of work this run's own, and the goal with it. Raises ConfigError where they are another's."""
    path = work / SETTINGS
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if found == settings:
        return
    if found is not None and newest_state(work / "training" / to.name) is not None:
        other = [name for name in settings if found.get(name) != settings[name]]
        raise ConfigError(
            f"{work} holds a run with another {' and another '.join(other)}; name another model with --to, or delete "
            f"{work} to begin anew"
        )
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConfigError(f"there is something at {to} already, and {work} knows nothing of it; name another with --to")
    # Nothing was learnt yet: a mistyped option or a mended table costs no more than what was prepared.
    for name in FOLDERS:
        shutil.rmtree(work / name, ignore_errors=True)
    for name in (PLAN, LOSSES, BEFORE, AFTER):
        (work / name).unlink(missing_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    replace_file(path, (json.dumps(dict(settings), indent=1, ensure_ascii=False) + "\n").encode())


def _prepared(step: OwnRecordings, wanted: OwnModel, shown: Shown, say: Say) -> list[Record]:
    """The table's records, tokenised; says what was left out."""
    recordings, tokens = wanted.folder / RECORDINGS, wanted.folder / TOKENS
    _done(step, recordings, 0, "listening to the recordings", shown)
    tokenise = Tokenise(recordings, wanted.model, ("codes", "speaker", "frames"), wanted.device)
    _done(tokenise, tokens, wanted.workers, "computing speech tokens", shown)
    for line in left_out(step, [recordings, tokens]):
        say(line)
    records = list(read_manifest(tokens))
    clips = {clip.id: clip.seconds for record in records for clip in record.clips}
    say(f"{len(clips)} recordings, {sum(clips.values()) / 60:.1f} minutes")
    return records


def _done(step: Step, folder: Path, workers: int, what: str, shown: Shown) -> None:
    """Run a step unless it is done; what it must be the same for is part of the settings that were claimed."""
    if (folder / MANIFEST).is_file():
        return
    shown.now(what)
    for progress in run_step(step, folder, Processes(workers)):
        shown.share(progress.done / max(1, progress.parts))


def _voices(
    wanted: OwnModel, learnt: Sequence[Record], names: Mapping[str, str], shown: Shown, say: Say
) -> dict[str, Voice]:
    """The voices of `names` by speaker; made once and kept by speaker, so that another name may be given later."""
    folder = wanted.folder / VOICES
    if not _has_voices(folder):
        shown.now("making voices")
        voices, lacking = make_voices(load(wanted.model, wanted.device, wanted.threads), learnt, list(names))
        for line in lacking:
            say(line)
        save_voices(folder, voices)
    return {speaker: replace(voice, name=names[speaker]) for speaker, voice in read_voices(folder).items()}


def _measured(
    file: str,
    step: int,
    wanted: OwnModel,
    model: str,
    held_out: Sequence[Record],
    voices: Mapping[str, Voice],
    shown: Shown,
) -> _Measures:
    """What a model does with what was held out; known where it was measured at that step before."""
    path = wanted.folder / file
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["step"] == step:
            return _Measures(step, found["figures"], [Written(**each) for each in found["written"]], found["sounds"])
    when = Path(file).stem
    talker = load(model, wanted.device, wanted.threads)
    heard = [record for record in held_out if record.kind == "asr"]
    shown.now(f"writing down what was held out, {when}")
    written = write_down(talker, heard, shown)
    figures = {"word error": word_error(written, wanted.language)} if written else {}
    shown.now(f"reading aloud, {when}")
    said = [record for record in held_out if record.kind == "tts"]
    sounds = read_aloud(talker, said, voices, wanted.folder / LISTEN, when, shown) if said else []
    measures = _Measures(step, figures, written, len(sounds))
    replace_file(path, (json.dumps(asdict(measures), indent=1, ensure_ascii=False) + "\n").encode())
    return measures


def _has_voices(folder: Path) -> bool:
    return (folder / f"{VOICES}{SUFFIX}").is_file()
