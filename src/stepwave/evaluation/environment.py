"""What a run was measured on: versions, processor, threads, load. Times mean nothing without it."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import torch

from stepwave import __version__

_PACKAGES = ("torch", "numpy", "faster-whisper", "ctranslate2", "jiwer", "pesq", "whisper-normalizer")


def environment() -> dict[str, Any]:
    """Facts to store beside the figures: strings and numbers only."""
    return {
        "stepwave": __version__,
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


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
