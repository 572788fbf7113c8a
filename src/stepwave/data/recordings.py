"""Records of recordings: an id, where the sound lies, what is said, and what it may be used for."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Recording:
    """One sound file with its transcript."""

    id: str
    path: str
    """Absolute, or relative to the folder of the manifest."""
    text: str
    use: str
    """`answer` and `tts` (the assistant's voice), `asr`, `question`, `real` (people), or a check's name."""
    voice: str
    """Name of the synthesis voice, or the speaker of a real recording."""
    split: str = "train"

    @property
    def fit_to_imitate(self) -> bool:
        """Whether vocoder and flow matching may learn from it: rule-based and telephone voices have a buzz to spare."""
        return not self.voice.startswith(("flite/", "espeak/")) and self.voice != "asterisk"


def write_recordings(path: Path, recordings: Iterable[Recording]) -> None:
    """Write JSON lines, replacing the file in one step."""
    temporary = path.with_suffix(".partial")
    lines = [json.dumps(asdict(recording), ensure_ascii=False) for recording in recordings]
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(path)


def read_recordings(path: Path) -> list[Recording]:
    """Read what `write_recordings` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [Recording(**json.loads(line)) for line in lines]
