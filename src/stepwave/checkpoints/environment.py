"""What something was trained or measured on: code, versions, processor, threads, load. Times mean little without it."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from stepwave import __version__

_PACKAGES = (
    "torch",
    "numpy",
    "ctranslate2",
    "faster-whisper",
    "jiwer",
    "opencc",
    "peft",
    "pesq",
    "sacrebleu",
    "speechmos",
    "wetext",
    "whisper-normalizer",
)


def environment() -> dict[str, Any]:
    """Facts to store beside the figures: strings and numbers only."""
    return {
        "stepwave": __version__,
        "revision": revision(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def revision() -> str | None:
    """The commit that this code is of, with `+` where files differ from it; None outside a checkout."""
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout.strip()

    try:
        if not Path(git("rev-parse", "--show-toplevel"), "src", "stepwave").is_dir():
            return None
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def processor() -> str:
    """The processor's model, family and instruction sets where the system tells them, for a name may say little."""
    fields: dict[str, str] = {}
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n\n")[0].splitlines():
            name, _, value = line.partition(":")
            fields[name.strip()] = value.strip()
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    numbers = " ".join(f"{name} {fields[name]}" for name in ("cpu family", "model", "stepping") if name in fields)
    quick = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in fields.get("flags", "").split()]
    return f"{fields['model name']} ({', '.join(filter(None, [numbers, ' '.join(quick)]))})"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
