"""The examples of `docs/http-api.md`, run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stepwave.signal.files import read_audio

from ..conftest import TOKEN, Running

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "http-api.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, question_file: bytes) -> Path:
    (tmp_path / "question.wav").write_bytes(question_file)
    return tmp_path


def settings(server: Running) -> dict[str, str]:
    return {**os.environ, "OPENAI_BASE_URL": f"http://{server.address}/v1", "OPENAI_API_KEY": TOKEN}


def test_the_python_examples(server: Running, folder: Path) -> None:
    program = "\n".join(examples("python"))
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=settings(server), check=True, timeout=120)
    assert read_audio(folder / "answer.wav").seconds > 0.1
    assert read_audio(folder / "reading.mp3").seconds > 0.1


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_curl_examples(server: Running, folder: Path) -> None:
    export, *commands = examples("bash")
    assert "OPENAI_BASE_URL" in export
    told = [
        subprocess.run(
            ["bash", "-c", command], cwd=folder, env=settings(server), check=True, timeout=120, capture_output=True
        ).stdout.decode()
        for command in commands
    ]
    assert len(told) == 3
    assert told[0].endswith("data: [DONE]\n\n")
    assert told[1]
    assert "error" not in told[1]
    assert read_audio(folder / "reading.mp3").seconds > 0.1
