"""What every kind of subject may be told when it is opened."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SubjectOptions:
    """Options of the command that concern what is asked; a kind takes those that mean something to it."""

    device: str = "cpu"
    """Where a model runs that is loaded here: cpu, or cuda."""
    threads: int | None = None
    """CPU threads of such a model; None for all cores."""
    parallel: int = 1
    """How many questions will be asked at once at most."""
    key_env: str = ""
    """Environment variable with the key of an endpoint; empty where none is wanted."""
