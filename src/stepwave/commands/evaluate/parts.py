"""Options of the parts that scoring uses, shared by the commands that score, and how they are opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from stepwave.commands.console import complain
from stepwave.facts.errors import CheckpointNotFoundError

if TYPE_CHECKING:
    from stepwave.evaluation.scoring.parts import Parts

Listener: TypeAlias = Annotated[Path, typer.Option(help="Folder of the Whisper model that listens to answers.")]
LISTENER: Final = Path("runs/nano/starting/whisper-base")
VoiceEar: TypeAlias = Annotated[Path, typer.Option(help="Weights of CAM++, which compares voices.")]
VOICE_EAR: Final = Path("runs/nano/starting/campplus.pt")
Threads: TypeAlias = Annotated[int, typer.Option(min=1, help="CPU threads.")]


def open_parts(listener: Path, voice_ear: Path, threads: int) -> Parts:
    """The parts as the options name them. A listener that isn't there is told, and fails what has to be listened to."""
    from stepwave.evaluation.packages import check_packages
    from stepwave.evaluation.scoring.listener import NoListener
    from stepwave.evaluation.scoring.parts import Parts
    from stepwave.evaluation.scoring.voice_ear import VoiceEar
    from stepwave.prepare.transcribers import WhisperTranscriber

    check_packages()
    voices = VoiceEar(voice_ear)
    try:
        return Parts(WhisperTranscriber(listener, threads), voices=voices)
    except CheckpointNotFoundError as error:
        complain(f"nobody listens to spoken answers; score the run again once there is a listener: {error}")
        return Parts(NoListener(str(error)), voices=voices)
