"""Readers of corpora of sounds: AudioSet, AudioCaps, VocalSound, CochlScene, ESC-50 and ESC-10.

AudioSet and AudioCaps are lists of stretches of videos; their sounds are whatever clips somebody has, in a folder,
named by the video. A stretch that is listed without a clip is counted as missing.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stepwave.prepare.ingest.entries import Entry, LayoutError, Place, gender, known, readable
from stepwave.prepare.ingest.tables import read_table

_AUDIOSET: Final = {
    "balanced_train": "balanced_train_segments.csv",
    "unbalanced_train": "unbalanced_train_segments.csv",
    "eval": "eval_segments.csv",
}
_VOCALSOUND: Final = {"train": "tr_meta.csv", "val": "val_meta.csv", "test": "te_meta.csv"}
_VOCALSOUND_COLUMNS: Final = ("speaker", "gender", "age", "country", "native_language", "health")


def audioset(place: Place) -> Iterator[Entry]:
    """AudioSet: *_segments.csv, class_labels_indices.csv, and clips named YTID, YYTID, YTID_START or YTID_START_END."""
    names = {
        row["mid"]: row["display_name"]
        for row in read_table(place.need("class_labels_indices.csv"), ("mid", "display_name"), "csv")
    }
    clips = _Clips(place.sounds or place.folder)
    for part in place.parts([name for name, file in _AUDIOSET.items() if (place.folder / file).is_file()]):
        with (place.folder / _AUDIOSET[part]).open(encoding="utf-8", newline="") as lines:
            for row in csv.reader((line for line in lines if not line.startswith("#")), skipinitialspace=True):
                video, start, end, labels = (*row, "", "", "", "")[:4]
                yield Entry(
                    f"{video}_{start.partition('.')[0]}",
                    clips.find(video, start, end),
                    kind="sound",
                    part=part,
                    details={"labels": [names.get(each, each) for each in labels.split(",") if each]},
                )


def audiocaps(place: Place) -> Iterator[Entry]:
    """AudioCaps: train.csv, val.csv, test.csv, and clips named as those of AudioSet; captions of a clip are joined."""
    clips = _Clips(place.sounds or place.folder)
    for part in place.parts([name for name in ("train", "val", "test") if (place.folder / f"{name}.csv").is_file()]):
        captions: dict[tuple[str, str], list[str]] = {}
        for row in read_table(place.folder / f"{part}.csv", ("youtube_id", "start_time", "caption"), "csv"):
            captions.setdefault((row["youtube_id"], row["start_time"]), []).append(row["caption"])
        for (video, start), said in captions.items():
            yield Entry(
                f"{video}_{start}",
                clips.find(video, start, str(int(start) + 10) if start.isdigit() else ""),
                kind="sound",
                part=part,
                details={"captions": said},
            )


def vocalsound(place: Place) -> Iterator[Entry]:
    """VocalSound: audio_16k (or audio_44k) with SPEAKER_NUMBER_SOUND.wav, speakers in meta/{tr,val,te}_meta.csv."""
    place = place.inside("data", "vs_release_16k", "vs_release_44k")
    found = [part for part, file in _VOCALSOUND.items() if (place.folder / "meta" / file).is_file()]
    if not found:
        raise LayoutError("it has no meta/tr_meta.csv")
    folder = next((path for name in ("audio_16k", "audio_44k") if (path := place.folder / name).is_dir()), None)
    if folder is None:
        raise LayoutError("it has no audio_16k")
    files: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*.wav")):
        files.setdefault(file.stem.split("_")[0], []).append(file)
    for part in place.parts(found):
        for row in read_table(place.folder / "meta" / _VOCALSOUND[part], (), "csv", _VOCALSOUND_COLUMNS):
            about = known(**{**row, "speaker": "", "gender": gender(row["gender"])})
            for file in files.get(row["speaker"], ()):
                label = file.stem.rsplit("_", 1)[-1].replace("throatclearing", "throat clearing")
                yield Entry(
                    file.stem,
                    str(file),
                    kind="sound",
                    speaker=row["speaker"],
                    part=part,
                    attributes=about,
                    details={"labels": [label]},
                )


def cochlscene(place: Place) -> Iterator[Entry]:
    """CochlScene: Train, Val and Test, each with a folder of wav files per scene."""
    place = place.inside("CochlScene")
    for part in place.parts([name for name in ("Train", "Val", "Test") if (place.folder / name).is_dir()]):
        for file in sorted((place.folder / part).glob("*/*.wav")):
            labels = {"labels": [readable(file.parent.name)]}
            yield Entry(f"{part}-{file.stem}", str(file), kind="sound", part=part, details=labels)


def esc50(place: Place) -> Iterator[Entry]:
    """ESC-50: meta/esc50.csv and audio/*.wav; its five folds are parts, and none of them is held out."""
    yield from _esc(place, of_ten=False)


def esc10(place: Place) -> Iterator[Entry]:
    """The ten classes of ESC-50 that were published as ESC-10 under a freer licence."""
    yield from _esc(place, of_ten=True)


def _esc(place: Place, of_ten: bool) -> Iterator[Entry]:
    place = place.inside("ESC-50-master", "ESC-50")
    audio = place.need("audio")
    rows = list(read_table(place.need("meta/esc50.csv"), ("filename", "fold", "category", "esc10"), "csv"))
    parts = place.parts([f"fold-{fold}" for fold in sorted({row["fold"] for row in rows})])
    for row in rows:
        if f"fold-{row['fold']}" in parts and (not of_ten or row["esc10"] == "True"):
            yield Entry(
                Path(row["filename"]).stem,
                str(audio / row["filename"]),
                kind="sound",
                part=f"fold-{row['fold']}",
                split="train",
                details={"labels": [readable(row["category"])], "fold": int(row["fold"])},
            )


class _Clips:
    """Files in a folder and the folders in it, by name without ending."""

    def __init__(self, folder: Path) -> None:
        self._files: dict[str, str] = {}
        for home, folders, files in os.walk(folder):
            folders.sort()
            for name in sorted(files):
                stem, ending = os.path.splitext(name)
                if ending.lower() not in (".csv", ".tsv", ".json", ".txt"):
                    self._files.setdefault(stem, os.path.join(home, name))
        if not self._files:
            raise LayoutError(f"there are no clips in {folder}; name their folder with --sounds")

    def find(self, video: str, start: str, end: str) -> str:
        """The file of a stretch; empty where there is none. Tools write seconds or milliseconds into names."""
        starts, ends = _ways(start), _ways(end)
        names = [video, *(f"{video}_{one}" for one in starts)]
        names += [f"{video}_{one}_{other}" for one, other in zip(starts, ends, strict=False)]
        return next((self._files[each] for name in names for each in (name, f"Y{name}") if each in self._files), "")


def _ways(seconds: str) -> list[str]:
    try:
        value = float(seconds)
    except ValueError:
        return []
    return [f"{value:.3f}", f"{value:g}", f"{value:.1f}", str(round(value * 1000))]
