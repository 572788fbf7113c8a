"""`python -m stepwave.vllm`, as far as it goes without vLLM."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.vllm.__main__ import run
from stepwave.vllm.measure import Speed, measure


def test_export_writes_a_folder_and_tells_how_to_serve_it(
    tiny_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "served"
    monkeypatch.setattr(sys, "argv", ["stepwave.vllm", "export", str(tiny_nano), "--to", str(to)])
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"vllm serve {to} ")
    assert (to / "model.safetensors").is_file()
    with pytest.raises(SystemExit) as ended:
        run()
    assert "not empty" in str(ended.value.code)


def test_a_speed_is_told_in_real_time() -> None:
    speed = Speed(streams=4, tokens=500, seconds=4.0)
    assert (speed.rate, speed.share_of_real_time) == (125.0, 1.0)


def test_measuring_wants_numbers_and_vllm(tmp_path: Path) -> None:
    for streams, tokens in (([0], 5), ([], 5), ([1], 0)):
        with pytest.raises(ConfigError, match="at least 1"):
            next(measure(tmp_path, streams, tokens))
    if find_spec("vllm") is None:
        with pytest.raises(MissingExtraError, match=r"stepwave\[vllm\]"):
            next(measure(tmp_path, [1]))
