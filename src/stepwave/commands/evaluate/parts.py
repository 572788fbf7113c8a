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
Judge: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="rules|URL#MODEL",
        help="Who judges answers in free words: rules on their words (rules:exact, rules:fuzzy), or a language model "
        "at an OpenAI-compatible address, as http://127.0.0.1:8000/v1#Qwen3-32B.",
    ),
]
SecondJudge: TypeAlias = Annotated[
    str, typer.Option(metavar="rules|URL#MODEL", help="Asked as well, to see how far the two agree; in no figure.")
]
JudgeKey: TypeAlias = Annotated[
    str, typer.Option("--judge-key-env", help="Environment variable with the judges' key; it is stored nowhere.")
]
Threads: TypeAlias = Annotated[int, typer.Option(min=1, help="CPU threads.")]


def open_parts(listener: Path, voice_ear: Path, threads: int, judge: str, second_judge: str, judge_key: str) -> Parts:
    """The parts as the options name them. A listener that isn't there is told, and fails what has to be listened to."""
    from stepwave.evaluation.packages import check_packages
    from stepwave.evaluation.scoring.judges import open_judges
    from stepwave.evaluation.scoring.listener import NoListener
    from stepwave.evaluation.scoring.parts import Parts
    from stepwave.evaluation.scoring.voice_ear import VoiceEar
    from stepwave.prepare.transcribers import WhisperTranscriber

    check_packages()
    voices = VoiceEar(voice_ear)
    judges = open_judges(judge, judge_key)
    second = open_judges(second_judge, judge_key) if second_judge else None
    try:
        return Parts(WhisperTranscriber(listener, threads), judges, second, voices)
    except CheckpointNotFoundError as error:
        complain(f"nobody listens to spoken answers; score the run again once there is a listener: {error}")
        return Parts(NoListener(str(error)), judges, second, voices)
