"""The capture worklet at rates that microphones have, rendered offline in a real browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .conftest import Visit
from .stand_in import RATE

RENDER = """
async ({ rate, pitch, channels }) => {
  const context = new OfflineAudioContext(1, rate, rate);
  await context.audioWorklet.addModule("/page/capture-worklet.js");
  const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 1 });
  const sound = context.createBuffer(channels, rate, rate);
  for (let channel = 0; channel < channels; channel++) {
    sound.getChannelData(channel).forEach((_, i, all) => (all[i] = 0.5 * Math.sin((2 * Math.PI * pitch * i) / rate)));
  }
  const source = new AudioBufferSourceNode(context, { buffer: sound });
  source.connect(node).connect(context.destination);
  source.start();
  const heard = [];
  const flushed = new Promise((resolve) => {
    node.port.onmessage = ({ data }) => (data === "flushed" ? resolve() : heard.push(...data));
  });
  await context.startRendering();
  node.port.postMessage({ type: "flush" });
  await flushed;
  return heard;
}
"""


def captured(visit: Visit, rate: int, pitch: float, channels: int = 1) -> np.ndarray[Any, Any]:
    """What the worklet makes of a second of a sine of amplitude 0.5, [n]."""
    return np.array(visit.page.evaluate(RENDER, {"rate": rate, "pitch": pitch, "channels": channels})) / 32767


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_keeps_its_pitch_and_loudness_at_any_rate(visit: Visit, rate: int, channels: int) -> None:
    visit.open()
    heard = captured(visit, rate, 1000.0, channels)
    assert RATE - 200 < len(heard) < RATE + 128  # rendering goes by blocks of 128
    heard = heard[1000:-1000]
    time = np.arange(len(heard)) / RATE
    parts = np.stack([np.sin(2 * np.pi * 1000 * time), np.cos(2 * np.pi * 1000 * time)])
    weights, residual, *_ = np.linalg.lstsq(parts.T, heard, rcond=None)
    assert np.hypot(*weights) == pytest.approx(0.5, rel=0.01)
    assert np.sqrt(residual[0] / len(heard)) < 1e-3


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_what_24_khz_can_not_hold_is_left_out(visit: Visit, rate: int) -> None:
    visit.open()
    assert np.abs(captured(visit, rate, 15_000.0)[1000:-1000]).max() < 0.005
