"""Readers of Common Voice and of the translations made for it: CoVoST 2 (text) and CVSS (speech)."""

import re
from collections.abc import Iterator
from pathlib import Path

from stepwave.data.languages import language_code
from stepwave.prepare.ingest.entries import Answer, Entry, LayoutError, Place, gender, known
from stepwave.prepare.ingest.tables import read_table

_PARTS = ("train", "dev", "test", "validated", "other", "invalidated")
_BY_DEFAULT = ("train", "dev", "test")
"""`validated` holds these three again, the rest is not checked: both only when asked for."""
_COVOST = re.compile(r"covost_v2\.([A-Za-z-]+)_([A-Za-z-]+)(?:\.(train|dev|test))?\.tsv")
_CLIP = re.compile(r"common_voice_([A-Za-z-]+)_\d+")
_CVSS = re.compile(r"cvss[_-]?([ct])(?![a-z])")
_SPEAKER_DIGITS = 16
"""Of the 128 hexadecimal digits that name a speaker; two of 100,000 speakers share them with odds of 1 to 10^9."""


def common_voice(place: Place) -> Iterator[Entry]:
    """Common Voice: LANGUAGE/PART.tsv and LANGUAGE/clips, or the folder of one language."""
    if (place.folder / "clips").is_dir():
        homes = {place.folder.resolve().name: place.folder}
    else:
        homes = {each.name: each for each in sorted(place.folder.glob("*")) if (each / "clips").is_dir()}
    for tongue in place.tongues(list(homes)):
        home = homes[tongue]
        for part in place.parts([name for name in _PARTS if (home / f"{name}.tsv").is_file()], _BY_DEFAULT):
            for row in read_table(home / f"{part}.tsv", ("path", "sentence", "client_id")):
                yield Entry(
                    _name(row["path"]),
                    _clip(home / "clips", row["path"]),
                    text=row["sentence"],
                    language=language_code(row.get("locale", "") or tongue),
                    part=part,
                    speaker=row["client_id"][:_SPEAKER_DIGITS],
                    attributes=_attributes(row),
                )


def covost(place: Place) -> Iterator[Entry]:
    """CoVoST 2: covost_v2.SOURCE_TARGET.tsv, whole or by parts, over the clips of a Common Voice language."""
    lists = [(path, found) for path in sorted(place.folder.glob("*.tsv")) if (found := _COVOST.fullmatch(path.name))]
    if not lists:
        raise LayoutError("it has no covost_v2.SOURCE_TARGET.tsv")
    by_parts = {found.group(1, 2) for _, found in lists if found[3]}
    sources = set(place.tongues(sorted({found[1] for _, found in lists})))
    clips, spoken = _source(place)
    parts = set(place.parts(_BY_DEFAULT))
    for path, found in lists:
        source, target, own = found.groups()
        if source not in sources or (own is None and (source, target) in by_parts):
            continue
        for row in read_table(path, ("path", "translation") if own else ("path", "translation", "split")):
            # The lists' authors count `train_covost`, sentences that Common Voice does not train on, to the training.
            part = own or {"train_covost": "train"}.get(row["split"], row["split"])
            if part not in parts:
                continue
            said = spoken.get(row["path"], {})
            yield Entry(
                f"{source}_{target}-{_name(row['path'])}",
                _clip(clips, row["path"]),
                kind="s2tt",
                text=row.get("sentence", "") or said.get("sentence", ""),
                language=language_code(source),
                part=part,
                speaker=(row.get("client_id", "") or said.get("client_id", ""))[:_SPEAKER_DIGITS],
                attributes=_attributes(said),
                answer=Answer(row["translation"], language_code(target)),
            )


def cvss(place: Place) -> Iterator[Entry]:
    """CVSS: PART.tsv (clip, translation; no heading) and PART/*.wav, spoken translations of Common Voice clips."""
    parts = place.parts([name for name in _BY_DEFAULT if (place.folder / f"{name}.tsv").is_file()])
    clips, spoken = _source(place)
    home = place.folder.resolve()
    # One voice speaks all of CVSS-C, CVSS-T copies the source's; only the folder's name says which of them it is.
    version = _CVSS.search(f"{home.parent.name}/{home.name}".lower())
    for part in parts:
        for row in read_table(place.folder / f"{part}.tsv", (), columns=("path", "translation")):
            name = _name(row["path"])
            said = spoken.get(f"{name}.mp3", {})
            tongue = _CLIP.match(name)
            speaker = said.get("client_id", "")[:_SPEAKER_DIGITS]
            voices = {"c": "c", "t": f"t-{speaker}" if speaker else ""}
            yield Entry(
                name,
                _clip(clips, f"{name}.mp3"),
                kind="s2st",
                text=said.get("sentence", ""),
                language=language_code(tongue[1]) if tongue else "",
                part=part,
                speaker=speaker,
                attributes=_attributes(said),
                answer=Answer(
                    row["translation"],
                    "en",
                    _answer_file(place.folder / part, name),
                    voices[version[1]] if version else "",
                ),
            )


def _source(place: Place) -> tuple[Path, dict[str, dict[str, str]]]:
    """The clips of Common Voice, and what its list says of each by file name."""
    home = place.sounds or place.folder
    clips = home / "clips" if (home / "clips").is_dir() else home
    if not clips.is_dir() or (clips == place.folder and not any(clips.glob("*.mp3"))):
        raise LayoutError("the folder `clips` of the Common Voice language is not in it; name it with --sounds")
    said: dict[str, dict[str, str]] = {}
    for table in (home / "validated.tsv", clips.parent / "validated.tsv"):
        if table.is_file() and not said:
            said = {row["path"]: row for row in read_table(table, ("path", "sentence", "client_id"))}
    return clips, said


def _attributes(row: dict[str, str]) -> dict[str, str]:
    accent = row.get("accents", "") or row.get("accent", "") or row.get("variant", "")
    return known(gender=gender(row.get("gender", "")), age=row.get("age", ""), accent=accent)


def _name(path: str) -> str:
    return re.sub(r"(\.mp3)?(\.wav)?$", "", path)


def _clip(clips: Path, path: str) -> str:
    # Lists of later releases leave out the ending.
    return str(clips / (path if Path(path).suffix else f"{path}.mp3"))


def _answer_file(folder: Path, name: str) -> str:
    plain = folder / f"{name}.wav"
    return str(plain if plain.is_file() else folder / f"{name}.mp3.wav")
