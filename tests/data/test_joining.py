"""Joined clips hold every clip once, in one order for frames and text, and stay within one piece."""

import random
from pathlib import Path

import torch

from stepwave.data.joining import LONGEST, Clip, heard_frames, join_some
from stepwave.data.store import StoreWriter, TensorStore


def test_every_clip_is_heard_once_and_names_and_texts_keep_their_order() -> None:
    clips = [Clip(f"c{number}", 60 + number, f"text {number}.") for number in range(40)]
    joined = join_some(clips, 0.5, random.Random(1))
    parts = [name for clip in joined for name in clip.name.split("+")]
    assert sorted(parts) == sorted(clip.name for clip in clips)
    assert sum("+" not in clip.name for clip in joined) >= 20
    assert any(clip.name.count("+") >= 2 for clip in joined)
    frames = {clip.name: clip.frames for clip in clips}
    for clip in joined:
        names = clip.name.split("+")
        assert clip.frames == sum(frames[name] for name in names) <= LONGEST
        assert clip.text == " ".join(f"text {name[1:]}." for name in names)


def test_long_clips_stay_alone() -> None:
    clips = [Clip(f"c{number}", LONGEST - 10, "long") for number in range(6)]
    assert sorted(clip.name for clip in join_some(clips, 1.0, random.Random(0))) == [f"c{n}" for n in range(6)]


def test_frames_follow_the_names(tmp_path: Path) -> None:
    with StoreWriter(tmp_path) as writer:
        writer.add("a.frames", torch.full((2, 3), 1.0))
        writer.add("b.frames", torch.full((1, 3), 2.0))
    frames = heard_frames(TensorStore(tmp_path), "b+a")
    assert frames.dtype == torch.float32
    assert frames[:, 0].tolist() == [2.0, 1.0, 1.0]
